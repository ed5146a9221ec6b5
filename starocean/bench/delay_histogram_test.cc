#include "starocean/bench/delay_histogram.h"

#include <gtest/gtest.h>

#include <random>

#include "bpf/probe.h"

namespace starocean::bench {
namespace {

TEST(DelayHistogram, EveryValueLiesInItsBinAndBinsAreNarrow) {
  for (uint32_t bin = 0; bin + 1 < DELAY_BINS; ++bin) {
    const uint64_t begin = DelayHistogram::bin_begin_ns(bin);
    const uint64_t next = DelayHistogram::bin_begin_ns(bin + 1);
    ASSERT_LT(begin, next);
    ASSERT_EQ(delay_bin(begin), bin);
    ASSERT_EQ(delay_bin(next - 1), bin);
    ASSERT_TRUE(next - begin == 1 || (next - begin) * 128 <= begin) << bin;
  }
  EXPECT_EQ(delay_bin(PROBE_TIME_MASK), DELAY_BINS - 1);
}

TEST(DelayHistogram, QuantilesAreWithinHalfAPercent) {
  DelayHistogram histogram;
  for (uint64_t i = 1; i <= 100'000; ++i) histogram.add(i * 1000);
  EXPECT_EQ(histogram.count(), 100'000u);
  for (const double share : {0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    EXPECT_NEAR(histogram.quantile_ns(share) / (share * 1e8), 1, 0.005) << share;
  }
  EXPECT_NEAR(histogram.min_ns(), 1000, 5);
  EXPECT_NEAR(histogram.mean_ns() / 5e7, 1, 0.005);
}

TEST(DelayHistogram, OfNothingAndOfOne) {
  DelayHistogram histogram;
  EXPECT_EQ(histogram.quantile_ns(0.5), 0);
  EXPECT_EQ(histogram.mean_ns(), 0);
  histogram.add(77);
  for (const double share : {0.0, 0.5, 1.0}) EXPECT_EQ(histogram.quantile_ns(share), 77);
  histogram.add(uint64_t{1} << 40);
  EXPECT_EQ(histogram.count(), 1u) << "too long to count";
}

TEST(DelayHistogram, SinceAnEarlierState) {
  DelayHistogram histogram;
  histogram.add(10, 5);
  const DelayHistogram earlier = histogram;
  histogram.add(20, 3);
  const DelayHistogram later = histogram.since(earlier);
  EXPECT_EQ(later.count(), 3u);
  EXPECT_EQ(later.min_ns(), 20);
  DelayHistogram sum = earlier;
  sum.add_bins(later.bins());
  EXPECT_EQ(sum.count(), 8u);
  EXPECT_EQ(sum.min_ns(), 10);
  EXPECT_EQ(sum.max_ns(), 20);
}

TEST(DelayHistogram, LatenessKeepsElevenBits) {
  for (uint64_t late = 0; late < 5000; ++late) {
    const uint64_t back = probe_late_ns(probe_late_code(late));
    ASSERT_LE(back, late);
    ASSERT_LE(late - back, late / 2048) << late;
  }
  for (uint64_t late = 5000; late < uint64_t{0xfff} << 15; late += late / 1000) {
    const uint64_t back = probe_late_ns(probe_late_code(late));
    ASSERT_LE(back, late);
    ASSERT_LE(late - back, late / 2048) << late;
    ASSERT_NE(probe_late_code(late), uint32_t{PROBE_LATE_UNKNOWN});
  }
  EXPECT_EQ(probe_late_code(uint64_t{0xfff} << 15), uint32_t{PROBE_LATE_UNKNOWN});
  EXPECT_EQ(probe_late_code(UINT64_MAX), uint32_t{PROBE_LATE_UNKNOWN});
}

}  // namespace
}  // namespace starocean::bench
