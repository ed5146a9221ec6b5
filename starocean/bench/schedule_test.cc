#include "starocean/bench/schedule.h"

#include <gtest/gtest.h>

namespace starocean::bench {
namespace {

constexpr uint64_t kStart = 1'000'000'000'000;

TEST(Schedule, NoRateDriftsFromItsFrames) {
  for (const double rate : {0.5, 3.0, 999.0, 1e6, 1'488'095.2, 7e6}) {
    Schedule schedule({.frames_per_second = rate}, kStart);
    constexpr uint64_t kFrames = 3'000'000;
    for (uint64_t n = 0; n < kFrames; ++n) schedule.take(kStart);
    const double expected_ns = kFrames / rate * 1e9;
    // 2^-32 ns a frame, and one for rounding down.
    EXPECT_NEAR(static_cast<double>(schedule.due_ns() - kStart), expected_ns,
                kFrames / 4294967296.0 + 1)
        << rate;
  }
}

TEST(Schedule, WhoIsLateKeepsTheDatesThatWereSet) {
  Schedule schedule({.frames_per_second = 1e6}, kStart);
  EXPECT_EQ(schedule.take(kStart + 77'000), kStart);
  EXPECT_EQ(schedule.take(kStart + 77'000), kStart + 1000);
  EXPECT_EQ(schedule.due_ns(), kStart + 2000);
}

TEST(Schedule, EndsByCount) {
  Schedule schedule({.frames_per_second = 1, .count = 2}, kStart);
  for (int n = 0; n < 2; ++n) {
    EXPECT_FALSE(schedule.over(UINT64_MAX));
    schedule.take(kStart);
  }
  EXPECT_TRUE(schedule.over(kStart));
}

TEST(Schedule, AllThatIsDueBeforeTheEndIsSentButNotWithoutBound) {
  Schedule schedule({.frames_per_second = 1000, .duration_ns = 10 * kNsPerMs}, kStart);
  const uint64_t late = kStart + 50 * kNsPerMs;
  int sent = 0;
  for (; !schedule.over(late); ++sent) schedule.take(late);
  EXPECT_EQ(sent, 10);
  Schedule stalled({.frames_per_second = 1000, .duration_ns = 10 * kNsPerMs}, kStart);
  EXPECT_FALSE(stalled.over(kStart + 110 * kNsPerMs - 1));
  EXPECT_TRUE(stalled.over(kStart + 110 * kNsPerMs)) << "100 ms of grace";
}

TEST(Schedule, AFloodIsDueAtOnceAndEndsOnTime) {
  Schedule schedule({.duration_ns = 1000}, kStart);
  EXPECT_EQ(schedule.take(kStart + 5), kStart + 5);
  EXPECT_LE(schedule.due_ns(), kStart);
  EXPECT_FALSE(schedule.over(kStart + 999));
  EXPECT_TRUE(schedule.over(kStart + 1000));
}

TEST(Schedule, RecordedTimesTakeThePlaceOfTheStep) {
  Schedule schedule({.duration_ns = 1000}, kStart);
  schedule.set_due_after(900);
  EXPECT_FALSE(schedule.flood());
  EXPECT_EQ(schedule.take(kStart + 5000), kStart + 900);
  schedule.set_due_after(1000);
  EXPECT_TRUE(schedule.over(kStart));
}

TEST(Schedule, TheFastestRateIsNoFlood) {
  EXPECT_FALSE(step_for(1e9).flood());
  EXPECT_FALSE(step_for(1e30).flood());
  EXPECT_TRUE(step_for(0).flood());
  EXPECT_EQ(step_for(1e6), (Step{.ns = 1000, .fraction = 0}));
}

}  // namespace
}  // namespace starocean::bench
