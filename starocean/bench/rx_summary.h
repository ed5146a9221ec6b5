// What the repetitions of the receive-path ladder come to. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "starocean/bench/rx_path.h"
#include "starocean/bench/statistics.h"

namespace starocean::bench {

// One load on one rung. Rates are per second of the window; shares are of the receive core's time, in per cent.
struct RxLoadSummary {
  Spread generated_mpps;
  Spread on_wire_mpps;
  Spread handled_mpps;
  // CPU time of the NAPI thread and the program, for each packet handled; count 0: not known.
  Spread ns_per_packet;
  double own_percent = 0;  // of the same two; median
  // Medians, of /proc/stat: they add up to about 100.
  double user_percent = 0;
  double system_percent = 0;
  double interrupt_percent = 0;
  double idle_percent = 0;
  double stolen_percent = 0;
  // All busy time less `own`: other programs'; median and worst of the repetitions. Not known (0) where receive
  // processing is in no thread of its own.
  double others_percent = 0;
  double worst_others_percent = 0;
  double lost_percent = 0;  // of what was on the wire; median
  bool kept_up = false;     // it handled all that was generated
  // It kept up, or the receive core was idle now and then (a veth's ring fills up while a sleeping core is being
  // woken): what it could handle at most is not known. Means nothing without a NAPI thread on that core.
  bool below_limit = false;
  uint64_t unaccounted = 0;  // the largest of all repetitions, without its sign
};

struct RxCaseSummary {
  const RxCaseResult* result = nullptr;
  std::optional<RxLoadSummary> flood;
  std::optional<RxLoadSummary> at_rate;

  const RxCase& what() const { return *result->what; }
  bool available() const { return result->unavailable.empty(); }
  // What was handled in the flood is a lower bound of what could be.
  bool is_bound() const { return flood && flood->below_limit && what().tuning.pin_receive; }
};

struct RxPathSummary {
  std::vector<RxCaseSummary> rungs;
  std::vector<RxCaseSummary> tunings;
  // Null if there is no such rung or tuning, or this machine lacks it.
  const RxCaseSummary* find(std::string_view name) const;
};

RxPathSummary summarize(const RxPathResult& result);

// What is compared between two cases.
enum class RxMetric : uint8_t { kFloodHandled, kRateCpu };
// Of each repetition that has both: the metric of `a` divided by that of `b`. Empty (count 0) without such.
Spread ratio_of(const RxCaseSummary& a, const RxCaseSummary& b, RxMetric metric);
// Likewise: ns per packet of `a` less that of `b`, in a flood.
Spread extra_cost(const RxCaseSummary& a, const RxCaseSummary& b);

}  // namespace starocean::bench
