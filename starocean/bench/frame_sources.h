// What XskGenerator sends: each source knows the coming frame, and when it is due. Used as template arguments,
// since they are asked for every frame. One thread.
#pragma once

#include <cstdint>
#include <cstring>

#include "starocean/base/clock.h"
#include "starocean/bench/capture.h"
#include "starocean/bench/flow_frames.h"
#include "starocean/bench/schedule.h"
#include "starocean/bench/traffic_spec.h"
#include "starocean/net/view.h"

namespace starocean::bench {

// Frames with probes, as a TrafficSpec says.
class ProbeSource {
 public:
  // The first frame is due now.
  ProbeSource(const TrafficSpec& traffic, const Load& load)
      : frames_(traffic, load.stream), schedule_(load, monotonic_ns()) {}

  const Schedule& schedule() const { return schedule_; }
  uint32_t bytes() const { return frames_.bytes(); }
  // Returns when the frame was due.
  uint64_t write(uint64_t now_ns, net::MutableBytes frame) {
    const uint64_t due_ns = schedule_.take(now_ns);
    frames_.write(due_ns, now_ns - due_ns, frame);
    return due_ns;
  }

 private:
  FlowFrames frames_;  // first: a million of them take a while
  Schedule schedule_;
};

// How a capture is sent again.
struct Replay {
  uint64_t loops = 1;  // 0: over and over
  bool recorded =
      false;  // as far apart as they were recorded, divided by `speed`; else by the load's rate
  double speed = 1;  // above 0
};

// The frames of a capture, byte for byte.
class CaptureSource {
 public:
  // The first frame is due now.
  CaptureSource(const Capture& capture, const Replay& replay, const Load& load)
      : CaptureSource(capture, replay, load, monotonic_ns()) {}
  CaptureSource(const Capture& capture, const Replay& replay, const Load& load, uint64_t start_ns)
      : capture_(capture), replay_(replay), schedule_(limited(load, capture, replay), start_ns) {
    if (replay_.recorded) schedule_.set_due_after(0);
  }

  const Schedule& schedule() const { return schedule_; }
  uint32_t bytes() const { return static_cast<uint32_t>(capture_.frame(next_).size()); }
  uint64_t write(uint64_t now_ns, net::MutableBytes frame) {
    std::memcpy(frame.data(), capture_.frame(next_).data(), frame.size());
    const uint64_t due_ns = schedule_.take(now_ns);
    if (++next_ == capture_.frames()) {
      next_ = 0;
      passed_ns_ += capture_.period_ns();
    }
    if (replay_.recorded) {
      const auto offset_ns = static_cast<double>(passed_ns_ + capture_.offset_ns(next_));
      schedule_.set_due_after(static_cast<uint64_t>(offset_ns / replay_.speed));
    }
    return due_ns;
  }

 private:
  // So many loops are a number of frames.
  static Load limited(Load load, const Capture& capture, const Replay& replay) {
    uint64_t frames = 0;
    const bool boundless = __builtin_mul_overflow(replay.loops, capture.frames(), &frames);
    if (!boundless && frames != 0 && (load.count == 0 || frames < load.count)) load.count = frames;
    return load;
  }

  const Capture& capture_;
  Replay replay_;
  Schedule schedule_;
  size_t next_ = 0;
  uint64_t passed_ns_ = 0;  // by the loops before
};

}  // namespace starocean::bench
