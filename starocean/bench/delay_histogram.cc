#include "starocean/bench/delay_histogram.h"

#include <cmath>

#include "bpf/probe.h"
#include "starocean/base/check.h"

namespace starocean::bench {

DelayHistogram::DelayHistogram() : bins_(DELAY_BINS) {}

void DelayHistogram::add(uint64_t delay_ns, uint64_t times) {
  if (delay_ns > PROBE_TIME_MASK) return;
  bins_[delay_bin(delay_ns)] += times;
  count_ += times;
}

void DelayHistogram::add_bins(std::span<const uint64_t> bins) {
  SO_CHECK(bins.size() == bins_.size(), "histograms have the same bins");
  for (size_t i = 0; i < bins.size(); ++i) {
    bins_[i] += bins[i];
    count_ += bins[i];
  }
}

DelayHistogram DelayHistogram::since(const DelayHistogram& earlier) const {
  DelayHistogram result;
  for (size_t i = 0; i < bins_.size(); ++i) result.bins_[i] = bins_[i] - earlier.bins_[i];
  result.count_ = count_ - earlier.count_;
  return result;
}

double DelayHistogram::quantile_ns(double share) const {
  if (count_ == 0) return 0;
  const double wanted = std::ceil(share * static_cast<double>(count_));
  uint64_t below = 0;
  for (uint32_t bin = 0; bin < bins_.size(); ++bin) {
    below += bins_[bin];
    if (below > 0 && static_cast<double>(below) >= wanted) return bin_middle_ns(bin);
  }
  return 0;
}

double DelayHistogram::mean_ns() const {
  if (count_ == 0) return 0;
  double sum = 0;
  for (uint32_t bin = 0; bin < bins_.size(); ++bin) {
    if (bins_[bin] != 0) sum += static_cast<double>(bins_[bin]) * bin_middle_ns(bin);
  }
  return sum / static_cast<double>(count_);
}

uint64_t DelayHistogram::bin_begin_ns(uint32_t bin) {
  constexpr uint32_t kPerOctave = 1u << DELAY_SUB_BITS;
  if (bin < 2 * kPerOctave) return bin;
  const uint32_t shift = bin / kPerOctave - 1;
  return uint64_t{bin % kPerOctave + kPerOctave} << shift;
}

double DelayHistogram::bin_middle_ns(uint32_t bin) {
  const uint64_t begin = bin_begin_ns(bin);
  const uint64_t last = bin_begin_ns(bin + 1) - 1;
  return (static_cast<double>(begin) + static_cast<double>(last)) / 2;
}

}  // namespace starocean::bench
