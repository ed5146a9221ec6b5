// Which CPUs a thread may run on (sched_setaffinity(2)). A thread inherits them from the one that makes it; how those of
// another thread of this process are set, pthread_setaffinity_np(3) says. Control path: system calls, allocation.
#pragma once

#include <span>
#include <string_view>
#include <thread>
#include <vector>

#include "starocean/base/result.h"

namespace starocean {

// From now on the thread runs on this CPU alone. `who` begins the error: "cannot run WHO on CPU 7: …", where the CPU is
// offline or not allowed to this process (cpuset(7)). `thread` has not ended.
Status pin_this_thread(std::string_view who, int cpu);
Status pin_thread(std::thread& thread, std::string_view who, int cpu);

// The calling thread's, ascending.
std::vector<int> allowed_cpus();

// The calling thread, and what it makes from now on, leaves these CPUs to others. False, and nothing has changed, where it has
// no other CPU, or is on none of these anyway.
bool leave_cpus(std::span<const int> cpus);

}  // namespace starocean
