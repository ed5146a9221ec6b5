#include "starocean/table/mac_table.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "starocean/ring/test_scale.h"

namespace starocean::table {
namespace {

constexpr BridgeId kOffice(1);
constexpr BridgeId kPlain(2);
constexpr PortId kLan1(1);
constexpr PortId kLan2(2);
constexpr uint64_t kMac = 0x020000000001;
constexpr uint32_t kAging = 300'000;
constexpr uint64_t kSeed = 42;

TEST(MacTable, LearnsAndFinds) {
  MacTable table(100, kSeed);
  EXPECT_FALSE(table.lookup(kOffice, kMac, 0, kAging).found);
  EXPECT_EQ(table.learn(kOffice, kMac, kLan1, 0, kAging).kind, LearnResult::kLearned);
  EXPECT_EQ(table.learn(kOffice, kMac, kLan1, 10, kAging).kind, LearnResult::kKnown);
  const MacLookup hit = table.lookup(kOffice, kMac, 10, kAging);
  EXPECT_TRUE(hit.found);
  EXPECT_EQ(hit.port, kLan1);
  EXPECT_FALSE(hit.is_static);
  EXPECT_FALSE(table.lookup(kPlain, kMac, 10, kAging).found) << "bridges are apart";
  EXPECT_EQ(table.size(), 1u);
}

TEST(MacTable, ReportsMoves) {
  MacTable table(100, kSeed);
  table.learn(kOffice, kMac, kLan1, 0, kAging);
  const LearnResult moved = table.learn(kOffice, kMac, kLan2, 1, kAging);
  EXPECT_EQ(moved.kind, LearnResult::kMoved);
  EXPECT_EQ(moved.previous, kLan1);
  EXPECT_EQ(table.lookup(kOffice, kMac, 1, kAging).port, kLan2);
  EXPECT_EQ(table.size(), 1u);
}

TEST(MacTable, RefreshesOncePerSecond) {
  MacTable table(100, kSeed);
  table.learn(kOffice, kMac, kLan1, 0, kAging);
  EXPECT_EQ(table.learn(kOffice, kMac, kLan1, 999, kAging).kind, LearnResult::kKnown);
  EXPECT_EQ(table.learn(kOffice, kMac, kLan1, 1000, kAging).kind, LearnResult::kRefreshed);
  EXPECT_EQ(table.learn(kOffice, kMac, kLan1, 1001, kAging).kind, LearnResult::kKnown);
}

TEST(MacTable, SteadyTrafficNeverExpiresHoweverShortTheAging) {
  for (const uint32_t aging : {2u, 10u, 1000u, 4000u}) {
    MacTable table(100, kSeed);
    table.learn(kOffice, kMac, kLan1, 0, aging);
    for (uint32_t now = 1; now < 10'000; ++now) {
      ASSERT_TRUE(table.lookup(kOffice, kMac, now, aging).found) << aging << " at " << now;
      ASSERT_NE(table.learn(kOffice, kMac, kLan1, now, aging).kind, LearnResult::kLearned);
    }
  }
}

TEST(MacTable, Expires) {
  MacTable table(100, kSeed);
  table.learn(kOffice, kMac, kLan1, 5, kAging);
  EXPECT_TRUE(table.lookup(kOffice, kMac, 5 + kAging - 1, kAging).found);
  EXPECT_FALSE(table.lookup(kOffice, kMac, 5 + kAging, kAging).found);
  EXPECT_TRUE(table.lookup(kOffice, kMac, 5 + kAging, MacTable::kNeverMs).found);
  EXPECT_EQ(table.learn(kOffice, kMac, kLan2, 5 + kAging, kAging).kind, LearnResult::kLearned)
      << "what has expired did not move";
  EXPECT_EQ(table.size(), 1u);
}

TEST(MacTable, TimeWrapsAndMayLieBehindAStamp) {
  MacTable table(100, kSeed);
  const uint32_t start = UINT32_MAX - 100;
  table.learn(kOffice, kMac, kLan1, start, kAging);
  EXPECT_TRUE(table.lookup(kOffice, kMac, start - 50, kAging).found)
      << "a worker with an older now";
  EXPECT_EQ(table.learn(kOffice, kMac, kLan1, start - 50, kAging).kind, LearnResult::kKnown);
  EXPECT_TRUE(table.lookup(kOffice, kMac, start + kAging - 1, kAging).found);
  EXPECT_FALSE(table.lookup(kOffice, kMac, start + kAging, kAging).found);
  EXPECT_EQ(table.age(start + kAging - 1, kAging, 0, SIZE_MAX), 0u);
  EXPECT_EQ(table.age(start + kAging, kAging, 0, SIZE_MAX), 1u);
}

TEST(MacTable, StaticEntriesNeitherMoveNorAge) {
  MacTable table(100, kSeed);
  table.learn(kOffice, kMac, kLan2, 0, kAging);
  ASSERT_TRUE(table.add_static(kOffice, kMac, kLan1));
  EXPECT_EQ(table.learn(kOffice, kMac, kLan1, 0, kAging).kind, LearnResult::kKnown);
  const LearnResult refused = table.learn(kOffice, kMac, kLan2, 0, kAging);
  EXPECT_EQ(refused.kind, LearnResult::kStatic);
  EXPECT_EQ(refused.previous, kLan1);
  EXPECT_TRUE(table.lookup(kOffice, kMac, 1u << 30, kAging).is_static);
  EXPECT_EQ(table.age(1u << 30, kAging, 0, table.bucket_count()), 0u);
  EXPECT_EQ(table.flush_port(kLan1), 0u);
  EXPECT_EQ(table.flush_port(kLan1, MacTable::Flush::kAll), 1u);
  ASSERT_TRUE(table.add_static(kOffice, kMac, kLan1));
  EXPECT_TRUE(table.remove(kOffice, kMac));
  EXPECT_FALSE(table.remove(kOffice, kMac));
  EXPECT_EQ(table.size(), 0u);
}

TEST(MacTable, FlushesAndAgesByBridge) {
  MacTable table(1000, kSeed);
  for (uint64_t i = 0; i < 500; ++i) {
    table.learn(i % 2 == 0 ? kOffice : kPlain, i, i % 5 == 0 ? kLan1 : kLan2, 0, kAging);
  }
  EXPECT_EQ(table.flush_port(kLan1), 100u);
  EXPECT_EQ(table.size(), 400u);
  const auto aging = [](BridgeId bridge) { return bridge == kPlain ? 1000u : kAging; };
  size_t aged = 0;
  for (size_t b = 0; b < table.bucket_count(); b += 10) aged += table.age(2000, aging, b, b + 10);
  EXPECT_EQ(aged, 200u);
  EXPECT_EQ(table.flush_bridge(kOffice), 200u);
  EXPECT_EQ(table.size(), 0u);
}

TEST(MacTable, ListsWhatItHolds) {
  MacTable table(100, kSeed);
  table.learn(kOffice, kMac, kLan1, 7, kAging);
  table.add_static(kPlain, kMac + 1, kLan2);
  std::vector<MacEntry> entries;
  table.for_each([&](const MacEntry& entry) { entries.push_back(entry); });
  ASSERT_EQ(entries.size(), 2u);
  if (entries[0].is_static) std::swap(entries[0], entries[1]);
  EXPECT_EQ(entries[0].bridge, kOffice);
  EXPECT_EQ(entries[0].mac, kMac);
  EXPECT_EQ(entries[0].port, kLan1);
  EXPECT_EQ(entries[0].stamp_ms, 7u);
  EXPECT_EQ(entries[1].mac, kMac + 1);
  EXPECT_TRUE(entries[1].is_static);
}

TEST(MacTable, WorksInTheCallersMemory) {
  constexpr size_t kCapacity = 100;
  const size_t bytes = MacTable::bytes_needed(kCapacity);
  std::vector<std::byte> memory(bytes + 2 * kCacheLine, std::byte{0xff});
  void* begin = memory.data();
  size_t space = memory.size();
  ASSERT_NE(std::align(kCacheLine, bytes, begin, space), nullptr);
  MacTable table({static_cast<std::byte*>(begin), bytes}, kCapacity, kSeed);
  EXPECT_EQ(table.size(), 0u) << "what the memory held before does not matter";
  table.learn(kOffice, kMac, kLan1, 0, kAging);
  const uint64_t key = mac::make_key(kOffice, kMac);
  size_t seen = 0;
  for (size_t at = 0; at + 8 <= bytes; at += 8) {
    seen += std::memcmp(static_cast<std::byte*>(begin) + at, &key, 8) == 0;
  }
  EXPECT_EQ(seen, 1u);
  EXPECT_EQ(std::count(memory.end() - kCacheLine, memory.end(), std::byte{0xff}),
            std::ptrdiff_t{kCacheLine})
      << "nothing is written behind it";
}

TEST(MacTable, AcceptsEveryAddressAndBridge) {
  MacTable table(100, kSeed);
  const uint64_t last = 0xffffffffffff;
  for (const BridgeId bridge : {BridgeId(0), BridgeId(0xfffe)}) {
    for (const uint64_t mac : {uint64_t{0}, uint64_t{1}, last}) {
      EXPECT_FALSE(table.lookup(bridge, mac, 0, kAging).found);
      EXPECT_EQ(table.learn(bridge, mac, kLan1, 0, kAging).kind, LearnResult::kLearned);
      EXPECT_TRUE(table.lookup(bridge, mac, 0, kAging).found);
    }
  }
  EXPECT_EQ(table.size(), 6u);
}

TEST(MacTable, AFullTableSaysSoAndTakesThePlaceOfTheExpired) {
  MacTable table(2, kSeed);
  const size_t slots = table.bucket_count() * mac::kSlotsPerBucket;
  uint64_t learned = 0;
  uint64_t refused = 0;
  for (uint64_t mac = 1; mac <= 10 * slots; ++mac) {
    const auto kind = table.learn(kOffice, mac, kLan1, 0, kAging).kind;
    (kind == LearnResult::kLearned ? learned : refused)++;
    ASSERT_TRUE(kind == LearnResult::kLearned || kind == LearnResult::kFull);
    ASSERT_EQ(table.lookup(kOffice, mac, 0, kAging).found, kind == LearnResult::kLearned);
  }
  EXPECT_LE(learned, slots);
  EXPECT_GT(learned, slots * 9 / 10) << "displacement fills the table";
  EXPECT_GT(table.displacements(), 0u);
  EXPECT_GT(refused, 0u);
  EXPECT_EQ(table.size(), learned);
  size_t listed = 0;
  table.for_each([&](const MacEntry&) { ++listed; });
  EXPECT_EQ(listed, learned) << "nothing lost or doubled by displacement";
  EXPECT_EQ(table.learn(kOffice, 1'000'000, kLan2, kAging, kAging).kind, LearnResult::kLearned);
  EXPECT_EQ(table.size(), learned) << "in the place of an expired entry";
}

// "Made for N" means that N random addresses fit, for many seeds of the hash and any N.
TEST(MacTable, HoldsWhatItWasDeclaredFor) {
  struct Case {
    size_t capacity;
    uint64_t seeds;
  };
  for (const Case c :
       {Case{1, 1000}, Case{10, 1000}, Case{100, 300}, Case{1000, 100},
        Case{10'000, scaled("tables of 10,000", 50)}, Case{100'000, scaled("tables of 100,000", 5)},
        Case{1'000'000, scaled("tables of 1,000,000", 2)}}) {
    for (uint64_t seed = 0; seed < c.seeds; ++seed) {
      MacTable table(c.capacity, seed);
      std::mt19937_64 random(seed);
      // Sequential addresses of a few vendors, as real stations have, in every other table.
      const auto mac = [&, base = random() & 0xffffff000000](uint64_t i) {
        return seed % 2 == 0 ? (base + i) & mac::kMacMask : random() & mac::kMacMask;
      };
      size_t distinct = 0;
      for (uint64_t i = 0; distinct < c.capacity; ++i) {
        const auto kind = table.learn(kOffice, mac(i), kLan1, 0, kAging).kind;
        ASSERT_NE(kind, LearnResult::kFull) << "entry " << distinct << ", seed " << seed;
        distinct += kind == LearnResult::kLearned;
      }
      ASSERT_EQ(table.size(), c.capacity);
      random.seed(seed);
      const auto again = [&, base = random() & 0xffffff000000](uint64_t i) {
        return seed % 2 == 0 ? (base + i) & mac::kMacMask : random() & mac::kMacMask;
      };
      for (uint64_t i = 0; i < c.capacity; ++i) {
        ASSERT_TRUE(table.lookup(kOffice, again(i), 0, kAging).found);
      }
    }
  }
}

TEST(MacTable, HoldsAsManyStaticEntries) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    constexpr size_t kCapacity = 500;
    MacTable table(kCapacity, seed);
    for (uint64_t mac = 0; mac < kCapacity; ++mac) {
      ASSERT_TRUE(table.add_static(kOffice, mac, kLan1)) << "entry " << mac << ", seed " << seed;
    }
    for (uint64_t mac = 0; mac < kCapacity; ++mac) {
      ASSERT_TRUE(table.lookup(kOffice, mac, 0, kAging).is_static);
      ASSERT_TRUE(table.remove(kOffice, mac));
    }
    ASSERT_EQ(table.size(), 0u);
  }
}

}  // namespace
}  // namespace starocean::table
