// `starocean bench forward`: systems that forward frames, measured beside each other on the same wires.
//
// In each repetition, for each scenario, every device under test gets its turn, in the same order (A B A B): devices and
// scenarios are compared within repetitions, since a machine is not the same an hour later.
// A turn begins with nothing: namespaces, wires, generator, checker and device are made anew, since what a
// set-up happens to be decides more than what varies from trial to trial. Where the CPUs of a virtual machine are moved
// about (cpu_distance.h), turns of one repetition are made in the same state: waited for, and measured again if it changed. The first scenario is measured in
// full, the others for the flooded rate and PDR only. Searches of later repetitions begin where the first
// ended, and go as far from there as they must.
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "starocean/base/result.h"
#include "starocean/bench/forward_results.h"
#include "starocean/bench/forward_rig.h"

namespace starocean::bench {

inline constexpr double kShortestTrialSeconds = 0.1;  // less is refused
inline constexpr double kSoundTrialSeconds = 1;       // less is marked as no result
inline constexpr uint32_t kSoundPairs = 5;

struct ForwardOptions {
  std::vector<std::string> duts;    // names of dut_types()
  std::vector<Scenario> scenarios;  // at least one
  uint32_t pairs = 5;
  double trial_seconds = 2;
  double loss_ratio = 0.001;
  double precision = 0.01;
  uint32_t votes = 3;         // trials by which a load is judged, at most
  uint32_t max_trials = 60;   // of one search
  bool random_order = false;  // of flows; else in turn
  Placement placement;
  int receive_cpu = -1;        // -1: by kind, see forward_turn.h
  double forwarder_share = 1;  // of its CPU, see cpu_thief.h
  uint32_t rings = 0;          // see dut.h
  Measures measures;           // of the first scenario
  std::string command;         // how to make the figures again
};

// "64@1k", "imix@1000", "1518@1M", "64@100kx2" (two repetitions): frame bytes with FCS or "imix", flows, repetitions.
Result<Scenario> parse_scenario(const std::string& text);

// Refused: names and CPUs that do not exist, too few CPUs, trials that are too short.
Status check(const ForwardOptions& options);

// Control thread, which leaves the forwarder's CPU for good; needs root. `stop` ends it soon, with what there is.
// `progress` gets short lines.
Result<ForwardResults> run_forward_bench(
    const ForwardOptions& options, const std::atomic<bool>& stop,
    const std::function<void(const std::string&)>& progress,
    const std::function<void(const Turn&, const Scenario&)>& finished);

// Of the peers that do that job, in that repetition; 0: none was measured. Pure.
double best_peer_pdr(const ScenarioResult& result, const std::vector<DutInfo>& duts, DutJob job,
                     uint32_t pair);

// From turns to medians and ratios. `first`: the scenario that others are compared with, or `result` itself. Pure.
void summarize(ScenarioResult& result, const std::vector<DutInfo>& duts,
               const ScenarioResult& first);

}  // namespace starocean::bench
