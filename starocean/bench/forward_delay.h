// Delay over load (`bench forward --delay-at`): every device at the same rates, so that what differs is the device and
// not how near its own limit it is measured. Pure.
#pragma once

#include <string>
#include <vector>

#include "starocean/bench/forward_results.h"

namespace starocean::bench {

// One device at one rate, over the repetitions.
struct DelayPoint {
  double asked_pps = 0;
  Spread offered_share;  // of the rate asked for; well below 1: the generator's CPU is full
  Spread loss_ratio;
  Spread p50_ns, p99_ns;
  Spread frames_per_poll;  // of in0, empty polls included: how many had come together
};

struct DelayCurve {
  std::string dut;
  std::vector<DelayPoint> points;  // by rate, as they were asked for
};

// Our p99 by that of a peer, repetition by repetition, one for each rate.
struct DelayRatio {
  std::string ours, peer;
  std::vector<Spread> p99;
};

// Devices without a figure are left out.
std::vector<DelayCurve> delay_curves(const ScenarioResult& result);
// Of all of ours to all peers that do the same job.
std::vector<DelayRatio> delay_ratios(const ScenarioResult& result,
                                     const std::vector<DutInfo>& duts);

// "## …" and tables; empty if no delay was measured over load.
std::string delay_markdown(const ScenarioResult& result, const std::vector<DutInfo>& duts);
// Two panels for gnuplot, after its terminal and output have been set: p50 and p99 over load.
std::string delay_plot(const ScenarioResult& result);
bool has_delay_curves(const ScenarioResult& result);

}  // namespace starocean::bench
