// Linux's own threads, as far as they can be told on which CPUs to run. Most are bound to theirs and have little to do, but one
// that may run anywhere goes where a CPU looks free: on one machine kdamond, which looks through the memory, kept a worker from
// its CPU for 4 ms twice a second. Control path.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace starocean {

struct KernelThread {
  pid_t id = 0;
  std::string name;
  std::vector<int> cpus;  // on which it may run, ascending
  double cpu_share = 0;   // of one CPU, since it began
};

// Those that let themselves be placed: PF_NO_SETAFFINITY (include/linux/sched.h) is not set. By id. None where /proc shows none,
// as in a PID namespace.
std::vector<KernelThread> movable_kernel_threads();

// From the text of /proc/PID/stat (proc_pid_stat(5)), `cpus` left empty; nullopt: not Linux's own, or bound.
std::optional<KernelThread> parse_kernel_thread(const std::string& stat, double uptime_s,
                                                double ticks_per_s);

}  // namespace starocean
