// The scheduler's time slice of a thread that must not wait long for its CPU.
//
// Since Linux 6.6 a thread that wakes does not take the CPU from another before that one's slice is over, 3 ms by default:
// so long a packet would wait because a kernel thread happened to be at work. Since 6.12 a thread may ask for slices of its
// own, from 0.1 ms, and takes the CPU from those with longer ones when it wakes. Its share of the CPU stays the
// same. Sources: Documentation/scheduler/sched-eevdf.rst; kernel/sched/fair.c, PREEMPT_SHORT; sched_setattr(2).
#pragma once

#include <cstdint>

namespace starocean {

// sched_setattr(2), its first version. <linux/sched/types.h> has it, but cannot be included beside <sched.h>.
struct SchedulerAttributes {
  uint32_t size = 0;
  uint32_t policy = 0;
  uint64_t flags = 0;
  int32_t nice = 0;
  uint32_t priority = 0;
  uint64_t runtime_ns = 0;  // of SCHED_OTHER and SCHED_BATCH: the slice
  uint64_t deadline_ns = 0;
  uint64_t period_ns = 0;
};

inline constexpr uint64_t kShortSliceNs = 100'000;  // the shortest there is

// For the calling thread. False where the kernel does not know it, or the thread is not of SCHED_OTHER or
// SCHED_BATCH (`chrt`): then nothing is changed, and nothing is lost but the sooner wake-up.
bool ask_for_short_slice();

}  // namespace starocean
