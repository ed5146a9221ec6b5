#include "starocean/wan/delay_line.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <tuple>

namespace starocean::wan {
namespace {

TEST(DelayLine, NothingDepartsEarly) {
  DelayLine line(8);
  EXPECT_EQ(line.next_ns(), kNever);
  EXPECT_FALSE(line.pop(kNever - 1));
  line.push(100, 7, true);
  EXPECT_EQ(line.next_ns(), 100U);
  EXPECT_FALSE(line.pop(99));
  EXPECT_EQ(line.size(), 1U);
  const auto held = line.pop(100);
  ASSERT_TRUE(held);
  EXPECT_EQ(held->frame, 7U);
  EXPECT_EQ(line.size(), 0U);
}

TEST(DelayLine, EqualTimesDepartInTheOrderTheyCame) {
  DelayLine line(8);
  line.push(50, 0, true);
  line.push(50, 1, false);
  line.push(50, 2, true);
  line.push(50, 3, false);
  for (uint32_t i = 0; i < 4; ++i) EXPECT_EQ(line.pop(50)->frame, i);
}

TEST(DelayLine, WhatOvertakesDepartsFirst) {
  DelayLine line(8);
  line.push(100, 0, true);
  line.push(10, 1, false);   // ahead of it
  line.push(300, 2, false);  // held back
  line.push(200, 3, true);
  const uint32_t order[] = {1, 0, 3, 2};
  for (const uint32_t frame : order) EXPECT_EQ(line.pop(1000)->frame, frame);
}

// Against sorting, with all mixtures of ordered and unordered, through several turns of the ring.
TEST(DelayLine, AgreesWithAStableSort) {
  constexpr uint32_t kCapacity = 256;
  DelayLine line(kCapacity);
  std::mt19937_64 dice(7);
  std::vector<std::tuple<uint64_t, uint32_t, uint32_t>> model;  // due, sequence, frame
  uint64_t now = 0;
  uint64_t last_due = 0;
  uint32_t sequence = 0;
  uint64_t departed = 0;
  for (int round = 0; round < 8000; ++round) {
    now += dice() % 20;
    if (line.size() < kCapacity && dice() % 3 != 0) {
      const bool ordered = dice() % 4 != 0;
      uint64_t due = now + dice() % 400;
      if (ordered) last_due = due = std::max(due, last_due);
      line.push(due, static_cast<uint32_t>(dice()), ordered);
      model.emplace_back(due, sequence++, 0);
    }
    while (const auto held = line.pop(now)) {
      const auto next = std::min_element(model.begin(), model.end());
      ASSERT_EQ(held->due_ns, std::get<0>(*next));
      ASSERT_EQ(held->order, std::get<1>(*next));
      model.erase(next);
      ++departed;
    }
    ASSERT_TRUE(model.empty() || std::get<0>(*std::min_element(model.begin(), model.end())) > now);
    ASSERT_EQ(line.size(), model.size());
  }
  EXPECT_GT(departed, 2000U);
}

}  // namespace
}  // namespace starocean::wan
