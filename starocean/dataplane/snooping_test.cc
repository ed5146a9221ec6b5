// Snooping: what the control thread makes of what was heard, and where the switch then sends groups.

#include "starocean/dataplane/snooping.h"

#include <gtest/gtest.h>

#include "starocean/dataplane/switch_for_test.h"
#include "starocean/net/build.h"
#include "starocean/net/checksum.h"

namespace starocean::dataplane {
namespace {

constexpr BridgeId kBridge{0};
constexpr uint16_t kVlan = 10;
constexpr PortId kHost{0}, kRouter{1}, kOther{2};
const uint64_t kGroupMac = net::MacAddress({1, 0, 0x5e, 1, 2, 3}).as_u64();

GroupEvent event(GroupEvent::Kind kind, PortId port, uint64_t group = 0) {
  return {kind, kVlan, kBridge, port, group};
}

PortSet ports(std::initializer_list<PortId> list) {
  PortSet set;
  for (const PortId port : list) set.add(port);
  return set;
}

const PortSet* receivers(SnoopingState& state, std::unique_ptr<const SnoopingTables>& kept) {
  kept = state.make_tables();
  return kept->bridges.empty() ? nullptr : kept->bridges[0].receivers(kVlan, kGroupMac);
}

TEST(Snooping, WhoHasAskedAndRoutersReceive) {
  SnoopingState state;
  std::unique_ptr<const SnoopingTables> tables;
  EXPECT_FALSE(state.changed());
  EXPECT_EQ(receivers(state, tables), nullptr);
  state.observe(event(GroupEvent::kJoin, kHost, kGroupMac), 1'000);
  EXPECT_TRUE(state.changed());
  ASSERT_NE(receivers(state, tables), nullptr);
  EXPECT_EQ(*receivers(state, tables), ports({kHost}));
  EXPECT_FALSE(tables->bridges[0].vlan(kVlan)->querier4);
  state.observe(event(GroupEvent::kQuerier4, kRouter), 1'000);
  state.observe(event(GroupEvent::kRouter, kRouter), 1'000);
  EXPECT_EQ(*receivers(state, tables), ports({kHost, kRouter}));
  EXPECT_TRUE(tables->bridges[0].vlan(kVlan)->querier4);
  EXPECT_FALSE(tables->bridges[0].vlan(kVlan)->querier6);
  EXPECT_EQ(tables->bridges[0].vlan(11), nullptr);
  EXPECT_EQ(tables->bridges[0].receivers(11, kGroupMac), nullptr);
  state.observe(event(GroupEvent::kJoin, kHost, kGroupMac), 2'000);
  EXPECT_FALSE(state.changed()) << "a renewal needs no new tables";
}

TEST(Snooping, WhatIsNotRenewedIsForgottenInTime) {
  SnoopingState state;
  std::unique_ptr<const SnoopingTables> tables;
  state.observe(event(GroupEvent::kQuerier4, kRouter), 0);
  state.observe(event(GroupEvent::kJoin, kHost, kGroupMac), 0);
  state.observe(event(GroupEvent::kJoin, kOther, kGroupMac), 1'000);
  state.expire(SnoopingState::kQuerierMs - 1);
  EXPECT_EQ(*receivers(state, tables), ports({kHost, kOther}));
  state.expire(SnoopingState::kQuerierMs);
  EXPECT_TRUE(state.changed());
  receivers(state, tables);
  EXPECT_FALSE(tables->bridges[0].vlan(kVlan)->querier4);
  state.expire(SnoopingState::kMembershipMs);
  EXPECT_EQ(*receivers(state, tables), ports({kOther}));
  state.expire(SnoopingState::kMembershipMs + 1'000);
  EXPECT_EQ(receivers(state, tables), nullptr);
  EXPECT_TRUE(state.memberships().empty());
}

TEST(Snooping, WhoLeavesHasTimeForOthersBehindItsPortToObject) {
  SnoopingState state;
  std::unique_ptr<const SnoopingTables> tables;
  for (const PortId port : {kHost, kOther})
    state.observe(event(GroupEvent::kJoin, port, kGroupMac), 0);
  for (const PortId port : {kHost, kOther})
    state.observe(event(GroupEvent::kLeave, port, kGroupMac), 10);
  state.observe(event(GroupEvent::kJoin, kOther, kGroupMac), 500);
  state.expire(10 + SnoopingState::kLeaveMs - 1);
  EXPECT_EQ(*receivers(state, tables), ports({kHost, kOther}));
  state.expire(10 + SnoopingState::kLeaveMs);
  EXPECT_EQ(*receivers(state, tables), ports({kOther}));
  state.observe(event(GroupEvent::kLeave, kHost, 77), 20'000);  // of what nobody wants
  EXPECT_FALSE(state.changed());
}

TEST(Snooping, APortOrBridgeThatGoesTakesWhatWasHeardWithIt) {
  SnoopingState state;
  std::unique_ptr<const SnoopingTables> tables;
  for (const PortId port : {kHost, kOther})
    state.observe(event(GroupEvent::kJoin, port, kGroupMac), 0);
  state.forget(kHost);
  EXPECT_EQ(*receivers(state, tables), ports({kOther}));
  state.forget(kBridge);
  EXPECT_EQ(receivers(state, tables), nullptr);
}

TEST(Snooping, GroupsAreBoundedPerBridgeAndComeBackWithRoom) {
  SnoopingState state;
  for (uint64_t i = 1; i <= SnoopingState::kMaxGroups + 10; ++i) {
    state.observe(event(GroupEvent::kJoin, kHost, i << 8 | 1), i <= 100 ? 0 : 1'000);
  }
  EXPECT_EQ(state.memberships().size(), SnoopingState::kMaxGroups);
  const auto tables = state.make_tables();
  for (uint64_t i = 1; i <= SnoopingState::kMaxGroups; ++i) {
    ASSERT_NE(tables->bridges[0].receivers(kVlan, i << 8 | 1), nullptr) << i;
  }
  state.expire(SnoopingState::kMembershipMs);
  EXPECT_EQ(state.memberships().size(), SnoopingState::kMaxGroups - 100);
  state.observe(event(GroupEvent::kJoin, kHost, kGroupMac), SnoopingState::kMembershipMs);
  EXPECT_EQ(state.memberships().size(), SnoopingState::kMaxGroups - 99);
}

// --- The switch ---

Bytes igmp(uint32_t source, uint32_t destination, Bytes message) {
  message[2] = message[3] = 0;
  const be16 sum = net::compute_checksum(std::as_bytes(std::span(message)));
  std::memcpy(&message[2], &sum, sizeof sum);
  std::vector<std::byte> room(128 + message.size());
  net::PacketBuffer packet(room, 128, 0);
  std::memcpy(packet.append(message.size()), message.data(), message.size());
  EXPECT_TRUE(net::push_ipv4(packet, {.src = net::Ipv4Address(source),
                                      .dst = net::Ipv4Address(destination),
                                      .protocol = 2,
                                      .ttl = 1}));
  const auto* data = reinterpret_cast<const uint8_t*>(packet.data());
  return Bytes{8, 0} + Bytes(data, data + packet.size());
}
Bytes mac_of_group(uint32_t group) {
  return {1,
          0,
          0x5e,
          static_cast<uint8_t>(group >> 16 & 0x7f),
          static_cast<uint8_t>(group >> 8),
          static_cast<uint8_t>(group)};
}
constexpr uint32_t kGroupAddress = 0xef010203, kLinkGroup = 0xe0000005;

BridgeRules snooping_bridge() {
  BridgeRules rules;
  rules.vlan_aware = rules.multicast_snooping = true;
  rules.members = {access(0, kVlan), trunk(1, {kVlan, 20}), access(2, kVlan), access(3, 20)};
  return rules;
}

std::vector<uint16_t> where(const std::vector<Sent>& out) {
  std::vector<uint16_t> result;
  result.reserve(out.size());
  for (const Sent& one : out) result.push_back(one.port.value());
  return result;
}

using Ports = std::vector<uint16_t>;

TEST(Snooping, TheSwitchHearsReportsAndQueriesAndSendsGroupsToWhoAsked) {
  SwitchForTest sw(snooping_bridge());
  SnoopingState state;
  const auto learn = [&] {
    for (const GroupEvent& heard : sw.take_events()) state.observe(heard, 0);
    sw.publish(state.make_tables());
  };
  const Bytes data =
      mac_of_group(kGroupAddress) + kStationB + igmp(0x0a000002, kGroupAddress, Bytes(8, 0xff));
  const Bytes stream =
      [&] {  // UDP, not IGMP; that its lengths are nonsense is nobody's business here
        Bytes frame = data;
        frame[14 + 9] = 17;
        return frame;
      }();
  const Bytes report = mac_of_group(kGroupAddress) + kStationA +
                       igmp(0x0a000001, kGroupAddress, {0x16, 0, 0, 0, 0xef, 1, 2, 3});
  EXPECT_EQ(where(sw.receive(2, stream)), (Ports{0, 1})) << "nothing heard: flooded";
  EXPECT_EQ(where(sw.receive(0, report)), (Ports{1, 2})) << "no router known: flooded";
  learn();
  EXPECT_EQ(where(sw.receive(1, kGroup + kStationB + tag(net::kEtherTypeVlan, kVlan) +
                                    Bytes(stream.begin() + 12, stream.end()))),
            (Ports{0, 2}))
      << "no querier: flooded";
  const Bytes query = mac_of_group(0xe0000001) + kStationB + tag(net::kEtherTypeVlan, kVlan) +
                      igmp(0x0a0000fe, 0xe0000001, {0x11, 100, 0, 0, 0, 0, 0, 0});
  EXPECT_EQ(where(sw.receive(1, query)), (Ports{0, 2})) << "queries are for all";
  learn();
  EXPECT_EQ(where(sw.receive(2, stream)), (Ports{0, 1})) << "who asked, and the router";
  EXPECT_EQ(where(sw.receive(0, stream)), (Ports{1})) << "not back, and not to who has not asked";
  EXPECT_EQ(where(sw.receive(0, report)), (Ports{1})) << "reports are for routers";
  Bytes unknown = stream;
  unknown[5] = 9;
  EXPECT_EQ(where(sw.receive(0, unknown)), (Ports{1, 2})) << "nobody asked for that one: flooded";
  const Bytes ospf =
      mac_of_group(kLinkGroup) + kStationA + igmp(0x0a000001, kLinkGroup, Bytes(8, 1));
  EXPECT_EQ(where(sw.receive(0, ospf)), (Ports{1, 2})) << "of the link: flooded";
  EXPECT_EQ(where(sw.receive(3, mac_of_group(kGroupAddress) + kStationA +
                                    Bytes(stream.begin() + 12, stream.end()))),
            (Ports{1}))
      << "VLAN 20 knows nothing of that";
  EXPECT_EQ(where(sw.receive(0, kEveryone + kStationA + kPayload)), (Ports{1, 2}));
}

TEST(Snooping, AMalformedMessageTeachesNothingAndIsCounted) {
  SwitchForTest sw(snooping_bridge());
  Bytes report = mac_of_group(kGroupAddress) + kStationA +
                 igmp(0x0a000001, kGroupAddress, {0x16, 0, 0, 0, 0xef, 1, 2, 3});
  report.back() ^= 1;
  EXPECT_EQ(where(sw.receive(0, report)), (Ports{1, 2}));
  EXPECT_TRUE(sw.take_events().empty());
  EXPECT_EQ(sw.count(0, PortCounter::snooping_malformed), 1u);
}

}  // namespace
}  // namespace starocean::dataplane
