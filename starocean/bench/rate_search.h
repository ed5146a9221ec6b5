// The search for the highest load at which a device loses no more than a goal allows: throughput in the
// sense of RFC 2544, section 26.1 (no loss: NDR), or with a small loss allowed (PDR).
//
// The way, with ideas of draft-ietf-bmwg-mlrsearch: short trials first, which bracket the load roughly and
// may err; then full trials in a bracket that grows until it holds on both sides and is halved (geometrically)
// until it is as narrow as wanted. A load is judged by the majority of up to `votes` trials, so that one
// disturbed trial on a shared machine decides nothing; where one has lost far too much, the second opinion is a
// short trial's. At the end the load found is tried once more; while it fails, it is lowered.
//
// Pure: what a trial is, is the caller's business. One thread.
#pragma once

#include <cstdint>
#include <functional>

#include "starocean/base/result.h"

namespace starocean::bench {

struct SearchGoal {
  double loss_ratio = 0;       // of the frames offered
  double precision = 0.01;     // the bracket's width in relation to its lower end
  double trial_seconds = 2;    // of a full trial
  double rough_seconds = 0.5;  // of the first ones
  double confirm_seconds = 2;  // of the last
  uint32_t votes = 3;          // odd
  uint32_t max_trials = 60;    // then it gives up, with what it has
  double least_pps = 1000;     // below, there is no result
};

// Where to begin, and the first step up or down: steps grow until the bracket holds.
struct SearchStart {
  double pps = 1e6;
  double factor = 1.3;
};

// What a trial found. Offered is what was really sent, per second: a generator may be too slow.
struct TrialVerdict {
  double offered_pps = 0;
  double loss_ratio = 0;
  bool reached = true;  // the load asked for was generated
};
// An error ends the search: the device has died, the user has interrupted.
using TrialFunction = std::function<Result<TrialVerdict>(double pps, double seconds)>;

struct SearchResult {
  double pps = 0;         // the highest load that fulfils the goal; 0: none was found
  double loss_ratio = 0;  // in the last trial there
  double failed_pps = 0;  // the lowest load above it that does not; 0: none
  // The bracket's upper end is what the generator could not reach, not what the device could not take.
  bool generator_limited = false;
  bool confirmed = false;  // the last trial at `pps` fulfilled the goal
  uint32_t trials = 0;
};

Result<SearchResult> search_rate(const SearchGoal& goal, const SearchStart& start,
                                 const TrialFunction& trial);

}  // namespace starocean::bench
