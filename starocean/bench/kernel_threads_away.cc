#include "starocean/bench/kernel_threads_away.h"

#include "starocean/base/cpu_affinity.h"

namespace starocean::bench {

KernelThreadsAway::KernelThreadsAway(int cpu) {
  for (KernelThread& thread : movable_kernel_threads()) {
    if (leave_cpus({{cpu}}, thread.id)) moved_.push_back(std::move(thread));
  }
}

KernelThreadsAway::~KernelThreadsAway() {
  // One that has ended meanwhile needs no place; the rest cannot fail, since it was there before.
  for (const KernelThread& thread : moved_) place_thread(thread.id, thread.cpus);
}

std::vector<std::string> KernelThreadsAway::names() const {
  std::vector<std::string> names;
  for (const KernelThread& thread : moved_) names.push_back(thread.name);
  return names;
}

}  // namespace starocean::bench
