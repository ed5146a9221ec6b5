// One device under test, set up from nothing, measured, and taken down again.
#pragma once

#include <atomic>
#include <functional>
#include <string>

#include "starocean/bench/dut.h"
#include "starocean/bench/forward_results.h"

namespace starocean::bench {

struct TurnOptions {
  const DutType* type = nullptr;
  TrafficSpec traffic;  // frames as for a switch; the device adapts them
  Placement placement;
  int receive_cpu = -1;  // -1: the forwarder's for what runs in the kernel, else the generator's
  std::string directory;
  Measures measures;
  double loss_ratio = 0.001;  // of PDR
  double precision = 0.01;
  double trial_seconds = 2;
  uint32_t votes = 3;
  uint32_t max_trials = 60;
  double common_pps = 200'000;  // the rate at which delay is measured for all alike
  double peer_pdr_pps = 0;      // at half of which delay is measured, too; 0: it is not known
  // Where to begin the searches: 0, or what an earlier turn has found.
  double pdr_guess_pps = 0;
  double ndr_guess_pps = 0;
  double forwarder_share = 1;  // of its CPU; the rest is taken away (cpu_thief.h)
  uint32_t rings = 0;          // see dut.h
  const std::atomic<bool>* stop = nullptr;
  std::function<void(const std::string&)> progress;  // one short line about what is going on
};

// What could not be measured says why in Turn::failure, an interruption included; what was measured before
// stays. `info` is filled in once the device runs. An error means that the instrument itself does not work.
Result<Turn> measure_turn(const TurnOptions& options, DutInfo& info);

// Where receive processing of in0 runs, by the rule above.
int receive_cpu_of(const TurnOptions& options);

}  // namespace starocean::bench
