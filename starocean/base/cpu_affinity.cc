#include "starocean/base/cpu_affinity.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>

#include <fmt/format.h>

namespace starocean {
namespace {

Status pin(pthread_t thread, std::string_view who, int cpu) {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(static_cast<size_t>(cpu), &cpus);
  const int error = pthread_setaffinity_np(thread, sizeof cpus, &cpus);
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

std::vector<int> allowed_cpus() {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  pthread_getaffinity_np(pthread_self(), sizeof cpus, &cpus);
  std::vector<int> allowed;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(static_cast<size_t>(cpu), &cpus)) allowed.push_back(cpu);
  }
  return allowed;
}

bool leave_cpus(std::span<const int> cpus) {
  const std::vector<int> before = allowed_cpus();
  cpu_set_t others;
  CPU_ZERO(&others);
  for (const int cpu : before) {
    if (std::ranges::find(cpus, cpu) == cpus.end()) CPU_SET(static_cast<size_t>(cpu), &others);
  }
  const auto left = static_cast<size_t>(CPU_COUNT(&others));
  if (left == 0 || left == before.size()) return false;
  return pthread_setaffinity_np(pthread_self(), sizeof others, &others) == 0;
}

}  // namespace starocean
