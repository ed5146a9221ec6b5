// A histogram of delays: log-linear bins (bpf/probe.h, delay_bin), each at most 0.78 % wide, so that a value
// read from it, the middle of its bin, is at most 0.4 % off. A value type; not thread-safe.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace starocean::bench {

class DelayHistogram {
 public:
  DelayHistogram();

  // Delays of 2^40 ns and more are not counted.
  void add(uint64_t delay_ns, uint64_t times = 1);
  // Adds the counts of another, in bins as of delay_bin(): as many as there are.
  void add_bins(std::span<const uint64_t> bins);
  // What was counted since `earlier`, which must be an earlier state of this one.
  DelayHistogram since(const DelayHistogram& earlier) const;

  uint64_t count() const { return count_; }
  // The smallest delay that at least `share` (0 to 1) of all are not above; 0 when there are none.
  double quantile_ns(double share) const;
  double min_ns() const { return quantile_ns(0); }
  double max_ns() const { return quantile_ns(1); }
  double mean_ns() const;

  std::span<const uint64_t> bins() const { return bins_; }
  // The smallest value that falls into a bin, and the middle between the smallest and the largest.
  static uint64_t bin_begin_ns(uint32_t bin);
  static double bin_middle_ns(uint32_t bin);

 private:
  std::vector<uint64_t> bins_;
  uint64_t count_ = 0;
};

}  // namespace starocean::bench
