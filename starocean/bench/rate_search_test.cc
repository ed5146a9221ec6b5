#include "starocean/bench/rate_search.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "starocean/bench/statistics.h"

namespace starocean::bench {
namespace {

constexpr double kNoLimit = std::numeric_limits<double>::max();

// A device that passes on so many frames per second and no more, behind a generator with a limit too.
struct Device {
  double capacity_pps = kNoLimit;
  double generator_pps = kNoLimit;
  double constant_loss = 0;
  uint32_t trials = 0;
  double seconds = 0;

  TrialVerdict trial(double pps, double length_seconds) {
    ++trials;
    seconds += length_seconds;
    TrialVerdict verdict{.offered_pps = std::min(pps, generator_pps)};
    verdict.reached = pps <= generator_pps;
    verdict.loss_ratio =
        std::max(constant_loss, 1 - capacity_pps / std::max(verdict.offered_pps, capacity_pps));
    return verdict;
  }
  TrialFunction function() {
    return [this](double pps, double length_seconds) -> Result<TrialVerdict> {
      return trial(pps, length_seconds);
    };
  }
};

TEST(RateSearch, FindsTheKneeFromFarBelowAndFarAbove) {
  for (const double start_pps : {5e3, 9e5, 4e7}) {
    Device device{.capacity_pps = 1.2e6};
    const auto found = search_rate({}, {.pps = start_pps}, device.function());
    ASSERT_TRUE(found) << found.error().message();
    EXPECT_LE(found->pps, 1.2e6);
    EXPECT_GE(found->pps, 1.2e6 / 1.011);
    EXPECT_GT(found->failed_pps, 1.2e6);
    EXPECT_TRUE(found->confirmed);
    EXPECT_FALSE(found->generator_limited);
    EXPECT_EQ(found->trials, device.trials);
    EXPECT_LT(found->trials, 40u);
  }
}

TEST(RateSearch, AllowsTheLossThatItIsTold) {
  Device device{.capacity_pps = 1e6};
  const auto found =
      search_rate({.loss_ratio = 0.1, .precision = 0.001}, {.pps = 8e5}, device.function());
  ASSERT_TRUE(found);
  EXPECT_NEAR(found->pps, 1e6 / 0.9, 2500);
  EXPECT_LE(found->loss_ratio, 0.1);
  EXPECT_GT(found->loss_ratio, 0.09);
}

TEST(RateSearch, ADisturbedTrialDecidesNothing) {
  for (const double loss : {0.0005, 0.5}) {
    Device device{.capacity_pps = 1e6};
    const TrialFunction disturbed = [&](double pps, double seconds) -> Result<TrialVerdict> {
      TrialVerdict verdict = device.trial(pps, seconds);
      if (device.trials % 4 == 0) verdict.loss_ratio = std::max(verdict.loss_ratio, loss);
      return verdict;
    };
    const auto found = search_rate({}, {.pps = 7e5}, disturbed);
    ASSERT_TRUE(found);
    EXPECT_LE(found->pps, 1e6);
    EXPECT_GE(found->pps, 0.93e6);
  }
}

TEST(RateSearch, SaysThatTheGeneratorWasTheLimit) {
  Device device{.capacity_pps = 5e6, .generator_pps = 3e6};
  const auto found = search_rate({}, {.pps = 1e6}, device.function());
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->generator_limited);
  EXPECT_TRUE(found->confirmed);
  EXPECT_NEAR(found->pps, 3e6, 4e4);
}

TEST(RateSearch, FindsNothingWhereEverythingIsLost) {
  Device device{.constant_loss = 0.3};
  const auto found = search_rate({}, {.pps = 1e6}, device.function());
  ASSERT_TRUE(found);
  EXPECT_EQ(found->pps, 0);
  EXPECT_FALSE(found->confirmed);
  EXPECT_LT(found->trials, 20u);
}

TEST(RateSearch, GivesUpInTheEnd) {
  Device device{.capacity_pps = 1e6};
  const auto found = search_rate({.precision = 1e-12, .max_trials = 30}, {}, device.function());
  ASSERT_TRUE(found);
  EXPECT_LE(found->trials, 40u);
  EXPECT_NEAR(found->pps, 1e6, 1e4);
}

TEST(RateSearch, LowersALoadThatFailsItsConfirmation) {
  Device device{.capacity_pps = 1e6};
  const TrialFunction worse_when_long = [&](double pps, double seconds) -> Result<TrialVerdict> {
    device.capacity_pps = seconds > 5 ? 0.97e6 : 1e6;
    return device.trial(pps, seconds);
  };
  const auto found = search_rate({.confirm_seconds = 10}, {}, worse_when_long);
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->confirmed);
  EXPECT_LE(found->pps, 0.97e6);
  EXPECT_GE(found->pps, 0.93e6);
}

TEST(RateSearch, EndsWithTheErrorOfATrial) {
  const auto found = search_rate({}, {}, [](double, double) -> Result<TrialVerdict> {
    return fail("cannot go on", "interrupted");
  });
  ASSERT_FALSE(found);
  EXPECT_NE(found.error().message().find("interrupted"), std::string::npos);
}

TEST(Spread, IsMedianAndExtremes) {
  const Spread odd = spread_of({3, 1, 2});
  EXPECT_EQ(odd.median, 2);
  EXPECT_EQ(odd.least, 1);
  EXPECT_EQ(odd.most, 3);
  EXPECT_EQ(odd.count, 3u);
  EXPECT_EQ(spread_of({4, 1, 2, 3}).median, 2.5);
  EXPECT_EQ(spread_of({}).count, 0u);
}

}  // namespace
}  // namespace starocean::bench
