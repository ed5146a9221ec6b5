// Monotonic time in nanoseconds, as unsigned 64-bit integers (584 years). The epoch is boot time; only
// differences mean anything. Any thread; about 20 ns a call through the vDSO, so hot loops read it once
// per turn and pass it on.
#pragma once

#include <cstdint>
#include <ctime>

namespace starocean {

inline constexpr uint64_t kNsPerUs = 1'000;
inline constexpr uint64_t kNsPerMs = 1'000'000;
inline constexpr uint64_t kNsPerSecond = 1'000'000'000;

constexpr double seconds_of(uint64_t ns) {
  return static_cast<double>(ns) / static_cast<double>(kNsPerSecond);
}

inline uint64_t monotonic_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * kNsPerSecond + static_cast<uint64_t>(now.tv_nsec);
}

}  // namespace starocean
