// One repetition of one rung: namespaces, wire, rung, generator, load, and what came of it; all of it is gone
// when run_rx_trial() returns. Control thread.
#pragma once

#include <functional>
#include <string>

#include "starocean/base/result.h"
#include "starocean/bench/rx_path.h"

namespace starocean::bench {

struct RxTrialOutcome {
  RxTrial trial;
  std::string unavailable;  // the rung could not be opened, or shown: why
};

// `number` is unique in this process.
Result<RxTrialOutcome> run_rx_trial(const RxCase& what, const RxPathOptions& options,
                                    uint32_t number,
                                    const std::function<void(const RxProgress&)>& progress);

}  // namespace starocean::bench
