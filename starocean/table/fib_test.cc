// The Fib as the mirror and the router use it: routes, neighbours, interfaces, limits.

#include "starocean/table/fib.h"

#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace starocean::table {
namespace {

net::Ipv6Address ip(const std::string& text) {
  if (text.find(':') != std::string::npos) return *net::Ipv6Address::parse(text);
  return net::Ipv6Address::mapped(*net::Ipv4Address::parse(text));
}

net::IpPrefix prefix(const std::string& text) {
  const size_t slash = text.find('/');
  const auto length = static_cast<uint8_t>(std::stoi(text.substr(slash + 1)));
  const net::Ipv6Address address = ip(text.substr(0, slash));
  if (net::family_of(address) == net::IpFamily::kIpv6) return net::IpPrefix::v6(address, length);
  return net::IpPrefix::v4(net::Ipv4Address(address.embedded_ipv4()), length);
}

Route via(uint32_t ifindex, const std::string& gateway) {
  return {RouteKind::kForward, {{ifindex, ip(gateway)}}};
}

Route connected(uint32_t ifindex) {
  return {RouteKind::kForward, {{ifindex, std::nullopt}}};
}

net::MacAddress mac(uint8_t last) {
  return net::MacAddress({2, 0, 0, 0, 0, last});
}

class FibTest : public testing::Test {
 protected:
  static constexpr InterfaceId kLan{3}, kWan{4};

  void SetUp() override {
    table_ = *fib_.add_table(254);
    fib_.bind_interface(10, kLan);
    fib_.bind_interface(20, kWan);
  }
  void set(const std::string& text, const Route& route) {
    const Status done = fib_.set_route(*table_, prefix(text), route);
    ASSERT_TRUE(done) << done.error().message();
  }
  RouteIndex lookup(const std::string& address) const {
    const net::Ipv6Address a = ip(address);
    if (a.is_mapped()) return fib_.lookup4(*table_, a.embedded_ipv4());
    return fib_.lookup6(*table_, a);
  }
  Decision decide(const std::string& address, uint32_t flow_hash = 0) const {
    return fib_.decide(lookup(address), ip(address), flow_hash);
  }
  uint64_t word(const Decision& decision) const { return fib_.adjacency(decision.adjacency).word; }

  ring::Qsbr qsbr_{1};
  Fib fib_{qsbr_};
  Fib::Table* table_ = nullptr;
};

TEST_F(FibTest, NoRoute) {
  EXPECT_EQ(decide("10.0.0.1").kind, RouteKind::kNone);
  EXPECT_EQ(decide("2001:db8::1").kind, RouteKind::kNone);
  EXPECT_EQ(fib_.decide(0, {}, 0).kind, RouteKind::kNone);
}

TEST_F(FibTest, EachKindIsWhatItWasSet) {
  const std::map<std::string, RouteKind> kinds = {
      {"10.0.1.0/24", RouteKind::kLocal},        {"10.0.2.255/32", RouteKind::kBroadcast},
      {"10.0.3.0/24", RouteKind::kBlackhole},    {"10.0.4.0/24", RouteKind::kUnreachable},
      {"2001:db8:5::/48", RouteKind::kProhibit}, {"2001:db8:6::/48", RouteKind::kThrow}};
  for (const auto& [text, kind] : kinds) set(text, {kind, {}});
  for (const auto& [text, kind] : kinds) {
    EXPECT_EQ(decide(text.substr(0, text.find('/'))).kind, kind) << text;
  }
  set("0.0.0.0/0", via(20, "192.0.2.1"));
  EXPECT_EQ(decide("10.0.3.9").kind, RouteKind::kBlackhole);
  EXPECT_EQ(decide("10.0.5.9").kind, RouteKind::kForward);
}

TEST_F(FibTest, AGatewayIsOneAdjacencyForAllItsRoutes) {
  set("10.1.0.0/16", via(20, "192.0.2.1"));
  set("10.2.0.0/16", via(20, "192.0.2.1"));
  set("2001:db8::/32", via(20, "fe80::1"));
  EXPECT_EQ(lookup("10.1.0.1"), lookup("10.2.3.4")) << "equal routes share an index";
  const Decision decision = decide("10.1.0.1");
  EXPECT_EQ(decision.kind, RouteKind::kForward);
  EXPECT_EQ(decision.interface, kWan);
  EXPECT_EQ(decision.ifindex, 20u);
  const Adjacency& gateway = fib_.adjacency(decision.adjacency);
  EXPECT_EQ(gateway.address, ip("192.0.2.1"));
  EXPECT_EQ(gateway.state(), NeighbourState::kUnresolved);
  EXPECT_NE(decide("2001:db8::9").adjacency, decision.adjacency);
  ASSERT_TRUE(fib_.set_neighbour(20, ip("192.0.2.1"), NeighbourState::kReachable, mac(7)));
  EXPECT_EQ(decide("10.2.0.1").adjacency, decision.adjacency);
  EXPECT_EQ(gateway.state(), NeighbourState::kReachable);
  EXPECT_EQ(Adjacency::mac_of(gateway.word), mac(7).as_u64());
  ASSERT_TRUE(fib_.set_neighbour(20, ip("192.0.2.1"), NeighbourState::kFailed, {}));
  EXPECT_EQ(gateway.state(), NeighbourState::kFailed);
  fib_.remove_neighbour(20, ip("192.0.2.1"));
  EXPECT_EQ(gateway.state(), NeighbourState::kUnresolved);
  EXPECT_EQ(decide("10.2.0.1").adjacency, decision.adjacency) << "the routes still lead there";
}

TEST_F(FibTest, AnIpv4RouteMayHaveAnIpv6Gateway) {
  set("10.1.0.0/16", via(20, "fe80::1"));
  set("2001:db8::/32", via(20, "fe80::1"));
  EXPECT_EQ(lookup("10.1.0.1"), lookup("2001:db8::1"));
  EXPECT_EQ(fib_.adjacency(decide("10.1.0.1").adjacency).address, ip("fe80::1"));
}

TEST_F(FibTest, OnAConnectedNetworkTheDestinationIsTheNeighbour) {
  set("10.1.0.0/24", connected(10));
  Decision decision = decide("10.1.0.5");
  EXPECT_EQ(decision.kind, RouteKind::kForward);
  EXPECT_EQ(decision.adjacency, 0u) << "nobody has asked for it";
  EXPECT_EQ(decision.interface, kLan);
  EXPECT_EQ(decision.ifindex, 10u);
  ASSERT_TRUE(fib_.set_neighbour(20, ip("10.1.0.5"), NeighbourState::kReachable, mac(1)));
  EXPECT_EQ(decide("10.1.0.5").adjacency, 0u) << "that is on another device";
  ASSERT_TRUE(fib_.set_neighbour(10, ip("10.1.0.5"), NeighbourState::kReachable, mac(5)));
  ASSERT_TRUE(fib_.set_neighbour(10, ip("10.1.0.6"), NeighbourState::kUnresolved, {}));
  decision = decide("10.1.0.5");
  ASSERT_NE(decision.adjacency, 0u);
  EXPECT_EQ(Adjacency::mac_of(word(decision)), mac(5).as_u64());
  EXPECT_EQ(Adjacency::state_of(word(decide("10.1.0.6"))), NeighbourState::kUnresolved);
  fib_.remove_neighbour(10, ip("10.1.0.5"));
  EXPECT_EQ(decide("10.1.0.5").adjacency, 0u);
  EXPECT_NE(decide("10.1.0.6").adjacency, 0u);
}

TEST_F(FibTest, ADeviceThatIsNotOursIsElsewhere) {
  set("10.1.0.0/16", via(30, "192.0.2.1"));
  set("10.2.0.0/16", connected(30));
  for (const char* address : {"10.1.0.1", "10.2.0.1"}) {
    EXPECT_EQ(decide(address).kind, RouteKind::kElsewhere);
    EXPECT_EQ(decide(address).ifindex, 30u);
  }
  fib_.bind_interface(30, InterfaceId(9));
  for (const char* address : {"10.1.0.1", "10.2.0.1"}) {
    EXPECT_EQ(decide(address).kind, RouteKind::kForward);
    EXPECT_EQ(decide(address).interface, InterfaceId(9));
  }
  fib_.unbind_interface(30);
  EXPECT_EQ(decide("10.1.0.1").kind, RouteKind::kElsewhere);
  EXPECT_EQ(decide("10.2.0.1").kind, RouteKind::kElsewhere);
  EXPECT_EQ(fib_.route_of(*table_, prefix("10.1.0.0/16")), via(30, "192.0.2.1")) << "as it was set";
}

TEST_F(FibTest, RoutesAreReplacedRemovedAndShown) {
  set("10.0.0.0/8", via(20, "192.0.2.1"));
  set("10.1.0.0/16", via(20, "192.0.2.2"));
  set("2001:db8::/32", connected(20));
  EXPECT_EQ(fib_.route_count(*table_, net::IpFamily::kIpv4), 2u);
  EXPECT_EQ(fib_.route_count(*table_, net::IpFamily::kIpv6), 1u);
  const auto match = fib_.longest_match(*table_, ip("10.1.2.3"));
  ASSERT_TRUE(match);
  EXPECT_EQ(match->first, prefix("10.1.0.0/16"));
  EXPECT_EQ(match->second, via(20, "192.0.2.2"));
  set("10.1.0.0/16", via(20, "192.0.2.3"));
  EXPECT_EQ(fib_.route_of(*table_, prefix("10.1.0.0/16")), via(20, "192.0.2.3"));
  EXPECT_EQ(fib_.route_of(*table_, prefix("10.1.0.0/17")), std::nullopt);
  EXPECT_TRUE(fib_.remove_route(*table_, prefix("10.1.0.0/16")));
  EXPECT_FALSE(fib_.remove_route(*table_, prefix("10.1.0.0/16")));
  EXPECT_EQ(fib_.longest_match(*table_, ip("10.1.2.3"))->first, prefix("10.0.0.0/8"));
  EXPECT_EQ(fib_.longest_match(*table_, ip("2001:db8::1"))->first, prefix("2001:db8::/32"));
  EXPECT_FALSE(fib_.longest_match(*table_, ip("11.1.2.3")));
  std::map<std::string, Route> listed;
  for (const auto family : {net::IpFamily::kIpv4, net::IpFamily::kIpv6}) {
    fib_.for_each_route(*table_, family, [&](const net::IpPrefix& p, const Route& route) {
      listed[p.to_string()] = route;
    });
  }
  EXPECT_EQ(listed, (std::map<std::string, Route>{{"10.0.0.0/8", via(20, "192.0.2.1")},
                                                  {"2001:db8::/32", connected(20)}}));
}

TEST_F(FibTest, BadRoutesAreRefusedAndChangeNothing) {
  set("10.0.0.0/8", via(20, "192.0.2.1"));
  const RouteIndex before = lookup("10.0.0.1");
  const auto refused = [&](const net::IpPrefix& p, const Route& route) {
    const Status done = fib_.set_route(*table_, p, route);
    EXPECT_FALSE(done);
    return done ? "" : done.error().message();
  };
  EXPECT_NE(refused(prefix("10.0.0.1/8"), via(20, "192.0.2.2")).find("10.0.0.1/8"),
            std::string::npos);
  refused(prefix("2001:db8::1/32"), via(20, "fe80::1"));
  refused(net::IpPrefix{net::IpFamily::kIpv4, 33, ip("10.0.0.0")}, via(20, "192.0.2.2"));
  refused(net::IpPrefix{net::IpFamily::kIpv4, 8, ip("2001:db8::")}, via(20, "192.0.2.2"));
  const net::IpPrefix good = prefix("10.0.0.0/8");
  refused(good, {RouteKind::kForward, {}});
  refused(good, {RouteKind::kBlackhole, {{20, std::nullopt}}});
  refused(good, {RouteKind::kElsewhere, {}});
  refused(good, {RouteKind::kNone, {}});
  refused(good, {RouteKind::kForward, {{20, std::nullopt, 0}}});
  refused(good, {RouteKind::kForward, {{20, std::nullopt, 257}}});
  refused(good, {RouteKind::kForward, std::vector<NextHop>(kMaxNextHops + 1)});
  EXPECT_EQ(lookup("10.0.0.1"), before);
  EXPECT_EQ(fib_.route_count(*table_, net::IpFamily::kIpv4), 1u);
  EXPECT_EQ(fib_.route_count(*table_, net::IpFamily::kIpv6), 0u);
  EXPECT_FALSE(fib_.remove_route(*table_, prefix("10.0.0.1/8")));
}

TEST_F(FibTest, TablesAreApart) {
  Fib::Table* other = *fib_.add_table(100);
  EXPECT_EQ(*fib_.add_table(100), other) << "found, not made again";
  EXPECT_EQ(fib_.find_table(100), other);
  EXPECT_EQ(fib_.find_table(101), nullptr);
  EXPECT_EQ(other->linux_table(), 100u);
  set("10.0.0.0/8", via(20, "192.0.2.1"));
  ASSERT_TRUE(fib_.set_route(*other, prefix("10.0.0.0/8"), via(20, "192.0.2.2")));
  EXPECT_NE(fib_.lookup4(*other, 0x0a000001), lookup("10.0.0.1"));
  fib_.remove_table(100);
  EXPECT_EQ(fib_.find_table(100), nullptr);
  EXPECT_EQ(decide("10.0.0.1").kind, RouteKind::kForward);
  fib_.remove_table(100);
}

TEST_F(FibTest, ThereAreAsManyTablesAsPromised) {
  if (sizeof(void*) < 8) GTEST_SKIP() << "64 tables need 8 GiB of address space";
  for (uint32_t i = 1; i < Fib::kMaxTables; ++i) ASSERT_TRUE(fib_.add_table(1000 + i));
  const auto more = fib_.add_table(5000);
  ASSERT_FALSE(more);
  EXPECT_NE(more.error().message().find("5000"), std::string::npos);
  EXPECT_TRUE(fib_.add_table(1001)) << "that is there already";
}

TEST_F(FibTest, NeighboursInUseAreReportedOnce) {
  set("10.1.0.0/24", connected(10));
  for (uint8_t i = 1; i < 5; ++i) {
    const auto address = net::Ipv6Address::mapped(net::Ipv4Address(0x0a010000u + i));
    ASSERT_TRUE(fib_.set_neighbour(10, address, NeighbourState::kReachable, mac(i)));
  }
  fib_.adjacency(decide("10.1.0.2").adjacency).mark_used();
  fib_.adjacency(decide("10.1.0.4").adjacency).mark_used();
  fib_.adjacency(decide("10.1.0.4").adjacency).mark_used();
  std::vector<std::string> used;
  const auto take = [&] {
    used.clear();
    fib_.take_used([&](const Adjacency& a) { used.push_back(net::to_string_either(a.address)); });
    return used;
  };
  EXPECT_EQ(take(), (std::vector<std::string>{"10.1.0.2", "10.1.0.4"}));
  EXPECT_EQ(take(), std::vector<std::string>());
}

// The index of a neighbour that is gone stays its own while a reader may be at it.
TEST_F(FibTest, AnAdjacencyIsUsedAgainOnlyAfterAGracePeriod) {
  qsbr_.reader(0).online();
  set("10.1.0.0/24", connected(10));
  ASSERT_TRUE(fib_.set_neighbour(10, ip("10.1.0.5"), NeighbourState::kReachable, mac(5)));
  const AdjacencyIndex first = decide("10.1.0.5").adjacency;
  fib_.remove_neighbour(10, ip("10.1.0.5"));
  for (int i = 0; i < 3; ++i) fib_.collect();
  for (uint8_t i = 10; i < 20; ++i) {
    const auto address = net::Ipv6Address::mapped(net::Ipv4Address(0x0a010000u + i));
    ASSERT_TRUE(fib_.set_neighbour(10, address, NeighbourState::kReachable, mac(i)));
    EXPECT_NE(decide("10.1.0." + std::to_string(i)).adjacency, first);
  }
  EXPECT_EQ(fib_.adjacency(first).address, ip("10.1.0.5"));
  qsbr_.reader(0).quiescent();
  fib_.collect();
  ASSERT_TRUE(fib_.set_neighbour(10, ip("10.1.0.30"), NeighbourState::kReachable, mac(30)));
  EXPECT_EQ(decide("10.1.0.30").adjacency, first);
  EXPECT_EQ(Adjacency::mac_of(word(decide("10.1.0.30"))), mac(30).as_u64());
  qsbr_.reader(0).offline();
}

TEST_F(FibTest, ARouteIndexIsUsedAgainOnlyAfterAGracePeriod) {
  qsbr_.reader(0).online();
  set("10.1.0.0/24", via(20, "192.0.2.1"));
  const RouteIndex first = lookup("10.1.0.1");
  set("10.1.0.0/24", via(20, "192.0.2.2"));
  for (int i = 0; i < 3; ++i) fib_.collect();
  set("10.3.0.0/24", via(20, "192.0.2.3"));
  EXPECT_NE(lookup("10.3.0.1"), first);
  const Decision old = fib_.decide(first, ip("10.1.0.1"), 0);
  EXPECT_EQ(fib_.adjacency(old.adjacency).address, ip("192.0.2.1"));
  qsbr_.reader(0).quiescent();
  fib_.collect();
  set("10.4.0.0/24", via(20, "192.0.2.4"));
  EXPECT_EQ(lookup("10.4.0.1"), first);
  qsbr_.reader(0).offline();
}

TEST_F(FibTest, ManyNeighbours) {
  set("10.0.0.0/8", connected(10));
  constexpr uint32_t kCount = 20'000;
  const auto address = [](uint32_t i) {
    return net::Ipv6Address::mapped(net::Ipv4Address(0x0a000000u + i));
  };
  const auto decide_for = [&](uint32_t i) {
    return fib_.decide(fib_.lookup4(*table_, 0x0a000000u + i), address(i), 0);
  };
  for (uint32_t i = 0; i < kCount; ++i) {
    ASSERT_TRUE(fib_.set_neighbour(10, address(i), NeighbourState::kReachable, mac(1)));
  }
  for (uint32_t i = 0; i < kCount; i += 2) fib_.remove_neighbour(10, address(i));
  for (uint32_t i = 0; i < kCount; ++i) {
    const Decision decision = decide_for(i);
    ASSERT_EQ(decision.adjacency != 0, i % 2 == 1) << i;
    if (i % 2 == 1) {
      ASSERT_EQ(fib_.adjacency(decision.adjacency).address, address(i));
    }
  }
}

TEST(FibLimitsTest, BeyondThemNothingChanges) {
  ring::Qsbr qsbr(1);
  Fib fib(qsbr, {.routes = 3, .adjacencies = 4, .node_lines = lpm::Arena::kSpareLines + 600});
  Fib::Table& table = **fib.add_table(254);
  const auto p = [](uint32_t i) { return net::IpPrefix::v4(net::Ipv4Address(i << 8), 24); };
  for (uint32_t i = 1; i <= 3; ++i) {
    ASSERT_TRUE(fib.set_route(table, p(i), via(20, "192.0.2." + std::to_string(i))));
  }
  EXPECT_FALSE(fib.set_route(table, p(1), via(20, "192.0.2.4"))) << "a fourth route";
  EXPECT_EQ(fib.route_of(table, p(1)), via(20, "192.0.2.1"));
  EXPECT_TRUE(fib.set_route(table, p(9), via(20, "192.0.2.2"))) << "known already";
  ASSERT_TRUE(fib.set_neighbour(20, ip("10.0.0.1"), NeighbourState::kReachable, mac(1)));
  EXPECT_FALSE(fib.set_neighbour(20, ip("10.0.0.2"), NeighbourState::kReachable, mac(2)));
  EXPECT_TRUE(fib.set_neighbour(20, ip("10.0.0.1"), NeighbourState::kReachable, mac(3)));
  EXPECT_TRUE(fib.remove_route(table, p(3)));
  fib.collect();
  fib.collect();
  const Route several{RouteKind::kForward, {{20, ip("192.0.2.3")}, {20, ip("192.0.2.4")}}};
  EXPECT_FALSE(fib.set_route(table, p(5), several)) << "one adjacency is left, not two";
  fib.collect();
  fib.collect();
  EXPECT_TRUE(fib.set_route(table, p(5), via(20, "192.0.2.5"))) << "and nothing was kept of it";
}

}  // namespace
}  // namespace starocean::table
