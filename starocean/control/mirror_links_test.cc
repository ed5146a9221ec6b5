// What the kernel does to routes without telling: devices that go down, lose their carrier or their addresses.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "starocean/control/mirror_fixture_for_test.h"

namespace starocean::control {
namespace {

using testing::ip_output;
using testing::MirrorTest;

std::string forward(const std::string& gateway, uint32_t ifindex) {
  return fmt::format("forward: via {} dev {} weight 1", gateway, ifindex);
}

TEST_F(MirrorTest, ALinkThatGoesDownTakesItsRoutes) {
  open();
  ip_output("addr add 10.0.0.1/24 dev va");
  ip_output("addr add 10.0.1.1/24 dev vc");
  ip_output("-6 addr add 2001:db8::1/64 dev va nodad");
  ip_output("route add 10.1.0.0/16 via 10.0.0.2");
  ip_output("route add 10.1.0.0/16 via 10.0.1.2 metric 50");
  ip_output("route add 10.2.0.0/16 nexthop via 10.0.0.2 nexthop via 10.0.1.2");
  ip_output("-6 route add 2001:db8:1::/48 via 2001:db8::2");
  ip_output("-6 route add 2001:db8:2::/48 nexthop via 2001:db8::2 nexthop via fe80::9 dev vc");
  expect_agreement();
  ip_output("link set va down");
  settle();
  EXPECT_EQ(route("10.1.0.0/16"), forward("10.0.1.2", index_of("vc")));
  EXPECT_EQ(route("10.2.0.0/16"), forward("10.0.1.2", index_of("vc")));
  EXPECT_EQ(route("10.0.0.0/24"), "");
  EXPECT_EQ(route("2001:db8:1::/48"), "");
  expect_agreement();
  // Up again: the kernel gives back the connected network, and a dead next hop its life; not what it removed.
  ip_output("link set va up");
  expect_agreement();
  EXPECT_EQ(route("10.0.0.0/24"), forward("-", index_of("va")));
  EXPECT_EQ(route("10.1.0.0/16"), forward("10.0.1.2", index_of("vc")));
  ip_output("route add 10.1.0.0/16 via 10.0.0.2");
  settle();
  EXPECT_EQ(route("10.1.0.0/16"), forward("10.0.0.2", index_of("va")));
  ip_output("link del va");
  expect_agreement();
  EXPECT_EQ(route("10.1.0.0/16"), forward("10.0.1.2", index_of("vc")));
}

TEST_F(MirrorTest, FlappingLinks) {
  open();
  ip_output("addr add 10.0.0.1/24 dev va");
  ip_output("addr add 10.0.1.1/24 dev vc");
  for (int i = 0; i < 8; ++i) {
    ip_output(fmt::format("route replace 10.1.0.0/16 via 10.0.0.{}", i + 2));
    ip_output(fmt::format("route replace 10.2.0.0/16 nexthop via 10.0.0.{0} nexthop via 10.0.1.{0}",
                          i + 2));
    ip_output(i % 2 == 0 ? "link set va down" : "link set vc down");
    // Every other time nothing is read between down and up.
    if (i % 4 < 2) settle();
    ip_output(i % 2 == 0 ? "link set va up" : "link set vc up");
    expect_agreement();
  }
}

TEST_F(MirrorTest, WithoutCarrierAsLinuxIsSet) {
  open();
  ip_output("addr add 10.0.0.1/24 dev va");
  ip_output("addr add 10.0.1.1/24 dev vc");
  ip_output("route add 10.1.0.0/16 via 10.0.0.2");
  ip_output("route add 10.1.0.0/16 via 10.0.1.2 metric 50");
  ip_output("-6 route add 2001:db8:1::/48 via fe80::9 dev va metric 5");
  ip_output("-6 route add 2001:db8:1::/48 via fe80::9 dev vc metric 6");
  const std::string over_va = forward("10.0.0.2", index_of("va"));
  const std::string over_vc = forward("10.0.1.2", index_of("vc"));
  ip_output("link set vb down");  // the carrier of va
  expect_soon([&] { return !mirror_->interfaces().find(index_of("va"))->carrier; }, "carrier");
  EXPECT_EQ(route("10.1.0.0/16"), over_va);
  expect_agreement();
  ASSERT_EQ(std::system("echo 1 > /proc/sys/net/ipv4/conf/va/ignore_routes_with_linkdown"), 0);
  ASSERT_EQ(std::system("echo 1 > /proc/sys/net/ipv6/conf/va/ignore_routes_with_linkdown"), 0);
  settle();
  EXPECT_EQ(route("10.1.0.0/16"), over_vc);
  EXPECT_EQ(route("2001:db8:1::/48"), forward("fe80::9", index_of("vc")));
  expect_agreement(true);
  ip_output("link set vb up");
  expect_soon([&] { return mirror_->interfaces().find(index_of("va"))->carrier; }, "carrier");
  EXPECT_EQ(route("10.1.0.0/16"), over_va);
  ASSERT_EQ(std::system("echo 0 > /proc/sys/net/ipv4/conf/va/ignore_routes_with_linkdown"), 0);
  ASSERT_EQ(std::system("echo 1 > /proc/sys/net/ipv4/conf/all/ignore_routes_with_linkdown"), 0);
  ip_output("link set vb down");
  expect_soon([&] { return !mirror_->interfaces().find(index_of("va"))->carrier; }, "carrier");
  // The kernel's word: where does it send such a packet?
  const bool linux_uses_vc = ip_output("route get 10.1.0.1").find("dev vc") != std::string::npos;
  EXPECT_EQ(route("10.1.0.0/16"), linux_uses_vc ? over_vc : over_va);
}

TEST_F(MirrorTest, AnAddressThatGoesTakesItsRoutes) {
  open();
  ip_output("addr add 10.0.0.1/24 dev va");
  ip_output("addr add 10.0.5.1/24 dev va");
  ip_output("addr add 10.0.1.1/24 dev vc");
  ip_output("route add 10.1.0.0/16 via 10.0.0.2");
  ip_output("route add 10.2.0.0/16 via 10.0.1.2 src 10.0.0.1");
  ip_output("route add 10.3.0.0/16 via 10.0.5.2");
  ip_output("route add 10.4.0.0/16 dev va");
  ip_output("route add 10.6.0.0/16 nexthop via 10.0.5.2 nexthop via 10.0.1.2");
  expect_agreement();
  ip_output("addr del 10.0.0.1/24 dev va");
  settle();
  EXPECT_EQ(route("10.2.0.0/16"), "") << "of another device, but with that source";
  EXPECT_EQ(route("10.0.0.0/24"), "");
  expect_agreement();
  ip_output("addr del 10.0.5.1/24 dev va");  // the last: IPv4 is off on va
  settle();
  EXPECT_EQ(route("10.3.0.0/16"), "");
  EXPECT_EQ(route("10.4.0.0/16"), "");
  expect_agreement();
  ip_output("addr add 10.0.0.1/24 dev va");
  expect_agreement();
  ip_output("addr flush dev vc");
  expect_agreement();
}

}  // namespace
}  // namespace starocean::control
