#include "starocean/wan/wire.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

#include "starocean/base/clock.h"

namespace starocean::wan {
namespace {

constexpr uint32_t kPackets = 400'000;
// Of a share p of n independent packets the count has the standard deviation sqrt(n p (1 - p)). Five of
// them are passed once in 1.7 million; and with the seeds fixed here the outcome is always the same.
constexpr double kDeviations = 5;

double tolerance(double share, double packets, double clumping = 1) {
  return kDeviations * std::sqrt(share * (1 - share) * clumping / packets);
}

LinkOptions lossy(double loss, double burst = 0, double in_burst = 1, double in_gap = 0) {
  LinkOptions options;
  options.loss = loss;
  options.loss_burst = burst;
  options.burst_loss = in_burst;
  options.gap_loss = in_gap;
  EXPECT_TRUE(check(options));
  return options;
}

std::vector<Loss> draw(const LinkOptions& options, uint64_t seed, uint32_t packets = kPackets) {
  LossProcess process(seed);
  process.set(options);
  std::vector<Loss> losses(packets);
  for (Loss& loss : losses) loss = process.next();
  return losses;
}

double share_lost(const std::vector<Loss>& losses) {
  const auto lost = std::ranges::count_if(losses, [](Loss loss) { return loss != Loss::kNone; });
  return static_cast<double>(lost) / static_cast<double>(losses.size());
}

TEST(LossProcess, IndependentLossesAreAsManyAsAsked) {
  for (const double share : {0.00001, 0.001, 0.01, 0.1, 0.5, 0.999}) {
    for (const uint64_t seed : {1U, 2U, 3U}) {
      EXPECT_NEAR(share_lost(draw(lossy(share), seed)), share, tolerance(share, kPackets));
    }
  }
  EXPECT_EQ(share_lost(draw(lossy(0), 1)), 0);
  EXPECT_EQ(share_lost(draw(lossy(1), 1)), 1);
}

TEST(LossProcess, IndependentLossesKnowNothingOfEachOther) {
  const auto losses = draw(lossy(0.1), 4);
  uint32_t pairs = 0;
  for (size_t i = 1; i < losses.size(); ++i) {
    pairs += losses[i - 1] != Loss::kNone && losses[i] != Loss::kNone;
  }
  EXPECT_NEAR(static_cast<double>(pairs) / kPackets, 0.01, tolerance(0.01, kPackets, 2));
}

TEST(LossProcess, TheSameSeedDecidesTheSame) {
  EXPECT_EQ(draw(lossy(0.1), 5, 10'000), draw(lossy(0.1), 5, 10'000));
  EXPECT_NE(draw(lossy(0.1), 5, 10'000), draw(lossy(0.1), 6, 10'000));
}

// Runs of lost packets with everything lost in bad periods: lengths are geometric.
TEST(LossProcess, BurstsHaveTheMeanLengthAndTheShare) {
  for (const double mean : {1.0, 2.0, 5.0, 20.0}) {
    const auto losses = draw(lossy(0.05, mean), 7);
    // A burst counts as one event of about `mean` packets.
    EXPECT_NEAR(share_lost(losses), 0.05, tolerance(0.05, kPackets, 2 * mean)) << mean;
    uint64_t bursts = 0;
    uint64_t lost = 0;
    bool before = false;
    for (const Loss loss : losses) {
      EXPECT_NE(loss, Loss::kAtRandom);
      bursts += loss == Loss::kInBurst && !before;
      lost += loss == Loss::kInBurst;
      before = loss == Loss::kInBurst;
    }
    const double measured = static_cast<double>(lost) / static_cast<double>(bursts);
    const double deviation = std::sqrt(mean * mean / static_cast<double>(bursts));
    EXPECT_NEAR(measured, mean, kDeviations * deviation) << mean;
  }
}

TEST(LossProcess, ElliottLosesPartOfABurstAndSomeOutside) {
  const LinkOptions options = lossy(0.02, 50, 0.4, 0.001);
  const auto losses = draw(options, 8);
  EXPECT_NEAR(share_lost(losses), 0.02, tolerance(0.02, kPackets, 50));
  const double bad_share = (0.02 - 0.001) / (0.4 - 0.001);
  const auto in_burst = static_cast<double>(std::ranges::count(losses, Loss::kInBurst));
  const auto at_random = static_cast<double>(std::ranges::count(losses, Loss::kAtRandom));
  EXPECT_NEAR(in_burst / kPackets, bad_share * 0.4, tolerance(bad_share * 0.4, kPackets, 50));
  EXPECT_NEAR(at_random / kPackets, (1 - bad_share) * 0.001, tolerance(0.001, kPackets));
}

TEST(LossProcess, TheShareIsRightFromTheFirstPacketOn) {
  // Over many links, the first packet of each.
  constexpr uint32_t kLinks = 4000;
  uint32_t lost = 0;
  for (uint64_t seed = 0; seed < kLinks; ++seed) {
    lost += draw(lossy(0.1, 100), seed, 1)[0] != Loss::kNone;
  }
  EXPECT_NEAR(lost / double{kLinks}, 0.1, tolerance(0.1, kLinks));
}

Wire wire_of(const LinkOptions& options, uint64_t seed = 1) {
  EXPECT_TRUE(check(options));
  Wire wire(seed);
  wire.set(options);
  return wire;
}

TEST(Wire, DelayIsExactAndOrderIsKept) {
  LinkOptions options;
  options.delay_ns = 50 * kNsPerMs;
  Wire wire = wire_of(options);
  for (uint64_t sent = 1; sent < 1000; ++sent) {
    const Crossing crossing = wire.cross(sent);
    EXPECT_EQ(crossing.due_ns, sent + 50 * kNsPerMs);
    EXPECT_TRUE(crossing.ordered);
  }
}

// Far apart, so that no packet waits for another.
std::vector<double> travel_times(const LinkOptions& options, uint32_t packets) {
  Wire wire = wire_of(options);
  std::vector<double> times;
  for (uint64_t i = 0; i < packets; ++i) {
    const uint64_t sent = i * kNsPerSecond;
    times.push_back(static_cast<double>(wire.cross(sent).due_ns - sent));
  }
  return times;
}

double mean_of(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

double deviation_of(const std::vector<double>& values) {
  const double mean = mean_of(values);
  double sum = 0;
  for (const double value : values) sum += (value - mean) * (value - mean);
  return std::sqrt(sum / static_cast<double>(values.size()));
}

TEST(Wire, JitterHasTheDistributionAskedFor) {
  constexpr uint32_t kSamples = 200'000;
  LinkOptions options;
  options.delay_ns = 50 * kNsPerMs;
  options.jitter_ns = 5 * kNsPerMs;
  const auto uniform = travel_times(options, kSamples);
  const double uniform_deviation = 5e6 / std::sqrt(3.0);
  EXPECT_NEAR(mean_of(uniform), 50e6, kDeviations * uniform_deviation / std::sqrt(kSamples));
  EXPECT_NEAR(deviation_of(uniform), uniform_deviation, uniform_deviation * 0.01);
  EXPECT_GE(std::ranges::min(uniform), 45e6);
  EXPECT_LE(std::ranges::max(uniform), 55e6);

  options.jitter_shape = JitterShape::kNormal;
  const auto normal = travel_times(options, kSamples);
  EXPECT_NEAR(mean_of(normal), 50e6, kDeviations * 5e6 / std::sqrt(kSamples));
  EXPECT_NEAR(deviation_of(normal), 5e6, 5e6 * 0.01);
  const auto within =
      std::ranges::count_if(normal, [](double time) { return std::abs(time - 50e6) < 5e6; });
  EXPECT_NEAR(static_cast<double>(within) / kSamples, 0.682689, tolerance(0.682689, kSamples));
}

TEST(Wire, JitterKeepsTheOrderUnlessItIsFree) {
  LinkOptions options;
  options.delay_ns = 50 * kNsPerMs;
  options.jitter_ns = 5 * kNsPerMs;
  Wire kept = wire_of(options);
  options.jitter_order = JitterOrder::kFree;
  Wire free = wire_of(options);
  uint64_t last_kept = 0;
  uint64_t last_free = 0;
  uint32_t overtaking = 0;
  for (uint64_t i = 0; i < 10'000; ++i) {
    const uint64_t sent = i * 10'000;  // 100 kpps
    const Crossing one = kept.cross(sent);
    EXPECT_GE(one.due_ns, last_kept);
    EXPECT_GE(one.due_ns, sent + 45 * kNsPerMs);
    EXPECT_LE(one.due_ns, sent + 55 * kNsPerMs);
    last_kept = one.due_ns;
    const uint64_t due = free.cross(sent).due_ns;
    overtaking += due < last_free;
    last_free = due;
  }
  EXPECT_GT(overtaking, 4000U);
}

TEST(Wire, PacketsSentAheadSkipTheDelay) {
  LinkOptions options;
  options.reorder_by_ns = 0;
  options.delay_ns = 50 * kNsPerMs;
  options.jitter_ns = 5 * kNsPerMs;
  options.reorder = 0.05;
  Wire wire = wire_of(options);
  uint32_t ahead = 0;
  uint64_t last_ordered = 0;
  for (uint64_t i = 0; i < kPackets; ++i) {
    const Crossing crossing = wire.cross(i * 10'000);
    if (crossing.reordered) {
      EXPECT_EQ(crossing.due_ns, i * 10'000);
      EXPECT_FALSE(crossing.ordered);
      ++ahead;
    } else {
      EXPECT_GE(crossing.due_ns, i * 10'000 + 45 * kNsPerMs);
      EXPECT_GE(crossing.due_ns, last_ordered);
      last_ordered = crossing.due_ns;
    }
  }
  EXPECT_NEAR(ahead / double{kPackets}, 0.05, tolerance(0.05, kPackets));
}

// RFC 4737, 3.3: reordered is what arrives after something that was sent later.
TEST(Wire, PacketsHeldBackAreTheShareThatRfc4737Counts) {
  LinkOptions options;
  options.delay_ns = 20 * kNsPerMs;
  options.reorder = 0.05;
  options.reorder_by_ns = 5 * kNsPerMs;
  Wire wire = wire_of(options);
  constexpr uint32_t kSent = 200'000;
  std::vector<std::pair<uint64_t, uint32_t>> arrivals;
  uint32_t held_back = 0;
  for (uint32_t i = 0; i < kSent; ++i) {
    const Crossing crossing = wire.cross(i * uint64_t{10'000});
    held_back += crossing.reordered;
    arrivals.emplace_back(crossing.due_ns, i);
  }
  std::ranges::sort(arrivals);
  uint32_t reordered = 0;
  uint32_t highest = 0;
  for (const auto& [due, number] : arrivals) {
    reordered += number < highest;
    highest = std::max(highest, number);
  }
  EXPECT_NEAR(held_back / double{kSent}, 0.05, tolerance(0.05, kSent));
  EXPECT_EQ(reordered, held_back);
}

TEST(Wire, DuplicatesAndDamageAreAsManyAsAsked) {
  LinkOptions options;
  options.duplicate = 0.02;
  options.corrupt = 0.003;
  options.loss = 0.1;
  Wire wire = wire_of(options);
  double arrived = 0;
  uint32_t duplicates = 0;
  uint32_t damaged = 0;
  for (uint64_t i = 0; i < kPackets; ++i) {
    const Crossing crossing = wire.cross(i);
    if (crossing.loss != Loss::kNone) continue;
    ++arrived;
    duplicates += crossing.duplicate;
    damaged += crossing.corrupt;
  }
  EXPECT_NEAR(duplicates / arrived, 0.02, tolerance(0.02, arrived));
  EXPECT_NEAR(damaged / arrived, 0.003, tolerance(0.003, arrived));
}

TEST(Wire, OneOptionDoesNotChangeWhatAnotherDecides) {
  LinkOptions options;
  options.loss = 0.1;
  Wire plain = wire_of(options, 9);
  options.delay_ns = 10 * kNsPerMs;
  options.jitter_ns = 5 * kNsPerMs;
  options.duplicate = options.corrupt = options.reorder = 0.3;
  Wire busy = wire_of(options, 9);
  for (uint64_t i = 0; i < 10'000; ++i) EXPECT_EQ(plain.cross(i).loss, busy.cross(i).loss);
}

TEST(Wire, AShorterDelayLetsNobodyOvertake) {
  LinkOptions options;
  options.delay_ns = 100 * kNsPerMs;
  Wire wire = wire_of(options);
  EXPECT_EQ(wire.cross(0).due_ns, 100 * kNsPerMs);
  options.delay_ns = 10 * kNsPerMs;
  wire.set(options);
  EXPECT_EQ(wire.cross(1).due_ns, 100 * kNsPerMs);
  EXPECT_EQ(wire.cross(95 * kNsPerMs).due_ns, 105 * kNsPerMs);
}

TEST(BitToFlip, IsAnyBitAfterTheEthernetHeader) {
  EXPECT_EQ(bit_to_flip(123, 14), 0U);
  EXPECT_EQ(bit_to_flip(123, 3), 0U);
  std::mt19937_64 dice(3);
  std::set<uint64_t> seen;
  for (int i = 0; i < 10'000; ++i) {
    const uint64_t bit = bit_to_flip(dice(), 60);
    EXPECT_GE(bit, 14U * 8);
    EXPECT_LT(bit, 60U * 8);
    seen.insert(bit);
  }
  EXPECT_EQ(seen.size(), 46U * 8);
}

}  // namespace
}  // namespace starocean::wan
