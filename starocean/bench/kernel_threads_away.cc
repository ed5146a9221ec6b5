#include "starocean/bench/kernel_threads_away.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "starocean/base/cpu_affinity.h"

namespace starocean::bench {
namespace {

// Until its maker closes the other end, or has died; then puts them back. One that has ended meanwhile needs no place.
[[noreturn]] void guard(int pipe_end, const std::vector<KernelThread>& moved) {
  setsid();  // what ends the maker's group is not for this
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::signal(signal, SIG_IGN);
  char nothing = 0;
  while (read(pipe_end, &nothing, 1) < 0) {
  }
  for (const KernelThread& thread : moved) place_thread(thread.id, thread.cpus);
  _exit(0);
}

}  // namespace

KernelThreadsAway::KernelThreadsAway(int cpu) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return;
  for (KernelThread& thread : movable_kernel_threads()) {
    const std::vector<int>& cpus = thread.cpus;
    if (cpus.size() > 1 && std::ranges::find(cpus, cpu) != cpus.end()) {
      moved_.push_back(std::move(thread));
    }
  }
  guard_ = fork();
  if (guard_ == 0) {
    close(ends[1]);
    guard(ends[0], moved_);
  }
  close(ends[0]);
  held_end_ = ends[1];
  if (guard_ < 0) moved_.clear();
  std::erase_if(moved_,
                [&](const KernelThread& thread) { return !leave_cpus({{cpu}}, thread.id); });
}

KernelThreadsAway::~KernelThreadsAway() {
  if (held_end_ >= 0) close(held_end_);
  if (guard_ > 0) waitpid(guard_, nullptr, 0);
}

std::vector<std::string> KernelThreadsAway::names() const {
  std::vector<std::string> names;
  for (const KernelThread& thread : moved_) names.push_back(thread.name);
  return names;
}

}  // namespace starocean::bench
