// News and lists that meet: what the list says later may be older than the news.
#include "starocean/control/family_routes.h"

#include <gtest/gtest.h>
#include <linux/if.h>
#include <linux/rtnetlink.h>

#include <string>
#include <vector>

#include "starocean/control/netlink_message_for_test.h"

namespace starocean::control {
namespace {

using testing::ip;
using testing::Message;

class FamilyRoutesTest : public ::testing::Test {
 protected:
  FamilyRoutesTest() {
    table_ = *fib_.add_table(254);
    tables_ = {{254, table_}};
    for (const int ifindex : {2, 3}) {
      ifinfomsg info{};
      info.ifi_index = ifindex;
      info.ifi_flags = IFF_UP | IFF_RUNNING | IFF_LOWER_UP;
      Message link(RTM_NEWLINK, 0, info);
      interfaces_.apply(link.text(IFLA_IFNAME, "if" + std::to_string(ifindex)).whole());
    }
  }

  FamilyRoutes<uint32_t>::Context context() {
    return {fib_, values_, tables_, [](const net::IpPrefix&, const Error&) { FAIL(); }};
  }
  static RouteMessage message(const std::string& prefix, const std::string& gateway,
                              uint32_t metric = 0, uint32_t ifindex = 2) {
    RouteMessage route;
    const auto address = ip(prefix.substr(0, prefix.find('/')));
    route.prefix = {net::family_of(address),
                    static_cast<uint8_t>(std::stoi(prefix.substr(prefix.find('/') + 1))), address};
    route.table = 254;
    route.kind = table::RouteKind::kForward;
    route.metric = metric;
    route.hops = {{.ifindex = ifindex, .gateway = ip(gateway)}};
    return route;
  }
  static RouteMessage removed(RouteMessage route) {
    route.removed = true;
    return route;
  }
  static RouteMessage replacing(RouteMessage route) {
    route.replaces = true;
    return route;
  }
  // Gateways of the route in the Fib; empty: none.
  std::vector<std::string> gateways(const std::string& prefix) {
    std::vector<std::string> all;
    const auto route = fib_.route_of(*table_, message(prefix, "10.0.0.1").prefix);
    if (!route) return all;
    for (const auto& hop : route->next_hops) all.push_back(net::to_string_either(*hop.gateway));
    return all;
  }
  using Gateways = std::vector<std::string>;
  template <class Routes>
  static void finish(Routes& routes) {
    routes.end_list();
    while (routes.sweep(1)) {
    }
  }

  ring::Qsbr qsbr_{1};
  table::Fib fib_{qsbr_};
  table::Fib::Table* table_ = nullptr;
  InterfaceMirror interfaces_;
  NextHopObjects objects_;
  RouteValues values_{interfaces_, objects_};
  std::vector<MirroredTable> tables_;
  Ipv4Routes routes4_{context()};
  Ipv6Routes routes6_{{fib_, values_, tables_, [](const net::IpPrefix&, const Error&) { FAIL(); }}};
};

TEST_F(FamilyRoutesTest, WhatIsNotListedIsSweptAndTheRestIsNotTouched) {
  routes4_.apply(0, message("10.1.0.0/16", "10.0.0.2"));
  routes4_.apply(0, message("10.2.0.0/16", "10.0.0.2"));
  routes4_.begin_list({.table = 0});
  routes4_.listed(0, message("10.1.0.0/16", "10.0.0.2"));
  routes4_.listed(0, message("10.3.0.0/16", "10.0.0.3"));
  EXPECT_EQ(gateways("10.2.0.0/16"), Gateways{"10.0.0.2"}) << "not before the list's end";
  finish(routes4_);
  EXPECT_EQ(gateways("10.1.0.0/16"), Gateways{"10.0.0.2"});
  EXPECT_EQ(gateways("10.2.0.0/16"), Gateways{});
  EXPECT_EQ(gateways("10.3.0.0/16"), Gateways{"10.0.0.3"});
  EXPECT_EQ(routes4_.size(), 2u);
  EXPECT_FALSE(routes4_.take_doubtful());
}

TEST_F(FamilyRoutesTest, ARouteThatHasGoneIsNotListedBackIn) {
  routes4_.apply(0, message("10.1.0.0/16", "10.0.0.2"));
  routes4_.begin_list({.table = 0});
  routes4_.apply(0, removed(message("10.1.0.0/16", "10.0.0.2")));
  EXPECT_EQ(gateways("10.1.0.0/16"), Gateways{});
  // Gone before we knew it.
  routes4_.apply(0, removed(message("10.2.0.0/16", "10.0.0.2")));
  for (const char* prefix : {"10.1.0.0/16", "10.2.0.0/16"}) {
    routes4_.listed(0, message(prefix, "10.0.0.2"));
    EXPECT_EQ(gateways(prefix), Gateways{}) << prefix;
  }
  // It comes again, by news.
  routes4_.apply(0, message("10.2.0.0/16", "10.0.0.2"));
  finish(routes4_);
  EXPECT_EQ(gateways("10.1.0.0/16"), Gateways{});
  EXPECT_EQ(gateways("10.2.0.0/16"), Gateways{"10.0.0.2"});
  EXPECT_EQ(routes4_.size(), 1u) << "no tombstone is left";
}

TEST_F(FamilyRoutesTest, AReplacedRouteIsNotListedBackIn) {
  routes4_.apply(0, message("10.1.0.0/16", "10.0.0.2"));
  routes4_.begin_list({.table = 0});
  routes4_.apply(0, replacing(message("10.1.0.0/16", "10.0.0.3")));
  routes4_.apply(0, replacing(message("10.2.0.0/16", "10.0.0.3")));  // unknown until now
  for (const char* prefix : {"10.1.0.0/16", "10.2.0.0/16"}) {
    routes4_.listed(0, message(prefix, "10.0.0.2"));
    EXPECT_EQ(gateways(prefix), Gateways{"10.0.0.3"}) << prefix;
  }
  // Another metric is another route.
  routes4_.listed(0, message("10.2.0.0/16", "10.0.0.9", 5));
  finish(routes4_);
  EXPECT_EQ(gateways("10.2.0.0/16"), Gateways{"10.0.0.3"});
  EXPECT_EQ(routes4_.size(), 3u);
}

TEST_F(FamilyRoutesTest, TheListCorrectsWhatNewsWereLostOf) {
  routes4_.apply(0, message("10.1.0.0/16", "10.0.0.2"));
  routes6_.apply(0, message("2001:db8::/32", "fe80::2", 1024));
  routes4_.begin_list({.table = 0});
  routes6_.begin_list({.table = 0});
  routes4_.listed(0, message("10.1.0.0/16", "10.0.0.3"));
  routes6_.listed(0, message("2001:db8::/32", "fe80::3", 1024));
  EXPECT_EQ(gateways("10.1.0.0/16"), Gateways{"10.0.0.3"});
  EXPECT_EQ(gateways("2001:db8::/32"), Gateways{"fe80::3"});
  finish(routes4_);
  finish(routes6_);
  EXPECT_EQ(routes4_.size(), 1u);
  EXPECT_EQ(routes6_.size(), 1u);
}

TEST_F(FamilyRoutesTest, WhatIsMissingWhileOthersGoIsListedOnceMore) {
  routes4_.apply(0, message("10.1.0.0/16", "10.0.0.2"));
  routes4_.apply(0, message("10.2.0.0/16", "10.0.0.2"));
  routes4_.begin_list({.table = 0});
  routes4_.apply(0, removed(message("10.2.0.0/16", "10.0.0.2")));
  finish(routes4_);
  EXPECT_EQ(gateways("10.1.0.0/16"), Gateways{"10.0.0.2"});
  EXPECT_TRUE(routes4_.take_doubtful());
  routes4_.begin_list({.table = 0});
  routes4_.apply(0, removed(message("10.2.0.0/16", "10.0.0.2")));
  finish(routes4_);
  EXPECT_EQ(gateways("10.1.0.0/16"), Gateways{});
  EXPECT_FALSE(routes4_.take_doubtful());
}

TEST_F(FamilyRoutesTest, AListOfOneDeviceLeavesTheOthersAlone) {
  routes4_.apply(0, message("10.1.0.0/16", "10.0.0.2", 0, 2));
  routes4_.apply(0, message("10.2.0.0/16", "10.0.0.3", 0, 3));
  routes4_.begin_list({.ifindex = 3});
  finish(routes4_);
  EXPECT_EQ(gateways("10.1.0.0/16"), Gateways{"10.0.0.2"});
  EXPECT_EQ(gateways("10.2.0.0/16"), Gateways{});
}

// IPv6: of a route that is not known yet, news says that one of its next hops is gone.
TEST_F(FamilyRoutesTest, AnUnknownRouteThatLosesANextHopIsListedOnceMore) {
  RouteMessage both = message("2001:db8::/32", "fe80::2", 1024);
  both.hops.push_back({.ifindex = 3, .gateway = ip("fe80::3")});
  routes6_.begin_list({.table = 0});
  routes6_.apply(0, removed(message("2001:db8::/32", "fe80::3", 1024, 3)));
  routes6_.listed(0, both);
  finish(routes6_);
  EXPECT_TRUE(routes6_.take_doubtful());
  routes6_.begin_list({.table = 0});
  routes6_.listed(0, message("2001:db8::/32", "fe80::2", 1024));
  finish(routes6_);
  EXPECT_EQ(gateways("2001:db8::/32"), Gateways{"fe80::2"});
  EXPECT_FALSE(routes6_.take_doubtful());
}

TEST_F(FamilyRoutesTest, ManyListsDoNotConfuseGenerations) {
  routes4_.apply(0, message("10.1.0.0/16", "10.0.0.2"));
  for (int i = 0; i < 600; ++i) {
    routes4_.begin_list({.table = 0});
    routes4_.listed(0, message("10.1.0.0/16", "10.0.0.2"));
    finish(routes4_);
    ASSERT_EQ(gateways("10.1.0.0/16"), Gateways{"10.0.0.2"}) << i;
  }
  for (int i = 0; i < 300; ++i) routes4_.begin_list({.ifindex = 3});
  routes4_.abandon_list();
  routes4_.begin_list({.table = 0});
  finish(routes4_);
  EXPECT_EQ(gateways("10.1.0.0/16"), Gateways{});
}

TEST_F(FamilyRoutesTest, AMillionRoutesInFewBytes) {
  constexpr uint32_t kRoutes = 1'000'000;
  StoredRoutes<uint32_t> routes;
  for (uint32_t i = 0; i < kRoutes; ++i) routes.insert({0, 24, i << 8}, 20, 1);
  EXPECT_EQ(routes.size(), kRoutes);
  EXPECT_LE(routes.memory_bytes(), kRoutes * 26u);
  for (uint32_t i = 0; i < kRoutes; i += 997) {
    uint32_t found = 0;
    routes.each_of({0, 24, i << 8},
                   [&](auto slot) { found += routes.at(slot).metric == 20 ? 1 : 0; });
    ASSERT_EQ(found, 1u) << i;
  }
}

}  // namespace
}  // namespace starocean::control
