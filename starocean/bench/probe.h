// Frames with a probe, built in user space, one at a time: what flow_frames.h, which is fast, and the BPF
// engine are held against by the tests, and where the former has its headers from. The layout of a probe is in bpf/probe.h. Pure;
// any thread.
#pragma once

#include <cstdint>

#include "starocean/bench/traffic_spec.h"
#include "starocean/net/view.h"

namespace starocean::bench {

struct Probe {
  uint32_t stream = 0;  // below 16; tells runs apart
  uint32_t flow = 0;    // below kMaxFlows
  uint32_t sequence = 0;
  uint64_t scheduled_ns = 0;  // CLOCK_MONOTONIC; modulo 2^40 in the frame
  uint64_t late_ns = 0;       // sent that long after scheduled_ns
};

// Writes a whole frame, of frame.size() bytes without FCS: headers of the flow, checksums, probe and
// filler. False, with the bytes undefined, if it has not the room for headers and probe.
bool build_frame(const TrafficSpec& spec, const FlowHeaders& headers, const Probe& probe,
                 net::MutableBytes frame);

// Everything behind the probe, for the key of the probe (bpf/probe.h). Adds nothing to an Internet checksum.
void write_filler(net::MutableBytes filler, uint64_t key);

}  // namespace starocean::bench
