// What XskGenerator sends: each source knows the coming frame, and when it is due. Used as template arguments,
// since they are asked for every frame. One thread.
#pragma once

#include <cstdint>

#include "starocean/base/clock.h"
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

}  // namespace starocean::bench
