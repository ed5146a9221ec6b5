// Differential test: a MacTable and the plainest possible model of it, given the same random
// operations.

#include <map>
#include <random>
#include <utility>

#include <gtest/gtest.h>

#include "starocean/ring/test_scale.h"
#include "starocean/table/mac_table.h"

namespace starocean::table {
namespace {

// Keeps every entry until it is removed; time is 64 bits wide here, so that the table's wrapping
// stamps are compared with stamps that do not wrap.
class Model {
 public:
  struct Entry {
    PortId port;
    uint64_t stamp_ms;
    bool is_static;
  };
  using Key = std::pair<BridgeId, uint64_t>;

  static bool expired(const Entry& entry, uint64_t now, uint32_t aging) {
    return !entry.is_static && now - entry.stamp_ms >= aging;
  }
  LearnResult learn(Key key, PortId port, uint64_t now, uint32_t aging) {
    const auto found = entries.find(key);
    if (found == entries.end()) {
      entries[key] = {port, now, false};
      return {LearnResult::kLearned};
    }
    Entry& entry = found->second;
    if (entry.is_static) {
      if (entry.port == port) return {LearnResult::kKnown};
      return {LearnResult::kStatic, entry.port};
    }
    const Entry before = entry;
    const bool dead = expired(entry, now, aging);
    const uint64_t refresh = std::min<uint64_t>(MacTable::kRefreshMs, aging / 4 + 1);
    if (!dead && before.port == port && now - before.stamp_ms < refresh) {
      return {LearnResult::kKnown};
    }
    entry = {port, now, false};
    if (dead) return {LearnResult::kLearned};
    if (before.port == port) return {LearnResult::kRefreshed};
    return {LearnResult::kMoved, before.port};
  }
  template <class Predicate>
  size_t remove_if(Predicate predicate) {
    return std::erase_if(entries, predicate);
  }

  std::map<Key, Entry> entries;
};

class Differential {
 public:
  Differential(uint64_t seed, size_t stations)
      : random_(seed), stations_(stations), table_(stations, seed), now_(random_()) {}

  void step() {
    now_ += random_() % 200;
    const Model::Key key{BridgeId(static_cast<uint16_t>(random_() % 3)), random_() % stations_ / 3};
    const PortId port(static_cast<uint16_t>(random_() % 4));
    switch (random_() % 64) {
      case 0:
        ASSERT_TRUE(table_.add_static(key.first, key.second, port));
        model_.entries[key] = {port, 0, true};
        break;
      case 1:
      case 2:
        ASSERT_EQ(table_.remove(key.first, key.second), model_.entries.erase(key) == 1);
        break;
      case 3:
        flush(key.first, port);
        break;
      case 4:
        age();
        break;
      case 5:
        compare_all();
        break;
      default:
        if (random_() % 2 == 0) {
          learn(key, port);
        } else {
          lookup(key);
        }
    }
    ASSERT_EQ(table_.size(), model_.entries.size());
  }
  void compare_all() {
    size_t listed = 0;
    table_.for_each([&](const MacEntry& entry) {
      ++listed;
      const auto found = model_.entries.find({entry.bridge, entry.mac});
      ASSERT_NE(found, model_.entries.end());
      ASSERT_EQ(entry.port, found->second.port);
      ASSERT_EQ(entry.is_static, found->second.is_static);
      if (!entry.is_static) {
        ASSERT_EQ(entry.stamp_ms, static_cast<uint32_t>(found->second.stamp_ms));
      }
    });
    ASSERT_EQ(listed, model_.entries.size());
  }

 private:
  static uint32_t aging_of(BridgeId bridge) { return bridge == BridgeId(0) ? 5000 : 60'000; }
  uint32_t now32() const { return static_cast<uint32_t>(now_); }

  void learn(Model::Key key, PortId port) {
    const uint32_t aging = aging_of(key.first);
    const LearnResult got = table_.learn(key.first, key.second, port, now32(), aging);
    const LearnResult expected = model_.learn(key, port, now_, aging);
    // An insertion may have taken the place of an expired entry; drop those from the model.
    if (table_.size() != model_.entries.size()) forget_replaced();
    ASSERT_EQ(got.kind, expected.kind);
    ASSERT_EQ(got.previous, expected.previous);
  }
  void lookup(Model::Key key) {
    table_.prefetch(key.first, key.second);
    const MacLookup got = table_.lookup(key.first, key.second, now32(), aging_of(key.first));
    const auto found = model_.entries.find(key);
    const bool expected =
        found != model_.entries.end() && !Model::expired(found->second, now_, aging_of(key.first));
    ASSERT_EQ(got.found, expected);
    ASSERT_EQ(got.port, expected ? found->second.port : PortId::none());
    ASSERT_EQ(got.is_static, expected && found->second.is_static);
  }
  void flush(BridgeId bridge, PortId port) {
    const bool all = random_() % 4 == 0;
    const auto what = all ? MacTable::Flush::kAll : MacTable::Flush::kDynamic;
    if (random_() % 2 == 0) {
      ASSERT_EQ(table_.flush_port(port, what), model_.remove_if([&](const auto& e) {
        return e.second.port == port && (all || !e.second.is_static);
      }));
    } else {
      ASSERT_EQ(table_.flush_bridge(bridge, what), model_.remove_if([&](const auto& e) {
        return e.first.first == bridge && (all || !e.second.is_static);
      }));
    }
  }
  void age() {
    size_t aged = 0;
    for (size_t b = 0; b < table_.bucket_count(); b += 7) {
      aged += table_.age(now32(), aging_of, b, b + 7);
    }
    ASSERT_EQ(aged, model_.remove_if([&](const auto& e) {
      return Model::expired(e.second, now_, aging_of(e.first.first));
    }));
  }
  void forget_replaced() {
    std::map<Model::Key, bool> present;
    table_.for_each([&](const MacEntry& e) { present[{e.bridge, e.mac}] = true; });
    model_.remove_if([&](const auto& e) {
      return !present.contains(e.first) && Model::expired(e.second, now_, aging_of(e.first.first));
    });
  }

  std::mt19937_64 random_;
  size_t stations_;
  MacTable table_;
  Model model_;
  uint64_t now_;
};

TEST(MacTableModel, AgreesOnRandomOperations) {
  const uint64_t steps = scaled("random operations", 3'000'000, 20'000);
  constexpr uint64_t kTables = 12;
  for (uint64_t seed = 0; seed < kTables; ++seed) {
    Differential both(seed, 9 << seed % 6);
    for (uint64_t i = 0; i < steps / kTables; ++i) {
      both.step();
      ASSERT_FALSE(testing::Test::HasFatalFailure()) << "seed " << seed << ", step " << i;
    }
    both.compare_all();
  }
}

}  // namespace
}  // namespace starocean::table
