// Routes of a real Linux in the Fib: after each change, mirror and `ip -j route` agree on every prefix.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "starocean/control/mirror_fixture_for_test.h"

namespace starocean::control {
namespace {

using testing::ip_output;
using testing::MirrorTest;

std::string forward(const std::string& gateway, uint32_t ifindex) {
  return fmt::format("forward: via {} dev {} weight 1", gateway, ifindex);
}

TEST_F(MirrorTest, WhatIsThereAtTheStart) {
  ip_output("addr add 10.0.0.1/24 dev va");
  ip_output("-6 addr add 2001:db8::1/64 dev va nodad");
  ip_output("route add 10.1.0.0/16 via 10.0.0.2");
  ip_output("-6 route add 2001:db8:1::/48 via 2001:db8::2");
  ip_output("route add 10.2.0.0/16 via 10.0.0.3 table 100");
  ip_output("route add 10.3.0.0/16 via 10.0.0.3 table 101");
  open();
  const uint32_t va = index_of("va");
  EXPECT_EQ(route("10.0.0.0/24"), forward("-", va));
  EXPECT_EQ(route("10.1.0.0/16"), forward("10.0.0.2", va));
  EXPECT_EQ(route("2001:db8:1::/48"), forward("2001:db8::2", va));
  EXPECT_EQ(route("10.2.0.0/16", 100), forward("10.0.0.3", va));
  EXPECT_EQ(route("10.2.0.0/16"), "");
  EXPECT_EQ(route("10.0.0.1/32", kLocal), "local");
  EXPECT_EQ(route("10.0.0.255/32", kLocal), "broadcast");
  EXPECT_EQ(fib_->find_table(101), nullptr);
  expect_agreement();
  EXPECT_EQ(mirror_->problems(), std::vector<std::string>());
}

TEST_F(MirrorTest, EachKindOfRouteComesAndGoes) {
  open();
  ip_output("addr add 10.0.0.1/24 dev va");
  for (const char* kind : {"blackhole", "unreachable", "prohibit", "throw", "local"}) {
    ip_output(fmt::format("route add {} 10.9.0.0/16{}", kind,
                          std::string(kind) == "local" ? " dev lo table 254" : ""));
    settle();
    EXPECT_EQ(route("10.9.0.0/16"), kind);
    ip_output(fmt::format("route del {} 10.9.0.0/16 table 254", kind));
    settle();
    EXPECT_EQ(route("10.9.0.0/16"), "");
  }
  for (const char* kind : {"blackhole", "unreachable", "prohibit", "throw"}) {
    ip_output(fmt::format("-6 route add {} 2001:db8:9::/48", kind));
    settle();
    EXPECT_EQ(route("2001:db8:9::/48"), kind);
    ip_output(fmt::format("-6 route del {} 2001:db8:9::/48", kind));
    settle();
    EXPECT_EQ(route("2001:db8:9::/48"), "");
  }
  ip_output("route add default via 10.0.0.2");
  ip_output("route add 10.7.0.0/16 via inet6 fe80::5 dev va");
  settle();
  EXPECT_EQ(route("0.0.0.0/0"), forward("10.0.0.2", index_of("va")));
  EXPECT_EQ(route("10.7.0.0/16"), forward("fe80::5", index_of("va")));
  expect_agreement();
}

TEST_F(MirrorTest, TheLowestMetricWinsAndTheNextTakesOver) {
  open();
  ip_output("addr add 10.0.0.1/24 dev va");
  ip_output("-6 addr add 2001:db8::1/64 dev va nodad");
  const uint32_t va = index_of("va");
  for (const char* family : {"", "-6 "}) {
    const bool ipv6 = family[0] != 0;
    const std::string prefix = ipv6 ? "2001:db8:1::/48" : "10.1.0.0/16";
    const std::string gateway = ipv6 ? "2001:db8::" : "10.0.0.";
    const auto add = [&](int metric, const char* verb = "add") {
      ip_output(fmt::format("{}route {} {} via {}{} metric {}", family, verb, prefix, gateway,
                            metric, metric));
    };
    add(30);
    add(20);
    add(40);
    settle();
    EXPECT_EQ(route(prefix), forward(gateway + "20", va));
    ip_output(fmt::format("{}route del {} metric 20", family, prefix));
    settle();
    EXPECT_EQ(route(prefix), forward(gateway + "30", va));
    ip_output(fmt::format("{}route replace {} via {}31 metric 30", family, prefix, gateway));
    settle();
    EXPECT_EQ(route(prefix), forward(gateway + "31", va));
    ip_output(fmt::format("{}route del {} metric 30", family, prefix));
    settle();
    EXPECT_EQ(route(prefix), forward(gateway + "40", va));
    expect_agreement();
    ip_output(fmt::format("{}route del {} metric 40", family, prefix));
    settle();
    EXPECT_EQ(route(prefix), "");
  }
  expect_agreement();
}

// IPv4: several of one prefix and metric, of which the first is used.
TEST_F(MirrorTest, AppendedAndPrependedRoutesKeepTheirOrder) {
  open();
  ip_output("addr add 10.0.0.1/24 dev va");
  const uint32_t va = index_of("va");
  ip_output("route add 10.1.0.0/16 via 10.0.0.2");
  ip_output("route append 10.1.0.0/16 via 10.0.0.3");
  ip_output("route append 10.1.0.0/16 via 10.0.0.4");
  settle();
  EXPECT_EQ(route("10.1.0.0/16"), forward("10.0.0.2", va));
  ip_output("route prepend 10.1.0.0/16 via 10.0.0.5");
  settle();
  EXPECT_EQ(route("10.1.0.0/16"), forward("10.0.0.5", va));
  mirror_->resynchronise();
  settle();
  EXPECT_EQ(route("10.1.0.0/16"), forward("10.0.0.5", va));
  expect_agreement();
  for (const int last : {5, 2, 3}) {
    ip_output(fmt::format("route del 10.1.0.0/16 via 10.0.0.{}", last));
    settle();
    expect_agreement();
  }
  EXPECT_EQ(route("10.1.0.0/16"), forward("10.0.0.4", va));
}

TEST_F(MirrorTest, SeveralNextHops) {
  open();
  ip_output("addr add 10.0.0.1/24 dev va");
  ip_output("addr add 10.0.1.1/24 dev vc");
  ip_output("-6 addr add 2001:db8::1/64 dev va nodad");
  const uint32_t va = index_of("va");
  const uint32_t vc = index_of("vc");
  ip_output("route add 10.2.0.0/16 nexthop via 10.0.0.2 weight 3 nexthop via 10.0.1.2 weight 256");
  settle();
  EXPECT_EQ(
      route("10.2.0.0/16"),
      fmt::format("forward: via 10.0.0.2 dev {} weight 3, via 10.0.1.2 dev {} weight 256", va, vc));

  // IPv6 as a whole, next hop by next hop, appended, replaced, and taken away one by one.
  ip_output(
      "-6 route add 2001:db8:1::/48 nexthop via 2001:db8::2 nexthop via fe80::3 dev vc weight 7");
  expect_agreement();
  ip_output("-6 route append 2001:db8:1::/48 via 2001:db8::4");
  settle();
  EXPECT_EQ(
      route("2001:db8:1::/48"),
      fmt::format("forward: via 2001:db8::2 dev {0} weight 1, via 2001:db8::4 dev {0} weight 1, "
                  "via fe80::3 dev {1} weight 7",
                  va, vc));
  ip_output("-6 route append 2001:db8:1::/48 nexthop via 2001:db8::5 nexthop via 2001:db8::6");
  expect_agreement();
  ip_output("-6 route del 2001:db8:1::/48 via 2001:db8::2");
  expect_agreement();
  ip_output("-6 route del 2001:db8:1::/48 nexthop via 2001:db8::4 nexthop via fe80::3 dev vc");
  settle();
  EXPECT_EQ(route("2001:db8:1::/48"),
            fmt::format(
                "forward: via 2001:db8::5 dev {0} weight 1, via 2001:db8::6 dev {0} weight 1", va));
  ip_output("-6 route replace 2001:db8:1::/48 nexthop via 2001:db8::7 nexthop via 2001:db8::8");
  expect_agreement();
  ip_output("-6 route replace 2001:db8:1::/48 via 2001:db8::9");
  settle();
  EXPECT_EQ(route("2001:db8:1::/48"), forward("2001:db8::9", va));
  ip_output("-6 route append 2001:db8:1::/48 via 2001:db8::a");
  expect_agreement();
  ip_output("-6 route del 2001:db8:1::/48");
  settle();
  EXPECT_EQ(route("2001:db8:1::/48"), "");
  expect_agreement();
}

TEST_F(MirrorTest, RoutesWithoutAGatewayDoNotJoin) {
  open();
  ip_output("-6 route add 2001:db8:1::/48 dev va metric 5");
  ip_output("-6 route append 2001:db8:1::/48 dev vc metric 5");
  ip_output("-6 route append 2001:db8:1::/48 via fe80::9 dev vc metric 5");
  expect_agreement();
  EXPECT_EQ(route("2001:db8:1::/48"), forward("-", index_of("va")));
  ip_output("-6 route del 2001:db8:1::/48 dev va");
  expect_agreement();
  ip_output("-6 route del 2001:db8:1::/48 dev vc");
  expect_agreement();
}

TEST_F(MirrorTest, NextHopObjectsAndGroups) {
  if (std::system("ip nexthop add id 999 blackhole 2>/dev/null") != 0) {
    GTEST_SKIP() << "this kernel has no next-hop objects";
  }
  open();
  ip_output("addr add 10.0.0.1/24 dev va");
  ip_output("addr add 10.0.1.1/24 dev vc");
  const uint32_t va = index_of("va");
  const uint32_t vc = index_of("vc");
  ip_output("nexthop add id 1 via 10.0.0.2 dev va");
  ip_output("nexthop add id 2 via 10.0.1.2 dev vc");
  ip_output("nexthop add id 3 via fe80::3 dev va");
  ip_output("nexthop add id 10 group 1,4/2,2");
  ip_output("nexthop add id 11 group 1/2 type resilient buckets 32");
  ip_output("route add 10.1.0.0/16 nhid 1");
  ip_output("route add 10.2.0.0/16 nhid 10");
  ip_output("route add 10.3.0.0/16 nhid 11");
  ip_output("route add 10.4.0.0/16 nhid 999");
  ip_output("route add 10.5.0.0/16 nhid 3");
  ip_output("-6 route add 2001:db8:1::/48 nhid 3");
  settle();
  const std::string by_group =
      fmt::format("forward: via 10.0.0.2 dev {} weight 4, via 10.0.1.2 dev {} weight 2", va, vc);
  EXPECT_EQ(route("10.1.0.0/16"), forward("10.0.0.2", va));
  EXPECT_EQ(route("10.2.0.0/16"), by_group);
  EXPECT_EQ(
      route("10.3.0.0/16"),
      fmt::format("forward: via 10.0.0.2 dev {} weight 1, via 10.0.1.2 dev {} weight 1", va, vc));
  EXPECT_EQ(route("10.4.0.0/16"), "blackhole");
  EXPECT_EQ(route("10.5.0.0/16"), forward("fe80::3", va));
  expect_agreement();

  // The object changes, and all that lead through it follow.
  ip_output("nexthop replace id 1 via 10.0.0.7 dev va");
  settle();
  EXPECT_EQ(route("10.1.0.0/16"), forward("10.0.0.7", va));
  expect_agreement();
  ip_output("nexthop replace id 10 group 1/2,9");
  expect_agreement();
  ip_output("nexthop replace id 2 blackhole 2>/dev/null || true");
  expect_agreement();
  // A member goes, then the group with its last one, and their routes in silence.
  ip_output("nexthop del id 2");
  settle();
  EXPECT_EQ(route("10.2.0.0/16"), forward("10.0.0.7", va));
  expect_agreement();
  ip_output("nexthop del id 1");
  settle();
  for (const char* gone : {"10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16"}) EXPECT_EQ(route(gone), "");
  expect_agreement();
  // The device goes down, and the objects on it are not spoken of.
  ip_output("link set va down");
  settle();
  EXPECT_EQ(route("10.5.0.0/16"), "");
  EXPECT_EQ(route("2001:db8:1::/48"), "");
  expect_agreement();
}

TEST_F(MirrorTest, FlushAndTablesThatComeAndGo) {
  open();
  ip_output("addr add 10.0.0.1/24 dev va");
  for (int i = 0; i < 50; ++i) {
    ip_output(
        fmt::format("route add 10.{}.0.0/16 via 10.0.0.2 table {}", i + 1, i % 2 ? 100 : 200));
  }
  expect_agreement();
  const auto added = mirror_->add_table(200);
  ASSERT_TRUE(added) << added.error().message();
  tables_.push_back(200);
  expect_agreement();
  EXPECT_EQ(route("10.1.0.0/16", 200), forward("10.0.0.2", index_of("va")));
  mirror_->remove_table(100);
  EXPECT_EQ(fib_->find_table(100), nullptr);
  std::erase(tables_, 100u);
  ip_output("route flush table 200");
  settle();
  EXPECT_EQ(route("10.1.0.0/16", 200), "");
  ASSERT_TRUE(mirror_->add_table(100));
  tables_.push_back(100);
  expect_agreement();
  EXPECT_EQ(route("10.2.0.0/16", 100), forward("10.0.0.2", index_of("va")));
  EXPECT_EQ(mirror_->stats().routes4,
            fib_->route_count(*fib_->find_table(100), net::IpFamily::kIpv4) +
                fib_->route_count(*fib_->find_table(kMain), net::IpFamily::kIpv4) +
                fib_->route_count(*fib_->find_table(kLocal), net::IpFamily::kIpv4));
}

TEST_F(MirrorTest, WhatIsNotFollowedIsNamed) {
  open();
  ip_output("addr add 10.0.0.1/24 dev va");
  ip_output("route add 10.1.0.0/16 tos 0x10 via 10.0.0.2");
  ip_output("route add 10.1.0.0/16 via 10.0.0.3");
  ip_output("-6 route add 2001:db8:1::/48 from 2001:db8:2::/48 dev va 2>/dev/null || true");
  ip_output("route add 10.2.0.0/16 via 10.0.0.2 mtu 1300");
  settle();
  EXPECT_EQ(route("10.1.0.0/16"), forward("10.0.0.3", index_of("va")));
  EXPECT_EQ(route("2001:db8:1::/48"), "");
  const bool encap =
      std::system("ip route add 10.3.0.0/16 encap ip id 1 dst 1.2.3.4 dev va 2>/dev/null") == 0;
  settle();
  const auto problems = mirror_->problems();
  const auto has = [&](const std::string& text) {
    return std::ranges::any_of(
        problems, [&](const std::string& each) { return each.find(text) != std::string::npos; });
  };
  EXPECT_TRUE(has(
      "1 route of Linux for a type of service, such as 10.1.0.0/16 in table 254 with tos 0x10"));
  EXPECT_TRUE(has("1 route of Linux with an MTU of their own, such as 10.2.0.0/16 in table 254"));
  if (encap) {
    EXPECT_TRUE(has("1 route of Linux with an encapsulation, such as 10.3.0.0/16 in table 254"));
    EXPECT_EQ(route("10.3.0.0/16"), forward("-", 0)) << "a device that is never ours";
    ip_output("route del 10.3.0.0/16");
  }
  ip_output("route del 10.1.0.0/16 tos 0x10");
  ip_output("route replace 10.2.0.0/16 via 10.0.0.2");
  ip_output("-6 route del 2001:db8:1::/48 from 2001:db8:2::/48 2>/dev/null || true");
  settle();
  EXPECT_EQ(mirror_->problems(), std::vector<std::string>());
  expect_agreement();
}

}  // namespace
}  // namespace starocean::control
