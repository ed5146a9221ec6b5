#include "starocean/bench/rx_path.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "starocean/base/cpu_affinity.h"
#include "starocean/bench/rx_trial.h"
#include "starocean/bench/traffic_spec.h"
#include "starocean/testbed/command.h"

namespace starocean::bench {
namespace {

Status check_cpus(const RxPathOptions& options) {
  constexpr auto kWhat = "cannot place the receive-path ladder";
  const std::vector<int> cpus = allowed_cpus();
  if (cpus.size() < 2) {
    return fail(kWhat, "there is one CPU, and generator and receiver need one each",
                "run it on a machine with two, or allow the process a second one (taskset)");
  }
  for (const int cpu : {options.generate_cpu, options.receive_cpu}) {
    if (std::ranges::find(cpus, cpu) == cpus.end()) {
      return fail(kWhat, fmt::format("there is no CPU {} for this process", cpu),
                  fmt::format("choose among {}", fmt::join(cpus, ", ")));
    }
  }
  if (options.generate_cpu == options.receive_cpu) {
    return fail(kWhat, fmt::format("CPU {} would both generate and receive", options.receive_cpu),
                "choose two different ones");
  }
  return {};
}

bool is_named(const RxPathOptions& options, std::string_view name) {
  return std::ranges::find(options.rungs, name) != options.rungs.end();
}

// The ladder's, then those of tuning: each by its own name, or with the rung that it varies.
std::vector<const RxCase*> cases_of(const RxPathOptions& options) {
  std::vector<const RxCase*> cases;
  for (const RxCase& rung : rx_ladder()) {
    if (options.rungs.empty() || is_named(options, rung.name)) cases.push_back(&rung);
  }
  for (const RxCase& tuning : rx_tunings()) {
    const bool with_base =
        options.tunings && (options.rungs.empty() || is_named(options, tuning.base));
    const bool shows = !tuning.only_at_rate || options.rate_pps > 0;
    if (shows && (with_base || is_named(options, tuning.name))) cases.push_back(&tuning);
  }
  return cases;
}

Status check_rungs(const RxPathOptions& options) {
  std::set<std::string_view> names;
  std::vector<std::string_view> listed;
  for (const auto list : {rx_ladder(), rx_tunings()}) {
    for (const RxCase& one : list) {
      names.insert(one.name);
      listed.push_back(one.name);
    }
  }
  for (const std::string& name : options.rungs) {
    if (!names.contains(name)) {
      return fail(fmt::format("there is no rung '{}'", name),
                  fmt::format("there are {}", fmt::join(listed, ", ")));
    }
  }
  if (cases_of(options).empty()) {
    return fail("there is nothing to measure",
                fmt::format("{} shows at a fixed rate only", fmt::join(options.rungs, ", ")),
                "leave --no-rate out");
  }
  return {};
}

std::vector<RxCaseResult*> all_cases(RxPathResult& result) {
  std::vector<RxCaseResult*> cases;
  for (RxCaseResult& rung : result.rungs) cases.push_back(&rung);
  for (RxCaseResult& tuning : result.tunings) cases.push_back(&tuning);
  return cases;
}

std::string outcome_text(const RxCase& what, const RxTrial& trial) {
  std::string text = fmt::format("{}:", what.name);
  if (trial.flood) {
    text += fmt::format(" flood {:.2f} Mpps",
                        static_cast<double>(trial.flood->handled) / trial.flood->seconds / 1e6);
  }
  if (trial.at_rate) {
    const auto busy_ns = static_cast<double>(trial.at_rate->napi_ns + trial.at_rate->program_ns);
    text += fmt::format("{} at rate {:.0f} % CPU", trial.flood ? "," : "",
                        busy_ns / trial.at_rate->seconds / 1e7);
  }
  return text;
}

}  // namespace

Status check_rx_path(const RxPathOptions& options) {
  if (Status rungs = check_rungs(options); !rungs) return rungs;
  TrafficSpec traffic;
  traffic.frame_bytes = {options.frame_bytes};
  traffic.flows = options.flows;
  traffic.destination_port.count = 1;
  if (Status good = check(traffic); !good) return good;
  constexpr uint32_t kMaxFrameBytesHere = 1518;
  if (options.frame_bytes > kMaxFrameBytesHere) {
    return fail("cannot send frames that long", "the wire has an MTU of 1500",
                "use at most 1518 bytes");
  }
  return {};
}

Result<RxPathResult> run_rx_path(const RxPathOptions& options,
                                 const std::function<void(const RxProgress&)>& progress) {
  if (Status good = check_rx_path(options); !good) return fail(good.error());
  if (Status cpus = check_cpus(options); !cpus) return fail(cpus.error());
  for (const char* tool : {"ip", "ethtool"}) {
    if (!testbed::is_installed(tool)) {
      return fail("cannot build the testbed", fmt::format("`{}` is not installed", tool),
                  "install the Debian packages iproute2 and ethtool");
    }
  }
  leave_cpus({{options.receive_cpu}});  // what is started from here on inherits it
  RxPathResult result{.options = options};
  for (const RxCase* const one : cases_of(options)) {
    (one->base.empty() ? result.rungs : result.tunings).push_back({.what = one});
  }
  const uint64_t start_ns = monotonic_ns();
  const std::vector<RxCaseResult*> cases = all_cases(result);
  uint32_t number = 0;
  for (uint32_t repetition = 0; repetition < options.repetitions; ++repetition) {
    for (size_t place = 0; place < cases.size(); ++place) {
      RxCaseResult& now = *cases[(place + repetition) % cases.size()];
      if (!now.unavailable.empty()) continue;
      const std::string where =
          fmt::format("[{}/{}] ", ++number, cases.size() * options.repetitions);
      auto outcome = run_rx_trial(*now.what, options, number, [&](const RxProgress& said) {
        if (progress) progress({where + said.text, said.finished});
      });
      if (!outcome) return fail(outcome.error());
      now.unavailable = std::move(outcome->unavailable);
      if (!now.unavailable.empty()) {
        if (progress)
          progress({fmt::format("{}{}: {}", where, now.what->name, now.unavailable), true});
        continue;
      }
      outcome->trial.repetition = repetition + 1;
      outcome->trial.place_in_order = static_cast<uint32_t>(place + 1);
      if (progress) progress({where + outcome_text(*now.what, outcome->trial), true});
      now.trials.push_back(std::move(outcome->trial));
    }
  }
  result.duration_ns = monotonic_ns() - start_ns;
  return result;
}

}  // namespace starocean::bench
