// Linux's own threads (base/kernel_threads.h), kept off a CPU where something is measured. On a tuned host isolcpus= or cpusets
// do the same.
#pragma once

#include <string>
#include <vector>

#include "starocean/base/kernel_threads.h"

namespace starocean::bench {

// Those that may run on the CPU and on others leave it; the destructor puts them back where they were. Where the process is
// killed by SIGKILL they stay away until the machine starts anew, which harms nothing. Those that Linux makes later are
// not asked. Needs root; control path.
class KernelThreadsAway {
 public:
  explicit KernelThreadsAway(int cpu);
  ~KernelThreadsAway();
  KernelThreadsAway(const KernelThreadsAway&) = delete;
  KernelThreadsAway& operator=(const KernelThreadsAway&) = delete;

  std::vector<std::string> names() const;  // of those that left it

 private:
  std::vector<KernelThread> moved_;  // with the CPUs that they had
};

}  // namespace starocean::bench
