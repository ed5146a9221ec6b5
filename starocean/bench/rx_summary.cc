#include "starocean/bench/rx_summary.h"

#include <algorithm>
#include <cstdlib>
#include <functional>

namespace starocean::bench {
namespace {

constexpr double kKeptUp = 0.98;
constexpr double kIdlePercent = 5;
using Measure = std::function<double(const RxMeasurement&)>;

double million(uint64_t packets, const RxMeasurement& of) {
  return static_cast<double>(packets) / of.seconds / 1e6;
}
double percent_of_core(uint64_t ns, const RxMeasurement& of) {
  return static_cast<double>(ns) / of.seconds / 1e7;
}
uint64_t own_ns(const RxMeasurement& of) {
  return of.napi_ns + of.program_ns;
}

Spread spread(const std::vector<const RxMeasurement*>& all, const Measure& measure) {
  std::vector<double> values;
  values.reserve(all.size());
  for (const RxMeasurement* one : all) values.push_back(measure(*one));
  return spread_of(std::move(values));
}
double median(const std::vector<const RxMeasurement*>& all, const Measure& measure) {
  return spread(all, measure).median;
}

double others_percent(const RxMeasurement& of) {
  if (of.napi_ns == 0) return 0;
  const auto others =
      static_cast<double>(of.receive_core.busy_ns()) - static_cast<double>(own_ns(of));
  return std::max(0.0, others / of.seconds / 1e7);
}

double lost_percent(const RxMeasurement& of) {
  if (of.total_on_wire == 0) return 0;
  return 100.0 * static_cast<double>(of.total.lost_sum()) / static_cast<double>(of.total_on_wire);
}

// Not known without a NAPI thread, whose clock is read.
std::optional<double> ns_per_packet(const RxMeasurement& of) {
  if (of.napi_ns == 0 || of.handled == 0) return {};
  return static_cast<double>(own_ns(of)) / static_cast<double>(of.handled);
}

Spread cost(const std::vector<const RxMeasurement*>& all) {
  std::vector<double> values;
  for (const RxMeasurement* one : all) {
    if (const auto ns = ns_per_packet(*one)) values.push_back(*ns);
  }
  return spread_of(std::move(values));
}

std::optional<RxLoadSummary> summary_of(const std::vector<const RxMeasurement*>& all) {
  if (all.empty()) return {};
  using M = const RxMeasurement&;
  RxLoadSummary sum;
  sum.generated_mpps = spread(all, [](M m) { return million(m.generated, m); });
  sum.on_wire_mpps = spread(all, [](M m) { return million(m.on_wire, m); });
  sum.handled_mpps = spread(all, [](M m) { return million(m.handled, m); });
  sum.ns_per_packet = cost(all);
  sum.own_percent = median(all, [](M m) { return percent_of_core(own_ns(m), m); });
  sum.user_percent = median(all, [](M m) { return percent_of_core(m.receive_core.user_ns, m); });
  sum.system_percent =
      median(all, [](M m) { return percent_of_core(m.receive_core.system_ns, m); });
  sum.interrupt_percent =
      median(all, [](M m) { return percent_of_core(m.receive_core.interrupt_ns, m); });
  sum.idle_percent = median(all, [](M m) { return percent_of_core(m.receive_core.idle_ns, m); });
  sum.stolen_percent =
      median(all, [](M m) { return percent_of_core(m.receive_core.stolen_ns, m); });
  const Spread others = spread(all, others_percent);
  sum.others_percent = others.median;
  sum.worst_others_percent = others.most;
  sum.lost_percent = median(all, lost_percent);
  sum.kept_up = sum.handled_mpps.median >= kKeptUp * sum.generated_mpps.median;
  sum.below_limit = sum.kept_up || sum.idle_percent > kIdlePercent;
  for (const RxMeasurement* one : all) {
    sum.unaccounted =
        std::max(sum.unaccounted, static_cast<uint64_t>(std::llabs(one->unaccounted())));
  }
  return sum;
}

RxCaseSummary summary_of(const RxCaseResult& result) {
  std::vector<const RxMeasurement*> floods, rates;
  for (const RxTrial& trial : result.trials) {
    if (trial.flood) floods.push_back(&*trial.flood);
    if (trial.at_rate) rates.push_back(&*trial.at_rate);
  }
  return {.result = &result, .flood = summary_of(floods), .at_rate = summary_of(rates)};
}

// The metric, if the trial has it.
std::optional<double> value_of(const RxTrial& trial, RxMetric metric) {
  const bool flood = metric == RxMetric::kFloodHandled;
  const auto& measured = flood ? trial.flood : trial.at_rate;
  if (!measured) return {};
  switch (metric) {
    case RxMetric::kFloodHandled:
      return million(measured->handled, *measured);
    case RxMetric::kRateCpu:
      return percent_of_core(own_ns(*measured), *measured);
  }
  return {};
}

template <class Action>
void for_each_pair(const RxCaseSummary& a, const RxCaseSummary& b, const Action& action) {
  for (const RxTrial& left : a.result->trials) {
    for (const RxTrial& right : b.result->trials) {
      if (left.repetition == right.repetition) action(left, right);
    }
  }
}

}  // namespace

const RxCaseSummary* RxPathSummary::find(std::string_view name) const {
  for (const auto* list : {&rungs, &tunings}) {
    for (const RxCaseSummary& one : *list) {
      if (one.what().name == name && one.available()) return &one;
    }
  }
  return nullptr;
}

RxPathSummary summarize(const RxPathResult& result) {
  RxPathSummary summary;
  for (const RxCaseResult& rung : result.rungs) summary.rungs.push_back(summary_of(rung));
  for (const RxCaseResult& tuning : result.tunings) summary.tunings.push_back(summary_of(tuning));
  return summary;
}

Spread ratio_of(const RxCaseSummary& a, const RxCaseSummary& b, RxMetric metric) {
  std::vector<double> ratios;
  for_each_pair(a, b, [&](const RxTrial& left, const RxTrial& right) {
    const auto above = value_of(left, metric);
    const auto below = value_of(right, metric);
    if (above && below && *below > 0) ratios.push_back(*above / *below);
  });
  return spread_of(std::move(ratios));
}

Spread extra_cost(const RxCaseSummary& a, const RxCaseSummary& b) {
  std::vector<double> differences;
  for_each_pair(a, b, [&](const RxTrial& left, const RxTrial& right) {
    if (!left.flood || !right.flood) return;
    const auto more = ns_per_packet(*left.flood);
    const auto less = ns_per_packet(*right.flood);
    if (more && less) differences.push_back(*more - *less);
  });
  return spread_of(std::move(differences));
}

}  // namespace starocean::bench
