// When frames are due, and when a run is over: open loop. Frame n is due at start + n / rate, whatever became of
// those before; who is late sends one after the other until the schedule is caught up with. The same rules as
// bpf/generate.bpf.c has for live frames. Pure; one thread.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "starocean/base/clock.h"
#include "starocean/bench/send_report.h"

namespace starocean::bench {

// The time between frames: whole ns, and a fraction in 2^-32 ns, so that no rate drifts. Both 0: flood.
struct Step {
  uint64_t ns = 0;
  uint32_t fraction = 0;

  bool flood() const { return ns == 0 && fraction == 0; }
  bool operator==(const Step&) const = default;
};

inline Step step_for(double frames_per_second) {
  if (frames_per_second <= 0) return {};
  constexpr double kFraction = 4294967296.0;
  const double step_ns = static_cast<double>(kNsPerSecond) / frames_per_second;
  const double part = (step_ns - std::floor(step_ns)) * kFraction;
  Step step{.ns = static_cast<uint64_t>(step_ns),
            .fraction = static_cast<uint32_t>(std::min(part, kFraction - 1))};
  if (step.flood()) step.fraction = 1;
  return step;
}

// How long after the end of its duration a run that is late still sends what was due before.
inline uint64_t grace_for(uint64_t duration_ns) {
  constexpr uint64_t kLeastGrace_ns = 100 * kNsPerMs;
  return std::max(duration_ns / 10, kLeastGrace_ns);
}

class Schedule {
 public:
  // The first frame is due at `start_ns`.
  Schedule(const Load& load, uint64_t start_ns)
      : step_(step_for(load.frames_per_second)),
        limit_(load.count),
        start_ns_(start_ns),
        due_ns_(start_ns),
        end_ns_(load.duration_ns != 0 ? start_ns + load.duration_ns : 0),
        grace_ns_(grace_for(load.duration_ns)) {}

  uint64_t start_ns() const { return start_ns_; }
  bool flood() const { return step_.flood() && !recorded_; }
  // When the coming frame is due; of a flood, when the run began: at once.
  uint64_t due_ns() const { return due_ns_; }

  // The coming frame is taken: from now on due_ns() is that of the next. Returns when it was due, of a
  // flood `now_ns`.
  uint64_t take(uint64_t now_ns) {
    ++frames_;
    if (flood()) return now_ns;
    const uint64_t due = due_ns_;
    const uint64_t fraction = uint64_t{fraction_} + step_.fraction;
    fraction_ = static_cast<uint32_t>(fraction);
    due_ns_ = due + step_.ns + (fraction >> 32);
    return due;
  }
  // Instead of the step: the coming frame is due so long after the start.
  void set_due_after(uint64_t offset_ns) {
    recorded_ = true;
    due_ns_ = start_ns_ + offset_ns;
  }

  uint64_t frames() const { return frames_; }
  // No frame may be taken any more.
  bool over(uint64_t now_ns) const {
    if (limit_ != 0 && frames_ >= limit_) return true;
    if (end_ns_ == 0) return false;
    if (flood()) return now_ns >= end_ns_;
    return due_ns_ >= end_ns_ || now_ns >= end_ns_ + grace_ns_;
  }

 private:
  Step step_;
  uint64_t limit_;
  uint64_t start_ns_;
  uint64_t due_ns_;
  uint64_t end_ns_;
  uint64_t grace_ns_;
  uint64_t frames_ = 0;
  uint32_t fraction_ = 0;
  bool recorded_ = false;
};

}  // namespace starocean::bench
