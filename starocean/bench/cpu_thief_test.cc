#include "starocean/bench/cpu_thief.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <thread>

#include "starocean/base/clock.h"
#include "starocean/bench/cpu_distance.h"

namespace starocean::bench {
namespace {

int last_cpu() {
  return static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN)) - 1;
}

TEST(CpuThief, RefusesSharesThatLeaveNothing) {
  for (const double share : {0.0, 0.05, 1.0, 2.0, -1.0}) {
    const auto thief = CpuThief::create(0, share);
    ASSERT_FALSE(thief) << share;
    EXPECT_EQ(thief.error().code(), EINVAL);
  }
}

TEST(CpuThief, TakesWhatWasAskedForUntilItEnds) {
  if (geteuid() != 0) GTEST_SKIP() << "a program in the kernel needs root";
  // An idle CPU keeps no time for perf events: its clock stops after 400 of them.
  std::atomic<bool> over = false;
  std::thread busy([&] {
    cpu_set_t only;
    CPU_ZERO(&only);
    CPU_SET(static_cast<size_t>(last_cpu()), &only);
    EXPECT_EQ(sched_setaffinity(0, sizeof only, &only), 0);
    while (!over) {
    }
  });
  const uint64_t began_ns = monotonic_ns();
  uint64_t taken_ns = 0;
  {
    const auto thief = CpuThief::create(last_cpu(), 0.5);
    if (!thief) over = true;
    while (thief && thief->pieces() < 500 && monotonic_ns() - began_ns < 10 * kNsPerSecond) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    EXPECT_TRUE(thief) << thief.error().message();
    if (thief) {
      EXPECT_GE(thief->pieces(), 500U);
      taken_ns = thief->taken_ns();
      // A piece is half a period; more only if the hypervisor took the CPU in its middle.
      EXPECT_GE(taken_ns, thief->pieces() * kThiefPeriodNs / 2 - kThiefPeriodNs);
      EXPECT_LE(taken_ns, monotonic_ns() - began_ns);
    }
  }
  over = true;
  busy.join();
  // Its program is gone with it, so a second one can begin at once.
  EXPECT_TRUE(CpuThief::create(last_cpu(), 0.9));
}

TEST(CpuDistance, IsMeasuredBetweenTwoCpus) {
  if (last_cpu() == 0) GTEST_SKIP() << "there is one CPU";
  const auto found = measure_distance(0, last_cpu());
  ASSERT_TRUE(found) << found.error().message();
  EXPECT_GT(found->line_ns, 0);
  EXPECT_LT(found->line_ns, 1e6);
  EXPECT_EQ(found->distance == CpuDistance::kFar,
            found->line_ns >= kFarLineNs && found->distance != CpuDistance::kShared);
}

TEST(CpuDistance, OfACpuThatIsNotThereIsAnError) {
  const auto found = measure_distance(0, last_cpu() + 1);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code(), EINVAL);
}

}  // namespace
}  // namespace starocean::bench
