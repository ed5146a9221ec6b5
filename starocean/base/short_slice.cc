#include "starocean/base/short_slice.h"

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace starocean {

bool ask_for_short_slice() {
  constexpr pid_t kThisThread = 0;
  constexpr unsigned kNoFlags = 0;
  SchedulerAttributes attributes;
  if (syscall(SYS_sched_getattr, kThisThread, &attributes, sizeof attributes, kNoFlags) != 0) {
    return false;
  }
  if (attributes.policy != SCHED_OTHER && attributes.policy != SCHED_BATCH) return false;
  attributes.runtime_ns = kShortSliceNs;
  if (syscall(SYS_sched_setattr, kThisThread, &attributes, kNoFlags) != 0) return false;
  // An older kernel takes the call and leaves the slice alone.
  if (syscall(SYS_sched_getattr, kThisThread, &attributes, sizeof attributes, kNoFlags) != 0) {
    return false;
  }
  return attributes.runtime_ns == kShortSliceNs;
}

}  // namespace starocean
