#include "starocean/dataplane/storm_control.h"

#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace starocean::dataplane {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;

uint64_t admitted(PacketRateLimit& limit, uint64_t from_ns, uint64_t until_ns, uint64_t step_ns) {
  uint64_t count = 0;
  for (uint64_t now = from_ns; now < until_ns; now += step_ns) count += limit.admit(now) ? 1 : 0;
  return count;
}

TEST(PacketRateLimit, NothingPassesAtZero) {
  PacketRateLimit limit(0);
  EXPECT_FALSE(limit.admit(0));
  EXPECT_FALSE(limit.admit(kSecond));
}

TEST(PacketRateLimit, TheBurstPassesAtOnceAndThenTheRate) {
  for (const uint32_t rate : {1u, 7u, 100u, 1'000u, 1'234'567u}) {
    PacketRateLimit limit(rate);
    EXPECT_EQ(limit.burst(), std::max(10u, rate / 10));
    uint64_t burst = 0;
    while (limit.admit(5 * kSecond)) ++burst;
    EXPECT_EQ(burst, limit.burst()) << rate;
    // Ten times as many are offered; one more or less by where the window begins.
    const uint64_t step = kSecond / rate / 10;
    const uint64_t passed = admitted(limit, 5 * kSecond, 15 * kSecond, step == 0 ? 1 : step);
    EXPECT_NEAR(static_cast<double>(passed), 10.0 * rate, 1 + rate * 1e-4) << rate;
  }
}

TEST(PacketRateLimit, SlowerTrafficIsNeverCutAndSilenceFillsTheBucketNotMore) {
  PacketRateLimit limit(100);
  EXPECT_EQ(admitted(limit, 0, 60 * kSecond, kSecond / 100), 6'000u);
  uint64_t burst = 0;
  while (limit.admit(1'000 * kSecond)) ++burst;
  EXPECT_EQ(burst, limit.burst());
}

TEST(PacketRateLimit, AClockOfYearsWorks) {
  constexpr uint64_t kFiveYears = 5ull * 365 * 86'400 * kSecond;
  PacketRateLimit limit(100);
  uint64_t burst = 0;
  while (limit.admit(kFiveYears)) ++burst;
  EXPECT_EQ(burst, limit.burst());
  EXPECT_TRUE(limit.admit(kFiveYears + kSecond));
}

TEST(PacketRateLimit, TheLimitHoldsForAllThreadsTogether) {
  PacketRateLimit limit(1'000);
  std::atomic<uint64_t> passed{0};
  std::vector<std::thread> threads;
  constexpr size_t kThreads = 4;
  threads.reserve(kThreads);
  for (size_t i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] { passed += admitted(limit, kSecond, 2 * kSecond, 100'000); });
  }
  for (std::thread& thread : threads) thread.join();
  // Each thread's clock is its own here: a later one only finds the bucket as full as the first left it.
  EXPECT_GE(passed, 999u);
  EXPECT_LE(passed, 1'000u + limit.burst());
}

TEST(StormControl, KindsAreLimitedEachOnItsOwn) {
  StormControl storm;
  storm.limit(StormKind::kMulticast, 0);
  EXPECT_TRUE(storm.admit(StormKind::kBroadcast, kSecond));
  EXPECT_FALSE(storm.admit(StormKind::kMulticast, kSecond));
  EXPECT_TRUE(storm.admit(StormKind::kUnknownUnicast, kSecond));
}

}  // namespace
}  // namespace starocean::dataplane
