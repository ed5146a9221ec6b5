// Buckets of multipath routes: shares by weight, and as few flows moved as can be.

#include "starocean/table/hop_buckets.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>
#include <random>

#include <gtest/gtest.h>

#include "starocean/ring/test_scale.h"
#include "starocean/table/fib.h"

namespace starocean::table {
namespace {

using Hops = std::vector<WeightedHop>;
using Buckets = std::vector<uint32_t>;

std::map<uint32_t, uint32_t> shares(const Buckets& buckets) {
  std::map<uint32_t, uint32_t> count;
  for (const uint32_t hop : buckets) ++count[hop];
  return count;
}

double due(const Hops& hops, size_t i, size_t buckets) {
  double sum = 0;
  for (const WeightedHop& hop : hops) sum += hop.weight;
  return hops[i].weight / sum * static_cast<double>(buckets);
}

void expect_due_shares(const Hops& hops, const Buckets& buckets, double tolerance) {
  ASSERT_TRUE(std::has_single_bit(buckets.size()));
  auto count = shares(buckets);
  EXPECT_EQ(count.size(), hops.size()) << "each hop has some, and nobody else";
  for (size_t i = 0; i < hops.size(); ++i) {
    EXPECT_NEAR(count[hops[i].hop], std::max(1.0, due(hops, i, buckets.size())), tolerance)
        << hops[i].hop;
  }
}

TEST(HopBuckets, SharesAreByWeight) {
  for (const Hops& hops :
       {Hops{{1, 1}, {2, 1}}, Hops{{1, 1}, {2, 1}, {3, 1}}, Hops{{1, 1}, {2, 2}, {3, 3}},
        Hops{{1, 100}, {2, 100}}, Hops{{1, 1}, {2, 256}}, Hops{{7, 10}, {8, 5}, {9, 1}}}) {
    const Buckets buckets = distribute(hops, {}, {});
    expect_due_shares(hops, buckets, 1.0);
    EXPECT_GE(buckets.size(), kLeastBuckets);
    EXPECT_LE(buckets.size(), kMostBuckets);
  }
}

TEST(HopBuckets, ManyHopsHaveOneEachAtLeast) {
  Hops hops;
  for (uint32_t i = 0; i < kMaxNextHops; ++i) hops.push_back({i, i == 0 ? 1u : 256u});
  EXPECT_EQ(shares(distribute(hops, {}, {})).size(), kMaxNextHops);
}

TEST(HopBuckets, AHopThatGoesTakesOnlyItsOwnFlowsWithIt) {
  const Hops hops{{1, 1}, {2, 2}, {3, 1}, {4, 3}};
  const Buckets before = distribute(hops, {}, {});
  const Hops left{{1, 1}, {3, 1}, {4, 3}};
  const Buckets after = distribute(left, before, hops);
  ASSERT_EQ(after.size(), before.size());
  for (size_t b = 0; b < after.size(); ++b) {
    if (before[b] != 2) {
      EXPECT_EQ(after[b], before[b]) << b;
    }
  }
  expect_due_shares(left, after, 1.5);
}

TEST(HopBuckets, AHopThatComesTakesOnlyItsDue) {
  const Hops hops{{1, 1}, {2, 1}};
  const Buckets before = distribute(hops, {}, {});
  const Hops more{{1, 1}, {2, 1}, {3, 2}};
  const Buckets after = distribute(more, before, hops);
  ASSERT_EQ(after.size(), before.size());
  for (size_t b = 0; b < after.size(); ++b) {
    if (after[b] != before[b]) {
      EXPECT_EQ(after[b], 3u) << b;
    }
  }
  expect_due_shares(more, after, 1.0);
}

TEST(HopBuckets, FromASingleWayToTwo) {
  const Buckets single{5};
  const Hops one{{5, 1}}, two{{5, 1}, {6, 1}};
  const Buckets after = distribute(two, single, one);
  expect_due_shares(two, after, 0.5);
}

TEST(HopBuckets, MoreBucketsSplitThoseThatThereWere) {
  const Hops hops{{1, 1}, {2, 1}};
  const Buckets before = distribute(hops, {}, {});
  const Hops finer{{1, 1}, {2, 1}, {3, 14}};
  const Buckets after = distribute(finer, before, hops);
  ASSERT_GT(after.size(), before.size());
  for (uint32_t flow = 0; flow < 100'000; ++flow) {
    const uint32_t old =
        before[bucket_of(flow, static_cast<uint32_t>(std::countr_zero(before.size())))];
    const uint32_t now =
        after[bucket_of(flow, static_cast<uint32_t>(std::countr_zero(after.size())))];
    if (now != 3) {
      ASSERT_EQ(now, old);
    }
  }
}

// A long life: shares stay near what is due, and a removal moves nothing but what it must.
TEST(HopBuckets, StaysFairAndResilientThroughChanges) {
  std::mt19937 random(1);
  Hops hops{{0, 1}, {1, 1}};
  Buckets buckets = distribute(hops, {}, {});
  const uint64_t steps = scaled("changes", 3000, 100);
  for (uint64_t step = 0; step < steps; ++step) {
    const Hops old_hops = hops;
    const Buckets old = buckets;
    const bool removal = hops.size() > 2 && random() % 2 == 0;
    if (removal) {
      hops.erase(hops.begin() + static_cast<ptrdiff_t>(random() % hops.size()));
    } else if (hops.size() < 16 && random() % 2 == 0) {
      hops.push_back({static_cast<uint32_t>(step) + 2, 1 + static_cast<uint32_t>(random() % 4)});
    } else {
      hops[random() % hops.size()].weight = 1 + static_cast<uint32_t>(random() % 4);
    }
    buckets = distribute(hops, old, old_hops);
    ASSERT_GE(buckets.size(), old.size());
    auto count = shares(buckets);
    for (size_t i = 0; i < hops.size(); ++i) {
      ASSERT_NEAR(count[hops[i].hop], due(hops, i, buckets.size()), removal ? 3.0 : 1.0)
          << "step " << step;
    }
    if (!removal) continue;
    for (size_t b = 0; b < buckets.size(); ++b) {
      const uint32_t owner = old[b * old.size() / buckets.size()];
      const bool stays = std::any_of(hops.begin(), hops.end(),
                                     [&](const WeightedHop& hop) { return hop.hop == owner; });
      if (stays) {
        ASSERT_EQ(buckets[b], owner) << "step " << step;
      }
    }
  }
}

// Through the Fib: flows are spread by weight, and keep their way when another one goes.
TEST(HopBuckets, FlowsOfARoute) {
  ring::Qsbr qsbr(1);
  Fib fib(qsbr);
  Fib::Table& table = **fib.add_table(254);
  fib.bind_interface(1, InterfaceId(1));
  const auto gateway = [](uint32_t i) {
    return net::Ipv6Address::mapped(net::Ipv4Address(0xc0000200u + i));
  };
  const Route three{RouteKind::kForward,
                    {{1, gateway(1), 1}, {1, gateway(2), 2}, {1, gateway(3), 1}}};
  const Route two{RouteKind::kForward, {{1, gateway(1), 1}, {1, gateway(3), 1}}};
  const auto first = net::IpPrefix::v4(net::Ipv4Address(0x0a000000), 8);
  const auto second = net::IpPrefix::v4(net::Ipv4Address(0x0b000000), 8);
  constexpr uint32_t kFlows = 40'000;
  const auto ways = [&](uint32_t address) {
    std::vector<net::Ipv6Address> all;
    const RouteIndex route = fib.lookup4(table, address);
    for (uint32_t flow = 0; flow < kFlows; ++flow) {
      const Decision decision = fib.decide(route, gateway(99), flow * 2654435761u);
      EXPECT_EQ(decision.kind, RouteKind::kForward);
      all.push_back(fib.adjacency(decision.adjacency).address);
    }
    return all;
  };
  ASSERT_TRUE(fib.set_route(table, first, three));
  ASSERT_TRUE(fib.set_route(table, second, three));
  EXPECT_EQ(fib.lookup4(table, 0x0a000001), fib.lookup4(table, 0x0b000001));
  const auto before = ways(0x0a000001);
  for (const uint32_t i : {1u, 2u, 3u}) {
    const auto share = std::count(before.begin(), before.end(), gateway(i));
    EXPECT_NEAR(static_cast<double>(share), kFlows * (i == 2 ? 0.5 : 0.25), kFlows * 0.02) << i;
  }
  ASSERT_TRUE(fib.set_route(table, first, two));
  ASSERT_TRUE(fib.set_route(table, second, two));
  EXPECT_EQ(fib.lookup4(table, 0x0a000001), fib.lookup4(table, 0x0b000001)) << "the same history";
  const auto after = ways(0x0a000001);
  for (uint32_t flow = 0; flow < kFlows; ++flow) {
    if (before[flow] != gateway(2)) {
      ASSERT_EQ(after[flow], before[flow]);
    }
  }
  ASSERT_TRUE(fib.set_route(table, first, three));
  const auto again = ways(0x0a000001);
  for (uint32_t flow = 0; flow < kFlows; ++flow) {
    if (again[flow] != after[flow]) {
      ASSERT_EQ(again[flow], gateway(2)) << "it takes its due";
    }
  }
}

}  // namespace
}  // namespace starocean::table
