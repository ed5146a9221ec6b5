// Linux's own threads, kept off a CPU where something is measured. Most are bound to theirs and have little to do, but one
// that may run anywhere goes where a CPU looks free, and is not asked for long: on one machine kdamond, which looks through the
// memory, kept a forwarder from its CPU for 4 ms twice a second. On a tuned host isolcpus= or cpusets do the same.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace starocean::bench {

// Those that may run on the CPU and on others, and let themselves be placed (PF_NO_SETAFFINITY of include/linux/sched.h is not
// set), leave it; the destructor puts them back where they were. Where the process is killed by SIGKILL they stay away until
// the machine starts anew, which harms nothing. Those that Linux makes later are not asked. Needs root; control path.
class KernelThreadsAway {
 public:
  explicit KernelThreadsAway(int cpu);
  ~KernelThreadsAway();
  KernelThreadsAway(const KernelThreadsAway&) = delete;
  KernelThreadsAway& operator=(const KernelThreadsAway&) = delete;

  std::vector<std::string> names() const;  // of those that left it

 private:
  struct Moved {
    pid_t id;
    std::string name;
    std::vector<int> cpus;
  };
  std::vector<Moved> moved_;
};

// From the text of /proc/PID/stat (proc_pid_stat(5)): is it a thread of Linux's, and one that can be placed?
bool is_movable_kernel_thread(const std::string& stat);

}  // namespace starocean::bench
