#include "starocean/bench/soak_watch.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "starocean/bench/forward_report.h"

namespace starocean::bench {
namespace {

constexpr uint64_t kStart = 100 * kNsPerSecond;

uint64_t at_ms(uint64_t ms) {
  return kStart + ms * kNsPerMs;
}

uint64_t sum_lost(const std::vector<SoakClass>& classes) {
  uint64_t sum = 0;
  for (const SoakClass& each : classes) sum += each.lost;
  return sum;
}

TEST(SoakWatch, LossIsOfTheSecondInWhichItWas) {
  SoakWatch watch;
  EXPECT_TRUE(watch.due(at_ms(0)));
  watch.look(at_ms(0), 0, 0);
  EXPECT_FALSE(watch.due(at_ms(999)));
  EXPECT_TRUE(watch.due(at_ms(1000)));
  watch.look(at_ms(1000), 1000, 950);   // 50 on their way
  watch.look(at_ms(2000), 2000, 1700);  // 290 lost, 10 on their way
  watch.look(at_ms(3000), 3000, 2690);  // 20 on their way
  const auto classes =
      watch.finish(at_ms(4000), 4000, 3703, std::vector<Absence>{{at_ms(1500), 7 * kNsPerMs}});
  ASSERT_EQ(classes.size(), kSoakClassesNs.size());
  EXPECT_EQ(sum_lost(classes), 297u) << "all that was lost in the end, and nothing twice";
  EXPECT_EQ(classes[3].least_absence_ns, 5 * kNsPerMs);
  EXPECT_EQ(classes[3].seconds, 1u);
  EXPECT_EQ(classes[0].seconds, 3u);
  // What is on its way at the best look is all that can be put in the wrong second.
  EXPECT_EQ(classes[3].lost, 247u);
  EXPECT_EQ(classes[0].lost, 50u);
}

TEST(SoakWatch, AnAbsenceCountsForEverySecondItTouchesAndForThatAfterIt) {
  SoakWatch watch;
  for (uint64_t second = 0; second < 5; ++second) watch.look(at_ms(second * 1000), second, second);
  const std::vector<Absence> absences = {{at_ms(990), 15 * kNsPerMs},     // seconds 1 and 2
                                         {at_ms(1500), kLeastAbsenceNs},  // outdone by the first
                                         {at_ms(2970), 2 * kNsPerMs}};    // seconds 3 and 4
  const auto classes = watch.finish(at_ms(5000), 5, 5, absences);
  EXPECT_EQ(classes[4].seconds, 2u);
  EXPECT_EQ(classes[2].seconds, 2u);
  EXPECT_EQ(classes[0].seconds, 1u);
  EXPECT_EQ(sum_lost(classes), 0u);
}

TEST(SoakWatch, WithoutALookInBetweenTheLastSaysAll) {
  SoakWatch watch;
  const auto classes = watch.finish(at_ms(10), 10, 7, {});
  EXPECT_EQ(sum_lost(classes), 3u);
}

TEST(SoakText, SaysWhatWasLostWhileTheCpuWasThereAndWhileNot) {
  Soak soak;
  soak.trial.seconds = 3600;
  soak.trial.offered_pps = 626'000;
  soak.trial.generated = 1'000'000;
  soak.trial.lost = 100;
  soak.frames_missing = 0;
  soak.absences = {.count = 7, .sum_ns = 30 * kNsPerMs, .longest_ns = 12'300'000};
  soak.by_absence = {{.least_absence_ns = 0, .seconds = 3500, .lost = 4},
                     {.least_absence_ns = 5 * kNsPerMs, .seconds = 0, .lost = 0},
                     {.least_absence_ns = 10 * kNsPerMs, .seconds = 2, .lost = 96}};
  EXPECT_EQ(soak_text(soak),
            "3600 s at 80 % of PDR, 0.626 Mpps: 100 of 1000000 frames lost (0.0100 %), resident "
            "memory +0.00 MiB, 0 packet buffers missing; the forwarder's CPU was away for 1 ms and "
            "more 7 times, 30 ms in all, 12.3 ms at most; 4 frames lost in the 3500 seconds in "
            "which it was not, 96 in 2 with one of 10 ms and more");
}

TEST(AbsenceWatch, WhatLastsIsNotedInOrder) {
  if (geteuid() != 0) GTEST_SKIP() << "real-time priority needs root";
  const uint64_t began_ns = monotonic_ns();
  auto watch = AbsenceWatch::start(0);
  ASSERT_TRUE(watch) << watch.error().message();
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  uint64_t last_ns = began_ns;
  for (const Absence& absence : (*watch)->stop()) {
    EXPECT_GE(absence.began_ns, last_ns);
    EXPECT_GE(absence.lasted_ns, kLeastAbsenceNs);
    last_ns = absence.began_ns + absence.lasted_ns;
  }
  EXPECT_LE(last_ns, monotonic_ns());
}

TEST(AbsenceWatch, ACpuThatIsNotThereIsRefused) {
  const auto watch = AbsenceWatch::start(100'000);
  ASSERT_FALSE(watch);
  EXPECT_NE(watch.error().message().find("100000"), std::string::npos) << watch.error().message();
}

}  // namespace
}  // namespace starocean::bench
