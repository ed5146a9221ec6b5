// Packets that wait for the MAC address of their next hop.

#include <string>

#include "starocean/dataplane/router_fixture_for_test.h"
#include "starocean/net/icmp.h"

namespace starocean::dataplane {
namespace {

using enum PortCounter;
using table::NeighbourState;

class RouterNeighbours : public RouterFixture {
 protected:
  std::vector<NeighbourRequest> requests() {
    std::vector<NeighbourRequest> all;
    NeighbourRequest request;
    while (requests_.pop(request)) all.push_back(request);
    return all;
  }
  static uint16_t id_of(const Fate& fate) {
    return net::view<net::Ipv4Header>(fate.bytes, 14)->id.host();
  }
};

TEST_F(RouterNeighbours, PacketsWaitInOrderAndOneRequestGoesOutEachSecond) {
  for (uint16_t id = 0; id < 5; ++id) EXPECT_TRUE(receive(udp("10.1.0.9", {.id = id})).empty());
  EXPECT_EQ(count(neighbour_waits), 5u);
  EXPECT_EQ(router_->frames_waiting(), 5u);
  auto asked = requests();
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_EQ(asked[0].ifindex, kWanIndex);
  EXPECT_EQ(asked[0].address, ip("10.1.0.9"));
  now_ns_ += kNsPerSecond - 1;
  EXPECT_TRUE(serve().empty());
  EXPECT_TRUE(requests().empty());
  now_ns_ += 1;
  EXPECT_TRUE(serve().empty());
  EXPECT_EQ(requests().size(), 1u);
  set_neighbour(kWanIndex, "10.1.0.9", NeighbourState::kUnresolved);
  EXPECT_TRUE(serve().empty());
  set_neighbour(kWanIndex, "10.1.0.9", NeighbourState::kReachable, mac(9));
  const auto fates = serve();
  ASSERT_EQ(fates.size(), 5u);
  for (uint16_t i = 0; i < 5; ++i) {
    EXPECT_EQ(id_of(fates[i]), i);
    EXPECT_EQ(fates[i].port, kWan);
    const auto& ethernet = *net::view<net::EthernetHeader>(fates[i].bytes);
    EXPECT_EQ(ethernet.dst, mac(9));
    EXPECT_EQ(ethernet.src, kWanMac);
    EXPECT_EQ(net::view<net::Ipv4Header>(fates[i].bytes, 14)->ttl, 63);
  }
  EXPECT_FALSE(router_->waiting());
  EXPECT_EQ(router_->frames_waiting(), 0u);
  EXPECT_EQ(receive(udp("10.1.0.9")).size(), 1u);
}

TEST_F(RouterNeighbours, AGatewayIsAskedForOnceForAllThatGoByIt) {
  set_neighbour(kWanIndex, "10.1.0.2", NeighbourState::kUnresolved);
  set_neighbour(kWanIndex, "2001:db8:b::2", NeighbourState::kUnresolved);
  receive(kLan, {udp("20.0.0.1"), udp("20.9.9.9"), udp("2001:db8:20::1")});
  const auto asked = requests();
  ASSERT_EQ(asked.size(), 2u);
  EXPECT_EQ(asked[0].address, ip("10.1.0.2"));
  EXPECT_EQ(asked[1].address, ip("2001:db8:b::2"));
}

TEST_F(RouterNeighbours, TheOldestGivesWayAndTheRestIsBounded) {
  for (uint16_t id = 0; id < 20; ++id) receive(udp("10.1.0.9", {.id = id}));
  EXPECT_EQ(count(drop_neighbour_full), 4u);
  set_neighbour(kWanIndex, "10.1.0.9", NeighbourState::kReachable, mac(9));
  const auto fates = serve();
  ASSERT_EQ(fates.size(), 16u);
  for (uint16_t i = 0; i < 16; ++i) EXPECT_EQ(id_of(fates[i]), i + 4);
  // A scan: neighbours, then frames, are bounded.
  for (uint32_t i = 0; i < 200; ++i) {
    receive(udp(("10.1.0." + std::to_string(20 + i)).c_str()));
  }
  EXPECT_EQ(router_->frames_waiting(), NeighbourQueue::kNeighbours);
  EXPECT_EQ(count(drop_neighbour_full), 4 + 200 - NeighbourQueue::kNeighbours);
  for (uint32_t round = 0; round < 10; ++round) {
    for (uint32_t i = 0; i < 60; ++i) {
      receive(udp(("10.1.0." + std::to_string(20 + i)).c_str()));
    }
  }
  EXPECT_EQ(router_->frames_waiting(), NeighbourQueue::kFrames);
}

TEST_F(RouterNeighbours, AFailureIsTold) {
  const Frame four = udp("10.1.0.9"), six = udp("2001:db8:b::9");
  receive(kLan, {four, six});
  set_neighbour(kWanIndex, "10.1.0.9", NeighbourState::kFailed);
  set_neighbour(kWanIndex, "2001:db8:b::9", NeighbourState::kFailed);
  const auto fates = serve();
  ASSERT_EQ(fates.size(), 2u);
  EXPECT_EQ(count(drop_neighbour_failed), 2u);
  EXPECT_EQ(count(icmp_errors), 2u);
  for (const Fate& fate : fates) {
    EXPECT_EQ(fate.port, kLan);
    const net::ParsedPacket parsed = net::parse(fate.bytes);
    const bool is_v4 = parsed.ip_version == 4;
    EXPECT_EQ(parsed.icmp_type, is_v4 ? 3 : 1);
    EXPECT_EQ(parsed.icmp_code, is_v4 ? 1 : 3);
    // As Linux has it, the quote has lost a hop.
    const size_t ttl = is_v4 ? 14u + 28 + 8 : 14u + 48 + 7;
    EXPECT_EQ(fate.bytes[ttl], std::byte{63});
  }
}

TEST_F(RouterNeighbours, OneThatFailedBeforeIsAskedForAgain) {
  set_neighbour(kWanIndex, "10.1.0.9", NeighbourState::kFailed);
  EXPECT_TRUE(receive(udp("10.1.0.9")).empty());
  EXPECT_EQ(requests().size(), 1u);
  EXPECT_TRUE(serve().empty());
  EXPECT_TRUE(router_->waiting());
  set_neighbour(kWanIndex, "10.1.0.9", NeighbourState::kUnresolved);
  EXPECT_TRUE(serve().empty());
  set_neighbour(kWanIndex, "10.1.0.9", NeighbourState::kFailed);
  EXPECT_EQ(serve().size(), 1u);
  EXPECT_EQ(count(drop_neighbour_failed), 1u);
}

TEST_F(RouterNeighbours, NobodyAnswersForThreeSeconds) {
  receive(kLan, {udp("10.1.0.9"), udp("10.1.0.9")});
  now_ns_ += NeighbourQueue::kPatienceNs - 1;
  EXPECT_TRUE(serve().empty());
  now_ns_ += 1;
  EXPECT_EQ(serve().size(), 2u);
  EXPECT_FALSE(router_->waiting());
}

// The way to the sender leads by the same neighbour: its error waits too, and ends with it.
TEST_F(RouterNeighbours, AnErrorMayWaitItself) {
  receive(udp("10.1.0.9", {}, "10.1.0.9"));
  receive(udp("10.1.0.9", {}, "10.0.0.77"));
  now_ns_ += NeighbourQueue::kPatienceNs;
  EXPECT_TRUE(serve().empty());
  EXPECT_TRUE(router_->waiting());
  set_neighbour(kLanIndex, "10.0.0.77", NeighbourState::kReachable, kHost);
  const auto fates = serve();
  ASSERT_EQ(fates.size(), 1u);
  EXPECT_EQ(fates[0].port, kLan);
  now_ns_ += NeighbourQueue::kPatienceNs;
  serve();
  EXPECT_FALSE(router_->waiting());
}

TEST_F(RouterNeighbours, LongPacketsWaitWholeAndAreCutWhenTheyLeave) {
  set_neighbour(kVlanIndex, "10.2.0.2", NeighbourState::kUnresolved);
  receive(udp("30.0.0.1", {.payload = 8000, .dont_fragment = false}));
  EXPECT_EQ(router_->frames_waiting(), 5u);
  set_neighbour(kVlanIndex, "10.2.0.2", NeighbourState::kReachable, kGateway);
  EXPECT_EQ(serve().size(), 6u);
}

TEST_F(RouterNeighbours, WhatWaitsForAnInterfaceThatGoesIsDroppedAndTheRestIsSent) {
  set_neighbour(kVlanIndex, "10.2.0.2", NeighbourState::kUnresolved);
  receive(kLan, {udp("30.0.0.1"), udp("10.1.0.9"), udp("10.1.0.9")});
  snapshot_.interfaces[2].active = false;
  EXPECT_TRUE(serve().empty());
  EXPECT_EQ(count(drop_egress_down), 1u);
  set_neighbour(kWanIndex, "10.1.0.9", NeighbourState::kReachable, mac(9));
  EXPECT_EQ(serve().size(), 2u);
  receive(kLan, {udp("10.1.0.10"), udp("10.1.0.10")});
  router_->stop();
  EXPECT_EQ(count(drop_neighbour_failed), 2u);
  EXPECT_EQ(router_->frames_waiting(), 0u);
}

TEST_F(RouterNeighbours, NeighboursInUseAreMarked) {
  fib_->take_used([](const table::Adjacency&) {});
  receive(udp("20.0.0.1"));
  std::vector<net::Ipv6Address> used;
  fib_->take_used([&](const table::Adjacency& adjacency) { used.push_back(adjacency.address); });
  EXPECT_EQ(used, std::vector<net::Ipv6Address>{ip("10.1.0.2")});
}

}  // namespace
}  // namespace starocean::dataplane
