// Internal to the conclusions: one case of the ladder held against another, repetition by repetition. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "starocean/bench/rx_summary.h"

namespace starocean::bench {

class Comparison {
 public:
  // Of the metric: what `a` has, divided by what `b` has. Empty where one of them was not measured.
  Comparison(const RxPathSummary& summary, std::string_view a, std::string_view b, RxMetric metric);

  explicit operator bool() const { return ratio_.count != 0; }
  // Every one of at least three repetitions says so, and the median by 5 % or more.
  bool above() const { return enough() && ratio_.least > 1 && ratio_.median >= 1.05; }
  bool below() const { return enough() && ratio_.most < 1 && ratio_.median <= 0.95; }
  bool enough() const { return ratio_.count >= 3; }
  // "2.31 times (2.20 … 2.43)"; "at least …" or "at most …" if one of the two was below its limit.
  std::string times() const;
  // One of the three; or that the repetitions do not agree, or are too few.
  std::string verdict(std::string_view if_above, std::string_view if_below) const;

 private:
  Spread ratio_;
  std::string_view bound_ = {};
};

// What tuning changes; adds paragraphs.
void add_tuning_conclusions(std::vector<std::string>& said, const RxPathSummary& summary,
                            double rate_pps);

}  // namespace starocean::bench
