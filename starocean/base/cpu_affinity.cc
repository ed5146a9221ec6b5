#include "starocean/base/cpu_affinity.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>

#include <fmt/format.h>

namespace starocean {
namespace {

cpu_set_t set_of(std::span<const int> cpus) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int cpu : cpus) {
    if (cpu >= 0) CPU_SET(static_cast<size_t>(cpu), &set);
  }
  return set;
}

Status pin(pthread_t thread, std::string_view who, int cpu) {
  const cpu_set_t set = set_of({{cpu}});
  const int error = pthread_setaffinity_np(thread, sizeof set, &set);
  if (error == 0) return {};
  return fail_system(fmt::format("cannot run {} on CPU {}", who, cpu), error,
                     "name a CPU that is online and allowed to this process; see `nproc`");
}

}  // namespace

Status pin_this_thread(std::string_view who, int cpu) {
  return pin(pthread_self(), who, cpu);
}

Status pin_thread(std::thread& thread, std::string_view who, int cpu) {
  return pin(thread.native_handle(), who, cpu);
}

std::vector<int> allowed_cpus(pid_t thread) {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> allowed;
  if (sched_getaffinity(thread, sizeof set, &set) != 0) return allowed;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(static_cast<size_t>(cpu), &set)) allowed.push_back(cpu);
  }
  return allowed;
}

bool place_thread(pid_t thread, std::span<const int> cpus) {
  const cpu_set_t set = set_of(cpus);
  return sched_setaffinity(thread, sizeof set, &set) == 0;
}

bool leave_cpus(std::span<const int> cpus, pid_t thread) {
  std::vector<int> left = allowed_cpus(thread);
  const auto taken =
      std::erase_if(left, [&](int cpu) { return std::ranges::find(cpus, cpu) != cpus.end(); });
  return taken != 0 && !left.empty() && place_thread(thread, left);
}

}  // namespace starocean
