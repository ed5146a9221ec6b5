// Linux's own threads (base/kernel_threads.h), kept off a CPU where something is measured. On a tuned host isolcpus= or cpusets
// do the same.
#pragma once

#include <string>
#include <vector>

#include "starocean/base/kernel_threads.h"

namespace starocean::bench {

// Those that may run on the CPU and on others leave it. A process of its own puts them back where they were, when this is destroyed
// or its process has died, by whatever signal. Where that process cannot be made, or without root, none leaves. Those that
// Linux makes later are not asked. Control path.
class KernelThreadsAway {
 public:
  explicit KernelThreadsAway(int cpu);
  ~KernelThreadsAway();
  KernelThreadsAway(const KernelThreadsAway&) = delete;
  KernelThreadsAway& operator=(const KernelThreadsAway&) = delete;

  std::vector<std::string> names() const;  // of those that left it

 private:
  std::vector<KernelThread> moved_;  // with the CPUs that they had
  pid_t guard_ = -1;
  int held_end_ = -1;  // of the pipe by which the guard learns of the end
};

}  // namespace starocean::bench
