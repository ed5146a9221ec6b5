#include "starocean/control/route_parse.h"

#include <linux/nexthop.h>
#include <linux/rtnetlink.h>

#include <string>

#include <gtest/gtest.h>

#include "starocean/control/netlink_message_for_test.h"
#include "starocean/control/next_hop_parse.h"

namespace starocean::control {
namespace {

using table::RouteKind;
using testing::ip;
using testing::Message;

rtmsg header(uint8_t family, uint8_t prefix_length, uint8_t type = RTN_UNICAST) {
  rtmsg info{};
  info.rtm_family = family;
  info.rtm_dst_len = prefix_length;
  info.rtm_table = RT_TABLE_MAIN;
  info.rtm_protocol = RTPROT_STATIC;
  info.rtm_type = type;
  return info;
}

// One of several next hops, as struct rtnexthop with attributes behind.
void put_hop(Message& message, uint32_t ifindex, uint8_t hops, uint8_t flags,
             const std::string& gateway, uint16_t type = RTA_GATEWAY) {
  rtnexthop next{};
  next.rtnh_ifindex = static_cast<int>(ifindex);
  next.rtnh_hops = hops;
  next.rtnh_flags = flags;
  char* const before = message.tail();
  rtnexthop* const at = message.raw(next);
  if (!gateway.empty()) message.address(type, gateway);
  at->rtnh_len = static_cast<uint16_t>(message.tail() - before);
}

TEST(RouteParse, OneNextHop) {
  Message message(RTM_NEWROUTE, NLM_F_REPLACE, header(AF_INET, 8));
  message.u32(RTA_TABLE, 1000).address(RTA_DST, "10.0.0.0").u32(RTA_PRIORITY, 20);
  message.address(RTA_PREFSRC, "192.0.2.1").address(RTA_GATEWAY, "192.0.2.254").u32(RTA_OIF, 7);
  RouteMessage route;
  ASSERT_TRUE(parse_route(message.whole(), route));
  EXPECT_FALSE(route.removed);
  EXPECT_TRUE(route.replaces);
  EXPECT_FALSE(route.appended);
  EXPECT_EQ(route.table, 1000u);
  EXPECT_EQ(route.prefix.to_string(), "10.0.0.0/8");
  EXPECT_EQ(route.metric, 20u);
  EXPECT_EQ(route.protocol, RTPROT_STATIC);
  EXPECT_EQ(route.kind, RouteKind::kForward);
  EXPECT_EQ(route.preferred_source, ip("192.0.2.1"));
  EXPECT_EQ(route.hops, (std::vector<RouteHop>{{.ifindex = 7, .gateway = ip("192.0.2.254")}}));
}

TEST(RouteParse, SeveralNextHopsWithWeightsAndTheDeadAmongThem) {
  Message message(RTM_NEWROUTE, 0, header(AF_INET6, 32));
  message.address(RTA_DST, "2001:db8::").u32(RTA_PRIORITY, 1024);
  message.nest(RTA_MULTIPATH, [](Message& nest) {
    put_hop(nest, 3, 0, 0, "fe80::1");
    put_hop(nest, 4, 255, RTNH_F_DEAD, "fe80::2");
    put_hop(nest, 5, 9, RTNH_F_LINKDOWN, "");
  });
  RouteMessage route;
  ASSERT_TRUE(parse_route(message.whole(), route));
  EXPECT_EQ(route.prefix.to_string(), "2001:db8::/32");
  EXPECT_EQ(route.hops, (std::vector<RouteHop>{
                            {.ifindex = 3, .gateway = ip("fe80::1"), .weight = 1},
                            {.ifindex = 4, .gateway = ip("fe80::2"), .weight = 256, .dead = true},
                            {.ifindex = 5, .gateway = std::nullopt, .weight = 10}}));
}

TEST(RouteParse, AnIpv4RouteWithAnIpv6Gateway) {
  struct {
    uint16_t family = AF_INET6;
    std::array<uint8_t, 16> address = ip("fe80::9").bytes();
  } const via;
  Message message(RTM_NEWROUTE, 0, header(AF_INET, 24));
  message.address(RTA_DST, "198.51.100.0").u32(RTA_OIF, 2).bytes(RTA_VIA, &via, sizeof(via));
  RouteMessage route;
  ASSERT_TRUE(parse_route(message.whole(), route));
  ASSERT_EQ(route.hops.size(), 1u);
  EXPECT_EQ(route.hops[0].gateway, ip("fe80::9"));
}

TEST(RouteParse, Kinds) {
  const std::pair<uint8_t, RouteKind> kinds[] = {{RTN_LOCAL, RouteKind::kLocal},
                                                 {RTN_ANYCAST, RouteKind::kLocal},
                                                 {RTN_BROADCAST, RouteKind::kBroadcast},
                                                 {RTN_BLACKHOLE, RouteKind::kBlackhole},
                                                 {RTN_PROHIBIT, RouteKind::kProhibit},
                                                 {RTN_THROW, RouteKind::kThrow},
                                                 {RTN_UNREACHABLE, RouteKind::kUnreachable}};
  RouteMessage route;
  for (const auto& [type, kind] : kinds) {
    Message message(RTM_DELROUTE, 0, header(AF_INET, 0, type));
    ASSERT_TRUE(parse_route(message.whole(), route)) << int{type};
    EXPECT_EQ(route.kind, kind) << int{type};
    EXPECT_TRUE(route.removed);
    EXPECT_EQ(route.prefix.to_string(), "0.0.0.0/0");
    EXPECT_TRUE(route.hops.empty());
  }
}

TEST(RouteParse, WhatMakesARouteRefused) {
  rtmsg info = header(AF_INET6, 48);
  info.rtm_src_len = 64;
  info.rtm_tos = 0x10;
  Message message(RTM_NEWROUTE, NLM_F_APPEND | NLM_F_EXCL, info);
  message.address(RTA_DST, "2001:db8:1::").u32(RTA_OIF, 2).u32(RTA_NH_ID, 77);
  message.nest(RTA_METRICS, [](Message& nest) { nest.u32(RTAX_MTU, 1400); });
  const uint16_t mpls = 1;
  message.bytes(RTA_ENCAP_TYPE, &mpls, sizeof(mpls));
  RouteMessage route;
  ASSERT_TRUE(parse_route(message.whole(), route));
  EXPECT_TRUE(route.source_specific);
  EXPECT_TRUE(route.appended);
  EXPECT_TRUE(route.first);
  EXPECT_EQ(route.tos, 0x10);
  EXPECT_EQ(route.mtu, 1400u);
  EXPECT_EQ(route.next_hop_id, 77u);
  ASSERT_EQ(route.hops.size(), 1u);
  EXPECT_TRUE(route.hops[0].encap);
}

TEST(RouteParse, NothingIsLeftFromTheMessageBefore) {
  RouteMessage route;
  Message first(RTM_DELROUTE, NLM_F_REPLACE, header(AF_INET, 8));
  first.address(RTA_DST, "10.0.0.0").u32(RTA_OIF, 3).u32(RTA_PRIORITY, 5).u32(RTA_NH_ID, 9);
  ASSERT_TRUE(parse_route(first.whole(), route));
  Message second(RTM_NEWROUTE, 0, header(AF_INET, 0, RTN_BLACKHOLE));
  ASSERT_TRUE(parse_route(second.whole(), route));
  EXPECT_FALSE(route.removed);
  EXPECT_FALSE(route.replaces);
  EXPECT_EQ(route.metric, 0u);
  EXPECT_EQ(route.next_hop_id, 0u);
  EXPECT_TRUE(route.hops.empty());
}

TEST(RouteParse, WhatIsNoRouteOfOurs) {
  RouteMessage route;
  rtmsg cloned = header(AF_INET6, 128);
  cloned.rtm_flags = RTM_F_CLONED;
  EXPECT_FALSE(parse_route(Message(RTM_NEWROUTE, 0, cloned).whole(), route));
  EXPECT_FALSE(
      parse_route(Message(RTM_NEWROUTE, 0, header(AF_INET6, 8, RTN_MULTICAST)).whole(), route));
  EXPECT_FALSE(parse_route(Message(RTM_NEWROUTE, 0, header(AF_MPLS, 20)).whole(), route));
  EXPECT_FALSE(parse_route(Message(RTM_NEWLINK, 0, header(AF_INET, 8)).whole(), route));
  EXPECT_FALSE(parse_route({}, route));
}

TEST(RouteParse, Malformed) {
  RouteMessage route;
  EXPECT_FALSE(parse_route(Message(RTM_NEWROUTE, 0, header(AF_INET, 33)).whole(), route));
  Message host_bits(RTM_NEWROUTE, 0, header(AF_INET, 8));
  EXPECT_FALSE(parse_route(host_bits.address(RTA_DST, "10.0.0.1").whole(), route));
  Message other_family(RTM_NEWROUTE, 0, header(AF_INET, 8));
  EXPECT_FALSE(parse_route(other_family.address(RTA_DST, "fe80::").whole(), route));
  Message short_value(RTM_NEWROUTE, 0, header(AF_INET, 0));
  EXPECT_FALSE(parse_route(short_value.bytes(RTA_OIF, "ab", 2).whole(), route));
  Message long_hop(RTM_NEWROUTE, 0, header(AF_INET, 0));
  long_hop.nest(RTA_MULTIPATH, [](Message& nest) {
    rtnexthop next{};
    next.rtnh_len = sizeof(next) + 4;
    nest.raw(next);
  });
  EXPECT_FALSE(parse_route(long_hop.whole(), route));
  Message whole(RTM_NEWROUTE, 0, header(AF_INET, 0));
  whole.u32(RTA_OIF, 3);
  EXPECT_TRUE(parse_route(whole.whole(), route));
  for (size_t len = 0; len < whole.whole().size(); ++len) {
    EXPECT_FALSE(parse_route(whole.whole().first(len), route)) << len;
  }
}

nhmsg next_hop_header(uint8_t family) {
  nhmsg info{};
  info.nh_family = family;
  return info;
}

TEST(NextHopParse, ObjectAndBlackhole) {
  Message message(RTM_NEWNEXTHOP, 0, next_hop_header(AF_INET));
  message.u32(NHA_ID, 12).u32(NHA_OIF, 3).address(NHA_GATEWAY, "10.0.0.9");
  const auto object = parse_next_hop(message.whole());
  ASSERT_TRUE(object);
  EXPECT_EQ(object->id, 12u);
  EXPECT_FALSE(object->removed || object->blackhole || object->fdb);
  EXPECT_EQ(object->hop, (RouteHop{.ifindex = 3, .gateway = ip("10.0.0.9")}));
  EXPECT_TRUE(object->members.empty());

  Message blackhole(RTM_DELNEXTHOP, 0, next_hop_header(AF_INET6));
  const auto gone = parse_next_hop(blackhole.u32(NHA_ID, 13).bytes(NHA_BLACKHOLE, "", 0).whole());
  ASSERT_TRUE(gone);
  EXPECT_TRUE(gone->removed && gone->blackhole);
}

TEST(NextHopParse, GroupWithNarrowAndWideWeights) {
  struct Member {
    uint32_t id;
    uint8_t weight, high;
    uint16_t zero;
  };
  const Member members[] = {{1, 2, 1, 0}, {2, 255, 0, 0}};
  Message narrow(RTM_NEWNEXTHOP, 0, next_hop_header(AF_UNSPEC));
  narrow.u32(NHA_ID, 5).bytes(NHA_GROUP, members, sizeof(members));
  const auto group = parse_next_hop(narrow.whole());
  ASSERT_TRUE(group);
  // The third byte means nothing unless the kernel says so.
  EXPECT_EQ(group->members, (std::vector<NextHopMember>{{1, 3}, {2, 256}}));
  constexpr uint16_t kOpFlags = 14;
  const auto wide = parse_next_hop(narrow.u32(kOpFlags, 1u << 31).whole());
  ASSERT_TRUE(wide);
  EXPECT_EQ(wide->members, (std::vector<NextHopMember>{{1, 259}, {2, 256}}));
}

TEST(NextHopParse, Malformed) {
  Message no_id(RTM_NEWNEXTHOP, 0, next_hop_header(AF_INET));
  EXPECT_FALSE(parse_next_hop(no_id.u32(NHA_OIF, 3).whole()));
  Message cut_group(RTM_NEWNEXTHOP, 0, next_hop_header(AF_UNSPEC));
  EXPECT_FALSE(parse_next_hop(cut_group.u32(NHA_ID, 5).bytes(NHA_GROUP, "abc", 3).whole()));
  Message gateway(RTM_NEWNEXTHOP, 0, next_hop_header(AF_INET6));
  EXPECT_FALSE(parse_next_hop(gateway.u32(NHA_ID, 5).address(NHA_GATEWAY, "10.0.0.1").whole()));
}

}  // namespace
}  // namespace starocean::control
