// What repeated measurements come to. Pure; any thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace starocean::bench {

// The median, and the two farthest from it: with five or ten repetitions no other quantile means much. All
// zero when there are none.
struct Spread {
  double median = 0;
  double least = 0;
  double most = 0;
  size_t count = 0;
};

inline Spread spread_of(std::vector<double> values) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  const double median =
      values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
  return {.median = median, .least = values.front(), .most = values.back(), .count = values.size()};
}

}  // namespace starocean::bench
