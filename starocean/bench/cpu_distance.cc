#include "starocean/bench/cpu_distance.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <limits>
#include <thread>

#include <fmt/format.h>

#include "starocean/base/clock.h"
#include "starocean/base/cpu.h"
#include "starocean/base/cpu_affinity.h"

namespace starocean::bench {
namespace {

// Short, so that many fit between whatever else runs on these CPUs.
constexpr size_t kAttempts = 100;
constexpr uint32_t kRounds = 50;     // 4 to 20 us
constexpr uint64_t kWork = 25'000;   // rounds of arithmetic, 20 us
constexpr double kSlowedDown = 1.5;  // by a neighbour on the same core: measured 2.2; else 1.0

bool stay_on(int cpu) {
  return pin_this_thread("a measuring thread", cpu).has_value();
}

bool is_usable(int cpu) {
  bool usable = false;
  std::thread([&] { usable = stay_on(cpu); }).join();
  return usable;
}

// Six independent chains of arithmetic: more than half of what a core can do at once, so that two of them on one core
// slow each other down.
void work() {
  uint64_t a = 1, b = 2, c = 3, d = 4, e = 5, f = 6;
  for (uint64_t i = 0; i < kWork; ++i) {
    a = (a ^ i) + (a << 3);
    b = (b ^ i) + (b << 3);
    c = (c ^ i) + (c << 3);
    d = (d ^ i) + (d << 3);
    e = (e ^ i) + (e << 3);
    f = (f ^ i) + (f << 3);
    asm volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e), "+r"(f));
  }
}

double time_of_work() {
  const uint64_t began_ns = monotonic_ns();
  work();
  return static_cast<double>(monotonic_ns() - began_ns);
}

double median_time_of_work() {
  std::array<double, kAttempts> times{};
  for (double& time : times) time = time_of_work();
  std::nth_element(times.begin(), times.begin() + kAttempts / 2, times.end());
  return times[kAttempts / 2];
}

struct alignas(kNoSharing) Ball {
  std::atomic<uint32_t> turn = 0;  // even: the first has it
};

enum Phase : int { kPlay, kWorkTogether, kOver };

struct Shared {
  Ball ball;
  alignas(kNoSharing) std::atomic<int> phase = kPlay;
};

void partner(Shared& shared) {
  while (shared.phase != kOver) {
    if (shared.phase == kWorkTogether) {
      work();
      continue;
    }
    const uint32_t turn = shared.ball.turn.load(std::memory_order_acquire);
    if (turn % 2 != 0) shared.ball.turn.store(turn + 1, std::memory_order_release);
  }
}

// Half of a round trip, in nanoseconds.
double play(Shared& shared) {
  const uint64_t began_ns = monotonic_ns();
  for (uint32_t i = 0; i < kRounds; ++i) {
    const uint32_t turn = shared.ball.turn.load(std::memory_order_relaxed) + 1;
    shared.ball.turn.store(turn, std::memory_order_release);
    while (shared.ball.turn.load(std::memory_order_acquire) == turn) {
    }
  }
  return static_cast<double>(monotonic_ns() - began_ns) / kRounds / 2;
}

}  // namespace

const char* to_string(CpuDistance distance) {
  switch (distance) {
    case CpuDistance::kShared:
      return "one core";
    case CpuDistance::kNear:
      return "near";
    case CpuDistance::kFar:
      return "far";
  }
  return "";
}

Result<CpuDistanceFound> measure_distance(int cpu, int other_cpu) {
  for (const int each : {cpu, other_cpu}) {
    if (is_usable(each)) continue;
    return fail(fmt::format("cannot measure how far CPU {} is from CPU {}", cpu, other_cpu),
                fmt::format("this process cannot run on CPU {}", each), "name CPUs that are there",
                EINVAL);
  }
  Shared shared;
  CpuDistanceFound found{.line_ns = std::numeric_limits<double>::max()};
  // A device under test may be at work on the other CPU: alone is what it was when nobody was.
  static std::atomic<double> fastest = found.line_ns;
  double alone = fastest, together = found.line_ns;
  std::thread([&] {
    stay_on(cpu);
    for (size_t i = 0; i < kAttempts; ++i) alone = std::min(alone, time_of_work());
    std::thread other([&] {
      stay_on(other_cpu);
      partner(shared);
    });
    for (size_t i = 0; i < kAttempts; ++i) found.line_ns = std::min(found.line_ns, play(shared));
    shared.phase = kWorkTogether;
    together = median_time_of_work();
    shared.phase = kOver;
    other.join();
  }).join();
  fastest = alone;
  if (found.line_ns >= kFarLineNs) {
    found.distance = CpuDistance::kFar;
  } else if (found.line_ns < kOneCoreLineNs && together > kSlowedDown * alone) {
    found.distance = CpuDistance::kShared;
  }
  return found;
}

}  // namespace starocean::bench
