// Takes a part of a CPU's time away from whatever runs there, in small pieces: a slower CPU, for measurements. With two
// CPUs alone, a generator that also checks what comes back can be slower than the device under test; with part of the
// device's CPU gone, the device is the limit again, and what is left of its CPU is known.
//
// The interrupt of that CPU's clock takes `1 - share` of every 100 us (bpf/cpu_thief.bpf.c). Everything on that CPU loses
// the time, and nothing is scheduled differently. Cache contents stay: it touches one line. Entering the interrupt costs
// some microseconds more, which are not counted. From a CPU that is idle for long, nothing is taken: it keeps no time.
#pragma once

#include <cstdint>
#include <memory>

#include "starocean/base/result.h"

namespace starocean::bench {

inline constexpr uint64_t kThiefPeriodNs =
    100'000;                                   // a veth's ring of 256 frames lasts it at 2.5 Mpps
inline constexpr double kLeastCpuShare = 0.1;  // left; less is refused

// Control thread. Takes from create() until it is destroyed, or the process ends.
// Privileges: CAP_BPF, CAP_PERFMON.
class CpuThief {
 public:
  // `share` of `cpu` is left, from kLeastCpuShare to less than 1.
  static Result<CpuThief> create(int cpu, double share);
  CpuThief(CpuThief&&) noexcept;
  CpuThief& operator=(CpuThief&&) noexcept;
  ~CpuThief();

  // So far, and in how many pieces.
  uint64_t taken_ns() const;
  uint64_t pieces() const;

 private:
  struct State;
  explicit CpuThief(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace starocean::bench
