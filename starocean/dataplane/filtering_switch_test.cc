// The VLAN-aware switch, frame by frame: what goes where, with which tag, and what is dropped by which name.

#include <gtest/gtest.h>

#include "starocean/dataplane/switch_for_test.h"

namespace starocean::dataplane {
namespace {

using net::kEtherTypeServiceVlan;
using net::kEtherTypeVlan;

constexpr uint16_t kAccess10 = 0, kTrunk = 1, kAccess20 = 2, kNative = 3, kOther = 4;

// Port 0: VLAN 10. Port 1: trunk of 10, 20, 30. Port 2: VLAN 20. Port 3: trunk of 10 and 20, 20 without tag.
BridgeRules office() {
  BridgeRules rules;
  rules.vlan_aware = true;
  rules.members = {access(kAccess10, 10), trunk(kTrunk, {10, 20, 30}), access(kAccess20, 20),
                   trunk(kNative, {10, 20}, 20)};
  return rules;
}

const Bytes kBroadcast = kEveryone + kStationA;

TEST(FilteringSwitch, AnUntaggedFrameIsFloodedInItsVlanWithTheTagOfEachPort) {
  SwitchForTest sw(office());
  const auto out = sw.receive(kAccess10, kBroadcast + kPayload);
  const std::vector<Sent> expected = {
      sent(kTrunk, kBroadcast + tag(kEtherTypeVlan, 10) + kPayload),
      sent(kNative, kBroadcast + tag(kEtherTypeVlan, 10) + kPayload)};
  EXPECT_EQ(out, expected);
  EXPECT_EQ(sw.count(kAccess10, PortCounter::flooded), 1u);
  EXPECT_EQ(sw.count(kTrunk, PortCounter::copies), 1u);
}

TEST(FilteringSwitch, ATaggedFrameLeavesWithoutTagWhereItsVlanHasNone) {
  SwitchForTest sw(office());
  const auto out = sw.receive(kTrunk, kBroadcast + tag(kEtherTypeVlan, 20) + kPayload);
  const std::vector<Sent> expected = {sent(kAccess20, kBroadcast + kPayload),
                                      sent(kNative, kBroadcast + kPayload)};
  EXPECT_EQ(out, expected);
}

TEST(FilteringSwitch, ATagThatNeedNotChangeIsNotTouched) {
  SwitchForTest sw(office());
  const Bytes frame = kBroadcast + tag(kEtherTypeVlan, 0xb000 | 10) + kPayload;
  const auto out = sw.receive(kTrunk, frame);
  const std::vector<Sent> expected = {sent(kAccess10, kBroadcast + kPayload), sent(kNative, frame)};
  EXPECT_EQ(out, expected);
}

// What each kind of member makes of each kind of frame: the VLAN that it is flooded in, seen by the tag on a
// trunk of all VLANs, or the name of its drop.
struct Case {
  const char* what;
  BridgeMember member;
  Bytes tags;
  Bytes on_trunk;  // empty: dropped
  PortCounter reason = PortCounter::kCount;
};

TEST(FilteringSwitch, EachKindOfMemberTakesItsFramesAndDropsOthersByName) {
  BridgeMember tunnel = access(0, 10);
  tunnel.tunnel = true;
  const Bytes untagged, priority = tag(kEtherTypeVlan, 0xa000), own = tag(kEtherTypeVlan, 10),
                        prio_own = tag(kEtherTypeVlan, 0x600a), foreign = tag(kEtherTypeVlan, 11),
                        service = tag(kEtherTypeServiceVlan, 10),
                        reserved = tag(kEtherTypeVlan, 4095);
  const auto not_allowed = PortCounter::drop_vlan_not_allowed;
  const std::vector<Case> cases = {
      {"access, untagged", access(0, 10), untagged, own},
      {"access, priority tag", access(0, 10), priority, tag(kEtherTypeVlan, 0xa00a)},
      {"access, own VLAN", access(0, 10), prio_own, prio_own},
      {"access, another VLAN", access(0, 10), foreign, {}, not_allowed},
      {"access, reserved VLAN", access(0, 10), reserved, {}, not_allowed},
      {"access, S-tag is payload", access(0, 10), service, own + service},
      {"trunk, untagged", trunk(0, {10}), untagged, {}, PortCounter::drop_untagged},
      {"trunk, priority tag", trunk(0, {10}), priority, {}, PortCounter::drop_untagged},
      {"trunk, its VLAN", trunk(0, {10}), prio_own, prio_own},
      {"trunk, another VLAN", trunk(0, {10}), foreign, {}, not_allowed},
      {"trunk, two tags", trunk(0, {10}), own + foreign, own + foreign},
      {"trunk, S-tag", trunk(0, {10}), service, {}, PortCounter::drop_untagged},
      {"native trunk, untagged", trunk(0, {10, 11}, 10), untagged, own},
      {"native trunk, priority tag", trunk(0, {10, 11}, 10), priority, tag(kEtherTypeVlan, 0xa00a)},
      {"native trunk, native VLAN tagged", trunk(0, {10, 11}, 10), own, own},
      {"S-tag trunk, S-tag", trunk(0, {10}, 0, kEtherTypeServiceVlan), service, own},
      {"S-tag trunk, C-tag",
       trunk(0, {10}, 0, kEtherTypeServiceVlan),
       own,
       {},
       PortCounter::drop_untagged},
      {"S-tag trunk, both", trunk(0, {10}, 0, kEtherTypeServiceVlan), service + foreign,
       own + foreign},
      {"tunnel, untagged", tunnel, untagged, own},
      {"tunnel, C-tag is payload", tunnel, foreign, own + foreign},
      {"tunnel, priority tag is payload", tunnel, priority, own + priority},
      {"tunnel, S-tag is payload", tunnel, service, own + service},
  };
  for (const Case& one : cases) {
    SCOPED_TRACE(one.what);
    BridgeRules rules;
    rules.vlan_aware = true;
    rules.members = {one.member, trunk(1, {10, 11, 20})};
    SwitchForTest sw(std::move(rules));
    const auto out = sw.receive(0, kBroadcast + one.tags + kPayload);
    if (one.on_trunk.empty()) {
      EXPECT_TRUE(out.empty());
      EXPECT_EQ(sw.count(0, one.reason), 1u);
      EXPECT_EQ(sw.macs().table().size(), 0u) << "a frame of no VLAN teaches nothing";
    } else {
      EXPECT_EQ(out, std::vector<Sent>{sent(1, kBroadcast + one.on_trunk + kPayload)});
    }
  }
}

TEST(FilteringSwitch, ACustomersTagsTravelThroughAServiceTrunkAndComeOutAsTheyWere) {
  const auto rules = [] {
    BridgeRules made;
    made.vlan_aware = true;
    made.members = {access(0, 100), trunk(1, {100}, 0, kEtherTypeServiceVlan)};
    made.members[0].tunnel = true;
    return made;
  };
  const Bytes customer =
      kBroadcast + tag(kEtherTypeVlan, 0x3007) + tag(kEtherTypeVlan, 8) + kPayload;
  SwitchForTest near(rules()), far(rules());
  const auto between = near.receive(0, customer);
  ASSERT_EQ(between, std::vector<Sent>{sent(1, kBroadcast + tag(kEtherTypeServiceVlan, 100) +
                                                   tag(kEtherTypeVlan, 0x3007) +
                                                   tag(kEtherTypeVlan, 8) + kPayload)});
  EXPECT_EQ(far.receive(1, between[0].bytes), std::vector<Sent>{sent(0, customer)});
}

TEST(FilteringSwitch, APacketOfSeveralBuffersGetsItsTagInTheFirst) {
  SwitchForTest sw(office());
  sw.snapshot().ports[kTrunk].mtu_bytes = sw.snapshot().ports[kNative].mtu_bytes = 9000;
  const Bytes more(1700, 0x5a), last(3, 0xa5);
  const auto out = sw.receive(kAccess10, {kBroadcast + kPayload, more, last});
  const Bytes tagged = kBroadcast + tag(kEtherTypeVlan, 10) + kPayload + more + last;
  EXPECT_EQ(out, (std::vector<Sent>{sent(kTrunk, tagged), sent(kNative, tagged)}));
  const auto back =
      sw.receive(kTrunk, {kBroadcast + tag(kEtherTypeVlan, 20) + kPayload, more, last});
  EXPECT_EQ(back, std::vector<Sent>{sent(kNative, kBroadcast + kPayload + more + last)});
  EXPECT_EQ(sw.count(kAccess20, PortCounter::drop_egress_mtu), 1u);
}

TEST(FilteringSwitch, TheMtuIsThatOfTheFrameAsItLeaves) {
  SwitchForTest sw(office());
  const Bytes full = kBroadcast + kPayload + Bytes(1500 - 50, 0);
  const auto out = sw.receive(kAccess10, full);
  ASSERT_EQ(out.size(), 2u) << "a tag does not count (include/linux/if_vlan.h)";
  EXPECT_EQ(out[0].bytes.size(), 1518u);
  EXPECT_TRUE(sw.receive(kAccess10, full + Bytes{0}).empty());
  EXPECT_EQ(sw.count(kTrunk, PortCounter::drop_egress_mtu), 1u);
}

TEST(FilteringSwitch, WithoutRoomBeforeThePacketATagIsNotPutOn) {
  SwitchForTest sw(office());
  sw.headroom_bytes = 3;
  EXPECT_TRUE(sw.receive(kAccess10, kBroadcast + kPayload).empty());
  EXPECT_EQ(sw.count(kTrunk, PortCounter::drop_no_headroom), 1u);
  EXPECT_EQ(sw.count(kNative, PortCounter::drop_no_headroom), 1u);
  sw.headroom_bytes = 4;
  EXPECT_EQ(sw.receive(kAccess10, kBroadcast + kPayload).size(), 2u);
}

TEST(FilteringSwitch, AnAddressIsKnownInTheVlanThatItWasHeardIn) {
  SwitchForTest sw(office());
  sw.receive(kTrunk, kEveryone + kStationB + tag(kEtherTypeVlan, 10) + kPayload);
  sw.receive(kAccess20, kEveryone + kStationB + kPayload);
  EXPECT_EQ(
      sw.receive(kAccess10, kStationB + kStationA + kPayload),
      std::vector<Sent>{sent(kTrunk, kStationB + kStationA + tag(kEtherTypeVlan, 10) + kPayload)});
  EXPECT_EQ(sw.receive(kTrunk, kStationB + kStationA + tag(kEtherTypeVlan, 20) + kPayload),
            std::vector<Sent>{sent(kAccess20, kStationB + kStationA + kPayload)});
  EXPECT_TRUE(
      sw.receive(kTrunk, kStationB + kStationA + tag(kEtherTypeVlan, 10) + kPayload).empty());
  EXPECT_EQ(sw.count(kTrunk, PortCounter::drop_same_port), 1u);
  EXPECT_EQ(sw.count(kTrunk, PortCounter::mac_moved), 1u) << "A, from port 0 in VLAN 10";
  EXPECT_EQ(sw.receive(kTrunk, kStationB + kStationA + tag(kEtherTypeVlan, 30) + kPayload).size(),
            0u);
  EXPECT_EQ(sw.count(kTrunk, PortCounter::drop_no_member), 1u);
}

TEST(FilteringSwitch, AnAddressBehindAPortThatDoesNotCarryTheVlanIsDroppedByName) {
  SwitchForTest sw(office());
  sw.macs().table().add_static(BridgeId(10), net::MacAddress({2, 0, 0, 0, 0, 0xb}).as_u64(),
                               PortId(kAccess20));
  EXPECT_TRUE(sw.receive(kAccess10, kStationB + kStationA + kPayload).empty());
  EXPECT_EQ(sw.count(kAccess20, PortCounter::drop_vlan_egress), 1u);
}

TEST(FilteringSwitch, WhatIsLinuxsReachesItTaggedOrNotAndUnchanged) {
  SwitchForTest sw(office());
  const Bytes lldp = Bytes{0x01, 0x80, 0xc2, 0, 0, 0x0e} + kStationA + kPayload;
  const auto out = sw.receive(kTrunk, lldp);
  ASSERT_EQ(out.size(), 1u) << "although the trunk has no native VLAN";
  EXPECT_EQ(out[0].stage, Stage::kPunt);
  EXPECT_EQ(out[0].port, PortId(kTrunk));
  EXPECT_EQ(out[0].bytes, lldp);
  EXPECT_EQ(sw.count(kTrunk, PortCounter::drop_untagged), 0u);
}

TEST(FilteringSwitch, FramesTooShortOrFromNobodyAreDroppedByName) {
  SwitchForTest sw(office());
  EXPECT_TRUE(sw.receive(kAccess10, Bytes(13, 2)).empty());
  const Bytes half_a_tag = kBroadcast + Bytes{0x81, 0x00, 0x00};
  EXPECT_TRUE(sw.receive(kTrunk, half_a_tag + Bytes{0x0a, 0x08}).empty());
  EXPECT_EQ(sw.count(kAccess10, PortCounter::drop_runt), 1u);
  EXPECT_EQ(sw.count(kTrunk, PortCounter::drop_runt), 1u);
  EXPECT_TRUE(sw.receive(kAccess10, kEveryone + kGroup + kPayload).empty());
  EXPECT_TRUE(sw.receive(kAccess10, kEveryone + Bytes(6, 0) + kPayload).empty());
  EXPECT_EQ(sw.count(kAccess10, PortCounter::drop_bad_source), 2u);
}

TEST(FilteringSwitch, AStickyAddressDoesNotMove) {
  BridgeRules rules = office();
  rules.any_sticky = true;
  rules.members[kAccess10].sticky = true;
  SwitchForTest sw(std::move(rules));
  sw.receive(kAccess10, kBroadcast + kPayload);
  EXPECT_TRUE(sw.receive(kTrunk, kBroadcast + tag(kEtherTypeVlan, 10) + kPayload).empty());
  EXPECT_EQ(sw.count(kTrunk, PortCounter::drop_sticky), 1u);
  EXPECT_EQ(sw.receive(kTrunk, kBroadcast + tag(kEtherTypeVlan, 20) + kPayload).size(), 2u)
      << "in another VLAN it is another address";
  // From elsewhere onto the sticky port it may move, and once it has aged, away.
  sw.receive(kTrunk, kEveryone + kStationB + tag(kEtherTypeVlan, 10) + kPayload);
  EXPECT_EQ(sw.receive(kAccess10, kEveryone + kStationB + kPayload).size(), 2u);
  sw.now_ns += 300'000'000'000;
  EXPECT_EQ(sw.receive(kTrunk, kBroadcast + tag(kEtherTypeVlan, 10) + kPayload).size(), 2u);
}

TEST(FilteringSwitch, BeyondItsLimitAPortForwardsAndLearnsNothingNew) {
  BridgeRules rules = office();
  rules.members[kAccess10].mac_limit = 2;
  SwitchForTest sw(std::move(rules));
  for (uint8_t station = 1; station <= 3; ++station) {
    const Bytes source = {0x02, 0, 0, 0, 1, station};
    EXPECT_EQ(sw.receive(kAccess10, kEveryone + source + kPayload).size(), 2u);
  }
  EXPECT_EQ(sw.count(kAccess10, PortCounter::mac_learned), 2u);
  EXPECT_EQ(sw.count(kAccess10, PortCounter::mac_limit_reached), 1u);
  EXPECT_EQ(sw.macs().on_port(PortId(kAccess10)), 2u);
  // One that leaves makes room; others have no such limit.
  sw.receive(kTrunk, kEveryone + Bytes{0x02, 0, 0, 0, 1, 1} + tag(kEtherTypeVlan, 10) + kPayload);
  EXPECT_EQ(sw.macs().on_port(PortId(kAccess10)), 1u);
  EXPECT_EQ(sw.macs().on_port(PortId(kTrunk)), 1u);
  sw.receive(kAccess10, kEveryone + Bytes{0x02, 0, 0, 0, 1, 3} + kPayload);
  EXPECT_EQ(sw.macs().on_port(PortId(kAccess10)), 2u);
  sw.macs().table().flush_port(PortId(kAccess10));
  EXPECT_EQ(sw.macs().on_port(PortId(kAccess10)), 0u);
}

TEST(FilteringSwitch, StormsAreCutByKindAndByName) {
  BridgeRules rules = office();
  rules.members[kAccess10].storm = std::make_shared<StormControl>();
  rules.members[kAccess10].storm->limit(StormKind::kBroadcast, 0);
  rules.members[kAccess10].storm->limit(StormKind::kUnknownUnicast, 20);
  SwitchForTest sw(std::move(rules));
  EXPECT_TRUE(sw.receive(kAccess10, kBroadcast + kPayload).empty());
  EXPECT_EQ(sw.count(kAccess10, PortCounter::drop_storm_broadcast), 1u);
  EXPECT_EQ(sw.receive(kAccess10, kGroup + kStationA + kPayload).size(), 2u) << "no limit";
  size_t passed = 0;
  for (int i = 0; i < 30; ++i)
    passed += sw.receive(kAccess10, kStationB + kStationA + kPayload).size() / 2;
  EXPECT_EQ(passed, 10u) << "the burst";
  EXPECT_EQ(sw.count(kAccess10, PortCounter::drop_storm_unicast), 20u);
  EXPECT_EQ(sw.receive(kTrunk, kEveryone + kStationB + tag(kEtherTypeVlan, 10) + kPayload).size(),
            2u);
  EXPECT_EQ(sw.receive(kAccess10, kStationB + kStationA + kPayload).size(), 1u) << "known now";
}

TEST(FilteringSwitch, AMirrorShowsWhatAMemberReceivesAndSendsAsOnTheWire) {
  BridgeRules rules = office();
  rules.members[kAccess10].mirror_to = PortId(kOther);
  rules.members[kAccess10].mirror_in = rules.members[kAccess10].mirror_out = true;
  SwitchForTest sw(std::move(rules));
  const Bytes in = kBroadcast + tag(kEtherTypeVlan, 0x400a) + kPayload;
  const auto out = sw.receive(kAccess10, in);
  ASSERT_EQ(out.size(), 3u);
  EXPECT_EQ(out[0], sent(kOther, in));
  EXPECT_EQ(sw.count(kOther, PortCounter::copies), 1u);
  const auto back = sw.receive(kTrunk, kStationA + kStationB + tag(kEtherTypeVlan, 10) + kPayload);
  EXPECT_EQ(back, (std::vector<Sent>{sent(kOther, kStationA + kStationB + kPayload),
                                     sent(kAccess10, kStationA + kStationB + kPayload)}));
  // Also what is then dropped, but nothing when nobody looks.
  EXPECT_EQ(sw.receive(kAccess10, kBroadcast + tag(kEtherTypeVlan, 11) + kPayload).size(), 1u);
  sw.snapshot().ports[kOther].up = false;
  EXPECT_TRUE(sw.receive(kAccess10, kBroadcast + tag(kEtherTypeVlan, 11) + kPayload).empty());
}

TEST(FilteringSwitch, AVlansInterfaceGetsItsFramesAndItsVlansBroadcasts) {
  SwitchForTest sw(office());
  const net::MacAddress router({2, 0, 0, 0, 0, 0xee}), host({2, 0, 0, 0, 0, 0xdd});
  const InterfaceId routes = sw.add_interface(10, router.as_u64(), true);
  const InterfaceId linux_only = sw.add_interface(20, host.as_u64(), false);
  const Bytes to_router = Bytes{2, 0, 0, 0, 0, 0xee} + kStationA,
              to_host = Bytes{2, 0, 0, 0, 0, 0xdd} + kStationA;
  EXPECT_EQ(sw.receive(kTrunk, to_router + tag(kEtherTypeVlan, 10) + kPayload),
            (std::vector<Sent>{{PortId::none(), to_router + kPayload, routes, Stage::kTransmit}}));
  EXPECT_EQ(sw.receive(kTrunk, to_host + tag(kEtherTypeVlan, 20) + kPayload),
            (std::vector<Sent>{{PortId(kTrunk), to_host + kPayload, linux_only, Stage::kDeliver}}));
  // In another VLAN the address is nobody's.
  EXPECT_EQ(sw.receive(kAccess20, to_router + kPayload).size(), 2u);
  const auto out = sw.receive(kAccess20, kEveryone + kStationB + kPayload);
  const std::vector<Sent> expected = {
      sent(kTrunk, kEveryone + kStationB + tag(kEtherTypeVlan, 20) + kPayload),
      sent(kNative, kEveryone + kStationB + kPayload),
      {PortId(kAccess20), kEveryone + kStationB + kPayload, linux_only, Stage::kDeliver}};
  EXPECT_EQ(out, expected);
}

TEST(FilteringSwitch, WhatLinuxOrTheRouterSendsIntoAVlanIsForwardedThere) {
  SwitchForTest sw(office());
  const InterfaceId interface =
      sw.add_interface(10, net::MacAddress({2, 0, 0, 0, 0, 0xee}).as_u64(), true);
  const Bytes from = {2, 0, 0, 0, 0, 0xee};
  EXPECT_EQ(
      sw.enter(interface, kEveryone + from + kPayload),
      (std::vector<Sent>{sent(kAccess10, kEveryone + from + kPayload),
                         sent(kTrunk, kEveryone + from + tag(kEtherTypeVlan, 10) + kPayload),
                         sent(kNative, kEveryone + from + tag(kEtherTypeVlan, 10) + kPayload)}));
  sw.receive(kTrunk, kEveryone + kStationB + tag(kEtherTypeVlan, 10) + kPayload);
  EXPECT_EQ(sw.enter(interface, kStationB + from + kPayload),
            std::vector<Sent>{sent(kTrunk, kStationB + from + tag(kEtherTypeVlan, 10) + kPayload)});
  EXPECT_EQ(sw.enter(interface, kStationA + from + kPayload).size(), 3u);
  sw.snapshot().interfaces[0].active = false;
  EXPECT_TRUE(sw.enter(interface, kStationB + from + kPayload).empty());
  EXPECT_EQ(sw.count(SwitchForTest::kPorts - 1, PortCounter::drop_egress_down), 1u);
}

TEST(FilteringSwitch, WhatLinuxSendsOnTheVlanOfADeviceLeavesByItWithItsTag) {
  SwitchForTest sw(office());
  RoutedInterface& interface = sw.snapshot().interfaces.emplace_back();
  interface.id = InterfaceId(0);
  interface.active = true;
  interface.port = PortId(kOther);
  interface.vlan = 35;
  EXPECT_EQ(
      sw.enter(InterfaceId(0), kStationB + kStationA + kPayload),
      std::vector<Sent>{sent(kOther, kStationB + kStationA + tag(kEtherTypeVlan, 35) + kPayload)});
}

TEST(FilteringSwitch, ABridgeWithoutVlansPassesTagsUnchangedWhateverElseItDoes) {
  BridgeRules rules;
  rules.members.resize(3);
  for (uint16_t i = 0; i < 3; ++i) rules.members[i].port = PortId(i);
  rules.members[0].mac_limit = 1;
  SwitchForTest sw(std::move(rules));
  const Bytes frame = kBroadcast + tag(kEtherTypeVlan, 11) + kPayload;
  EXPECT_EQ(sw.receive(0, frame), (std::vector<Sent>{sent(1, frame), sent(2, frame)}));
  const Bytes back = kStationA + kStationB + kPayload;
  EXPECT_EQ(sw.receive(1, back), std::vector<Sent>{sent(0, back)}) << "one learning domain";
}

}  // namespace
}  // namespace starocean::dataplane
