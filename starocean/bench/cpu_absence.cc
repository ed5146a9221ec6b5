#include "starocean/bench/cpu_absence.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <ctime>
#include <thread>

#include "starocean/base/cpu_affinity.h"

namespace starocean::bench {
namespace {

constexpr uint64_t kPeriodNs = kNsPerMs;

void sleep_until(uint64_t at_ns) {
  const timespec at{.tv_sec = static_cast<time_t>(at_ns / kNsPerSecond),
                    .tv_nsec = static_cast<long>(at_ns % kNsPerSecond)};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, nullptr) == EINTR) {
  }
}

}  // namespace

struct AbsenceWatch::State {
  std::atomic<bool> over = false;
  std::vector<Absence> absences;  // the thread's, until it has ended
  std::thread thread;

  void watch() {
    while (!over.load(std::memory_order_relaxed)) {
      const uint64_t due_ns = monotonic_ns() + kPeriodNs;
      sleep_until(due_ns);
      const uint64_t late_ns = monotonic_ns() - due_ns;
      if (late_ns >= kLeastAbsenceNs && absences.size() < kMostAbsences) {
        absences.push_back({.began_ns = due_ns, .lasted_ns = late_ns});
      }
    }
  }
};

AbsenceSums sums_of(std::span<const Absence> absences) {
  AbsenceSums sums;
  for (const Absence& absence : absences) {
    ++sums.count;
    sums.sum_ns += absence.lasted_ns;
    sums.longest_ns = std::max(sums.longest_ns, absence.lasted_ns);
  }
  return sums;
}

AbsenceWatch::AbsenceWatch(std::unique_ptr<State> state) : state_(std::move(state)) {}

AbsenceWatch::~AbsenceWatch() {
  stop();
}

Result<std::unique_ptr<AbsenceWatch>> AbsenceWatch::start(int cpu) {
  std::unique_ptr<AbsenceWatch> watch(new AbsenceWatch(std::make_unique<State>()));
  State& state = *watch->state_;
  state.thread = std::thread([&state] { state.watch(); });
  if (Status pinned = pin_thread(state.thread, "the watch for absences", cpu); !pinned) {
    return fail(pinned.error());
  }
  const sched_param highest{.sched_priority = sched_get_priority_max(SCHED_FIFO)};
  const int error = pthread_setschedparam(state.thread.native_handle(), SCHED_FIFO, &highest);
  if (error != 0) {
    return fail("cannot watch for absences of a CPU", "a thread of real-time priority was refused",
                "run it with CAP_SYS_NICE", error);
  }
  return watch;
}

std::vector<Absence> AbsenceWatch::stop() {
  state_->over = true;
  if (state_->thread.joinable()) state_->thread.join();
  return std::move(state_->absences);
}

}  // namespace starocean::bench
