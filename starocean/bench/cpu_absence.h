// When a CPU was not to be had: in a virtual machine, the hypervisor ran something else on it. /proc/stat counts that as
// stolen, in ticks of 10 ms; what a packet path feels is how long each absence lasted.
//
//   auto watch = AbsenceWatch::start(1);
//   …
//   for (const Absence& absence : (*watch)->stop()) …
//
// A thread of the highest priority there is (SCHED_FIFO, sched(7)) sleeps on that CPU until each next millisecond and notes
// when it woke up late. Work of others on the CPU cannot keep it waiting, but for what the kernel does in one piece: interrupts,
// and a system call of CONFIG_PREEMPT_NONE until it ends, which for AF_XDP is a burst of packets, tens of microseconds. It
// costs the CPU about half a percent.
//
// Control thread. Privileges: CAP_SYS_NICE.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "starocean/base/clock.h"
#include "starocean/base/result.h"

namespace starocean::bench {

struct Absence {
  uint64_t began_ns = 0;  // monotonic_ns()
  uint64_t lasted_ns = 0;

  bool operator==(const Absence&) const = default;
};

inline constexpr uint64_t kLeastAbsenceNs = kNsPerMs;  // what counts as one
inline constexpr size_t kMostAbsences = 1 << 20;       // more are not noted

struct AbsenceSums {
  uint64_t count = 0;
  uint64_t sum_ns = 0;
  uint64_t longest_ns = 0;
};

AbsenceSums sums_of(std::span<const Absence> absences);

class AbsenceWatch {
 public:
  static Result<std::unique_ptr<AbsenceWatch>> start(int cpu);
  ~AbsenceWatch();  // stop()

  // Ends the thread, within milliseconds. In the order of time. Once.
  std::vector<Absence> stop();

 private:
  struct State;
  explicit AbsenceWatch(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace starocean::bench
