// Which CPUs a thread may run on (sched_setaffinity(2)). A thread inherits them from the one that makes it; each thread of a
// process has its own. Control path: system calls, allocation.
#pragma once

#include <sys/types.h>

#include <span>
#include <string_view>
#include <thread>
#include <vector>

#include "starocean/base/result.h"

namespace starocean {

inline constexpr pid_t kThisThread = 0;

// From now on the thread runs on this CPU alone. `who` begins the error: "cannot run WHO on CPU 7: …", where the CPU is
// offline or not allowed to this process (cpuset(7)). `thread` has not ended.
Status pin_this_thread(std::string_view who, int cpu);
Status pin_thread(std::thread& thread, std::string_view who, int cpu);

// Ascending; empty where there is no such thread. Threads are named as gettid(2) does.
std::vector<int> allowed_cpus(pid_t thread = kThisThread);

// It may run on these and no others from now on. False, and errno says why: none of them is there, or it may not be
// placed.
bool place_thread(pid_t thread, std::span<const int> cpus);

// The thread, and what it makes from now on, leaves these CPUs to others. False, and nothing has changed, where it has no other
// CPU, or is on none of these anyway.
bool leave_cpus(std::span<const int> cpus, pid_t thread = kThisThread);

}  // namespace starocean
