// How far two CPUs are from each other, as data between them sees it. In a virtual machine that is no constant: its
// CPUs are threads of the host, which its scheduler moves: onto two threads of one core, two cores that share a cache,
// or two that do not. A line of memory then takes 20, 40 to 100, or 200 ns from one to the other, and everything that two
// CPUs do together is slower or faster for it. Two measurements can be compared only if they were made in the same state.
#pragma once

#include <cstdint>

#include "starocean/base/result.h"

namespace starocean::bench {

// kShared: the two slow each other down, and a line takes less than kOneCoreLineNs; somebody else's thread on the core of one
// of them slows it down, too. kNear, kFar: by kFarLineNs.
enum class CpuDistance : uint8_t { kShared, kNear, kFar };
const char* to_string(CpuDistance distance);  // "one core", "near", "far"

struct CpuDistanceFound {
  CpuDistance distance = CpuDistance::kNear;
  double line_ns = 0;  // from one to the other: half of a round trip
};

// Threads of one core hand a line over in 20 ns, cores that share a cache in 36 to 60 (AMD EPYC) or 66 to 103 (Intel Xeon, a
// mesh of cores), others in 150 to 220, on what was to be had.
inline constexpr double kOneCoreLineNs = 35;
inline constexpr double kFarLineNs = 125;

// Takes some 10 ms, of both CPUs. What else runs there meanwhile makes it longer, not wrong: of many short attempts the
// fastest counts, or the median. Any thread; it makes two.
Result<CpuDistanceFound> measure_distance(int cpu, int other_cpu);

}  // namespace starocean::bench
