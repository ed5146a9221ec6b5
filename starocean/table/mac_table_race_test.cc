// Many threads in one MacTable. Run under ThreadSanitizer too.

#include <atomic>
#include <barrier>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "starocean/ring/test_scale.h"
#include "starocean/table/mac_table.h"

namespace starocean::table {
namespace {

constexpr BridgeId kBridge(1);
constexpr uint32_t kAging = 300'000;

PortId port(uint64_t number) {
  return PortId(static_cast<uint16_t>(number));
}

size_t entries_of(const MacTable& table, uint64_t mac, PortId& last) {
  size_t count = 0;
  table.for_each([&](const MacEntry& entry) {
    if (entry.mac == mac) ++count, last = entry.port;
  });
  return count;
}

// Two threads learn the same new addresses in the same order, on ports 0 and 1. Addresses come in
// volleys, so that there are many races to a barrier; after each volley `check(its first address)`
// looks at a quiet table.
template <class Check>
void race_two_learners(MacTable& table, uint64_t volley, uint64_t rounds, Check&& check) {
  std::barrier line(2);
  const auto learn_all = [&](uint64_t round, PortId my_port) {
    line.arrive_and_wait();
    for (uint64_t mac = round * volley; mac < (round + 1) * volley; ++mac) {
      table.learn(kBridge, mac, my_port, 0, kAging);
    }
    line.arrive_and_wait();
  };
  std::thread other([&] {
    for (uint64_t round = 1; round <= rounds; ++round) learn_all(round, port(1));
  });
  for (uint64_t round = 1; round <= rounds; ++round) {
    learn_all(round, port(0));
    check(round * volley);
  }
  other.join();
}

// One entry is left of each address, of one of the two; none only where an entry was on its way to
// its other bucket at the time.
TEST(MacTableRace, TwoLearnersOfOneNewAddressLeaveOneEntry) {
  constexpr uint64_t kVolley = 64;
  MacTable table(kVolley, 1);
  uint64_t wrong = 0;
  size_t moves_before = 0;
  race_two_learners(
      table, kVolley, scaled("volleys of 64 races", 5000, 50), [&](uint64_t first_mac) {
        const bool moved =
            table.displacements() != std::exchange(moves_before, table.displacements());
        size_t listed = 0;
        for (uint64_t mac = first_mac; mac < first_mac + kVolley; ++mac) {
          PortId left;
          const size_t entries = entries_of(table, mac, left);
          listed += entries;
          if (entries == 0 && moved) continue;
          wrong +=
              entries != 1 || left > port(1) || table.lookup(kBridge, mac, 0, kAging).port != left;
        }
        wrong += table.size() != listed || table.flush_bridge(kBridge) != listed;
        wrong += table.size() != 0;
      });
  EXPECT_EQ(wrong, 0u);
}

// The same in a table so full that entries are moved to their other bucket while the second thread
// is still about to insert them: an address may be forgotten then, but none is left twice.
TEST(MacTableRace, TwoLearnersInACrowdedTableLeaveNoSecondEntry) {
  constexpr uint64_t kVolley = 40;
  MacTable table(8, 1);
  ASSERT_LT(kVolley, table.bucket_count() * mac::kSlotsPerBucket);
  uint64_t wrong = 0;
  race_two_learners(
      table, kVolley, scaled("volleys of 40 races", 20'000, 50), [&](uint64_t first_mac) {
        std::vector<uint32_t> seen(kVolley);
        table.for_each([&](const MacEntry& entry) {
          wrong +=
              entry.port > port(1) || ++seen.at(static_cast<size_t>(entry.mac - first_mac)) != 1;
        });
        table.flush_bridge(kBridge);
        wrong += table.size() != 0;
      });
  EXPECT_EQ(wrong, 0u);
  EXPECT_GT(table.displacements(), 0u);
}

// A static entry made while another thread learns the same address is the one that stays.
TEST(MacTableRace, StaticBeatsDynamic) {
  constexpr uint64_t kVolley = 64;
  const uint64_t rounds = scaled("volleys of 64 races", 5000, 50);
  MacTable table(kVolley, 1);
  std::barrier line(2);
  std::thread learner([&] {
    for (uint64_t round = 1; round <= rounds; ++round) {
      line.arrive_and_wait();
      for (uint64_t mac = 0; mac < kVolley; ++mac) {
        table.learn(kBridge, round * kVolley + mac, port(1), 0, kAging);
      }
      line.arrive_and_wait();
    }
  });
  uint64_t wrong = 0;
  for (uint64_t round = 1; round <= rounds; ++round) {
    line.arrive_and_wait();
    for (uint64_t mac = 0; mac < kVolley; ++mac) {
      wrong += !table.add_static(kBridge, round * kVolley + mac, port(2));
    }
    line.arrive_and_wait();
    for (uint64_t mac = round * kVolley; mac < (round + 1) * kVolley; ++mac) {
      const MacLookup left = table.lookup(kBridge, mac, 0, kAging);
      PortId listed;
      wrong += !left.is_static || left.port != port(2) || entries_of(table, mac, listed) != 1 ||
               !table.remove(kBridge, mac);
    }
  }
  learner.join();
  EXPECT_EQ(wrong, 0u);
}

// In a table that is crowded (so that entries are displaced all the time), threads learn, look up,
// remove, flush and age. Address m is only ever learned on port m % 7 of bridge m % 3, so that any
// answer that mixes two entries up shows.
TEST(MacTableRace, NeverAnswersWithAnotherAddressesPort) {
  constexpr size_t kThreads = 4;
  const uint64_t steps = scaled("operations of each thread", 3'000'000, 20'000);
  MacTable table(64, 1);
  const size_t stations = table.bucket_count() * mac::kSlotsPerBucket;
  std::atomic<uint64_t> wrong{0};
  const auto right_port = [](uint64_t mac) { return port(mac % 7); };
  const auto bridge = [](uint64_t mac) { return BridgeId(static_cast<uint16_t>(mac % 3)); };
  std::vector<std::thread> threads;
  for (size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937_64 random(t);
      uint64_t bad = 0;
      for (uint64_t i = 0; i < steps; ++i) {
        const uint64_t mac = random() % stations;
        const auto now = static_cast<uint32_t>(i);
        const uint64_t choice = random() % 4096;
        if (choice < 2000) {
          const LearnResult r = table.learn(bridge(mac), mac, right_port(mac), now, kAging);
          bad += r.kind == LearnResult::kMoved || r.kind == LearnResult::kStatic;
        } else if (choice < 4000) {
          const MacLookup r = table.lookup(bridge(mac), mac, now, kAging);
          bad += r.found && (r.port != right_port(mac) || r.is_static);
        } else if (choice < 4090) {
          table.remove(bridge(mac), mac);
        } else if (choice == 4090) {
          table.flush_port(right_port(mac));
        } else if (choice == 4091) {
          table.flush_bridge(bridge(mac));
        } else if (choice == 4092) {
          table.for_each([&](const MacEntry& e) {
            bad += e.port != right_port(e.mac) || e.bridge != bridge(e.mac);
          });
        } else {
          table.age(now, 1000, 0, table.bucket_count());
        }
      }
      wrong.fetch_add(bad);
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong.load(), 0u);
  EXPECT_GT(table.displacements(), 0u);
  std::vector<uint32_t> seen(stations);
  size_t listed = 0;
  table.for_each([&](const MacEntry& e) { ++seen.at(static_cast<size_t>(e.mac)), ++listed; });
  for (const uint32_t count : seen) EXPECT_LE(count, 1u) << "no address twice";
  EXPECT_EQ(table.size(), listed) << "the count is exact when all is quiet";
}

// In a crowded table whose entries change ports all the time, entries being moved to their other
// bucket change under the mover's hands. Neither a copy nor a wrong count may be left, looked at
// often.
TEST(MacTableRace, DisplacementLeavesNoCopyBehind) {
  constexpr size_t kThreads = 2;
  constexpr uint64_t kStepsPerRound = 500;
  const uint64_t rounds = scaled("rounds", 3000, 100);
  MacTable table(8, 1);
  const size_t stations = table.bucket_count() * mac::kSlotsPerBucket * 5 / 4;
  std::barrier line(kThreads + 1);
  std::vector<std::thread> threads;
  for (size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937_64 random(t);
      for (uint64_t round = 0; round < rounds; ++round) {
        line.arrive_and_wait();
        for (uint64_t i = 0; i < kStepsPerRound; ++i) {
          const uint64_t choice = random();
          if (choice % 8 == 0) {
            table.remove(kBridge, random() % stations);
          } else {
            table.learn(kBridge, random() % stations, port(choice % 16), 0, kAging);
          }
        }
        line.arrive_and_wait();
      }
    });
  }
  uint64_t wrong = 0;
  for (uint64_t round = 0; round < rounds; ++round) {
    line.arrive_and_wait();
    line.arrive_and_wait();
    std::vector<uint32_t> seen(stations);
    size_t listed = 0;
    table.for_each([&](const MacEntry& e) {
      wrong += ++seen.at(static_cast<size_t>(e.mac)) != 1;
      ++listed;
    });
    wrong += listed != table.size();
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0u);
  EXPECT_GT(table.displacements(), rounds);
}

// Stations flap between ports under every thread; in the end, after one last learn each, all agree.
TEST(MacTableRace, TheLastLearnerWins) {
  constexpr size_t kThreads = 4;
  constexpr uint64_t kStations = 50;
  const uint64_t steps = scaled("operations of each thread", 1'000'000, 20'000);
  MacTable table(kStations, 1);
  std::vector<std::thread> threads;
  for (size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937_64 random(t);
      for (uint64_t i = 0; i < steps; ++i) {
        table.learn(kBridge, random() % kStations, port(t), static_cast<uint32_t>(i / 100), kAging);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(table.size(), kStations);
  for (uint64_t mac = 0; mac < kStations; ++mac) {
    table.learn(kBridge, mac, port(9), static_cast<uint32_t>(steps / 100), kAging);
    PortId left;
    EXPECT_EQ(entries_of(table, mac, left), 1u);
    EXPECT_EQ(left, port(9));
  }
}

}  // namespace
}  // namespace starocean::table
