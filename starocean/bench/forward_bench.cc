#include "starocean/bench/forward_bench.h"

#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <map>
#include <optional>
#include <thread>

#include <fmt/format.h>

#include "starocean/base/clock.h"
#include "starocean/base/cpu_affinity.h"
#include "starocean/bench/cpu_thief.h"
#include "starocean/bench/dut.h"
#include "starocean/bench/forward_turn.h"
#include "starocean/bench/kernel_threads_away.h"
#include "starocean/bench/machine.h"
#include "starocean/bench/scratch_directory.h"
#include "starocean/bench/traffic_parse.h"

namespace starocean::bench {
namespace {

constexpr uint32_t kMostAddresses = 65'000;  // of a /16
constexpr uint32_t kMostPairs = 1000;
constexpr double kQuietLoad = 0.5;
constexpr uint32_t kMostRepeats = 2;                     // of a turn in which the CPUs moved
constexpr uint64_t kDistanceWaitNs = 60 * kNsPerSecond;  // in one repetition
constexpr std::chrono::milliseconds kDistanceCheck{250};

uint32_t macs_per_side(uint32_t flows) {
  return std::max(flows / 2, 1u);
}

TrafficSpec traffic_of(const Scenario& scenario, bool random_order) {
  TrafficSpec traffic;
  traffic.frame_bytes = scenario.frame_bytes;
  traffic.flows = scenario.flows;
  traffic.random_order = random_order && scenario.flows > 1;
  traffic.source_mac.count = macs_per_side(scenario.flows);
  traffic.destination_mac.count = macs_per_side(scenario.flows);
  traffic.source.count = std::min(macs_per_side(scenario.flows), kMostAddresses);
  traffic.destination.count = traffic.source.count;
  return traffic;
}

// Guesses for the searches: by scenario and device, what the turn before has found.
struct Guess {
  double pdr_pps = 0;
  double ndr_pps = 0;
};

class Bench {
 public:
  Bench(const ForwardOptions& options, const std::atomic<bool>& stop,
        const std::function<void(const std::string&)>& progress,
        const std::function<void(const Turn&, const Scenario&)>& finished)
      : options_(options), stop_(stop), progress_(progress), finished_(finished) {}

  Result<ForwardResults> run();

 private:
  void add_scenario(const Scenario& scenario);
  Status run_repetition(uint32_t pair, const ScratchDirectory& scratch);
  Status run_turn(ScenarioResult& result, uint32_t pair, size_t dut, const Measures& measures,
                  const ScratchDirectory& scratch);
  Result<Turn> measure_where_it_stays(TurnOptions turn_options, DutInfo& info,
                                      const ScratchDirectory& scratch);
  void await_distance();
  bool comparable(const TurnDistance& found) const;
  bool sound() const { return options_.trial_seconds >= kSoundTrialSeconds; }
  bool given_up(const ScenarioResult& result, const DutInfo& dut) const;
  void describe();
  void conclude();

  const ForwardOptions& options_;
  const std::atomic<bool>& stop_;
  const std::function<void(const std::string&)>& progress_;
  const std::function<void(const Turn&, const Scenario&)>& finished_;
  ForwardResults results_;
  std::map<std::string, Guess> guesses_;
  uint32_t turn_number_ = 0;
  // Of this repetition: what the turns before had, and how much longer is waited for it.
  std::optional<CpuDistance> wanted_distance_;
  uint64_t patience_ns_ = 0;
};

// A device that has never worked in this scenario, or is not installed, is not tried again.
bool Bench::given_up(const ScenarioResult& result, const DutInfo& dut) const {
  bool failed = false, worked = false;
  for (const Turn& turn : result.turns) {
    if (turn.dut != dut.name) continue;
    (turn.failure.empty() ? worked : failed) = true;
  }
  return !dut.unavailable.empty() || (failed && !worked);
}

// Until the CPUs are as far from each other as in the turns before of this repetition; not forever.
void Bench::await_distance() {
  const Placement& at = options_.placement;
  const uint64_t begin_ns = monotonic_ns();
  uint64_t waited_ns = 0;
  while (wanted_distance_ && !stop_ && waited_ns < patience_ns_) {
    const auto found = measure_distance(at.generator_cpu, at.forwarder_cpu);
    if (!found || found->distance == *wanted_distance_) break;
    progress_(fmt::format("waiting until CPU {} and {} are {} again (now {}: {:.0f} ns)",
                          at.generator_cpu, at.forwarder_cpu, to_string(*wanted_distance_),
                          to_string(found->distance), found->line_ns));
    std::this_thread::sleep_for(kDistanceCheck);
    waited_ns = monotonic_ns() - begin_ns;
  }
  patience_ns_ -= std::min(patience_ns_, waited_ns);
}

// What was waited for in vain is no longer what the machine is like: the rest of the repetition takes it as it is now.
bool Bench::comparable(const TurnDistance& found) const {
  if (found.moved) return false;
  return !wanted_distance_ || found.distance == *wanted_distance_ || patience_ns_ == 0;
}

// A turn in which the CPUs moved says little; it is measured again, as often as kMostRepeats: not a soak, in which they may
// well move, and which is an hour's work.
Result<Turn> Bench::measure_where_it_stays(TurnOptions turn_options, DutInfo& info,
                                           const ScratchDirectory& scratch) {
  for (uint32_t repeats = 0;; ++repeats) {
    if (sound()) await_distance();
    auto directory = scratch.make(fmt::format("turn-{}", ++turn_number_));
    if (!directory) return fail(directory.error());
    turn_options.directory = *directory;
    auto turn = measure_turn(turn_options, info);
    if (!turn) return turn;
    turn->repeats = repeats;
    const bool good = !turn->distance || comparable(*turn->distance);
    if (good && turn->distance) wanted_distance_ = turn->distance->distance;
    if (good || !sound() || stop_ || turn->soak || !turn->failure.empty() ||
        repeats == kMostRepeats) {
      return turn;
    }
    progress_(fmt::format("{}: once more, since the CPUs moved", info.name));
  }
}

Status Bench::run_turn(ScenarioResult& result, uint32_t pair, size_t dut, const Measures& measures,
                       const ScratchDirectory& scratch) {
  DutInfo& info = results_.duts[dut];
  const std::string where =
      fmt::format("[{} {}/{}] {}", result.scenario.label, pair, result.scenario.pairs, info.name);
  Guess& guess = guesses_[result.scenario.label + " " + info.name];
  const TurnOptions turn_options{
      .type = find_dut_type(info.name),
      .traffic = traffic_of(result.scenario, options_.random_order),
      .placement = options_.placement,
      .receive_cpu = options_.receive_cpu,
      .directory = {},
      .measures = measures,
      .loss_ratio = options_.loss_ratio,
      .precision = options_.precision,
      .trial_seconds = options_.trial_seconds,
      .votes = options_.votes,
      .max_trials = options_.max_trials,
      .peer_pdr_pps = best_peer_pdr(result, results_.duts, info.job, pair - 1),
      .pdr_guess_pps = guess.pdr_pps,
      .ndr_guess_pps = guess.ndr_pps,
      .forwarder_share = options_.forwarder_share,
      .rings = options_.rings,
      .stop = &stop_,
      .progress = [&](const std::string& what) { progress_(where + ": " + what); }};
  auto turn = measure_where_it_stays(turn_options, info, scratch);
  if (!turn) return fail(turn.error());
  turn->pair = pair;
  if (turn->pdr) guess.pdr_pps = turn->pdr->search.pps;
  if (turn->ndr) guess.ndr_pps = turn->ndr->search.pps;
  if (turn->failure_code == ENOENT) info.unavailable = turn->failure;
  finished_(*turn, result.scenario);
  result.turns.push_back(std::move(*turn));
  return {};
}

void Bench::add_scenario(const Scenario& scenario) {
  ScenarioResult& result = results_.scenarios.emplace_back();
  result.scenario = scenario;
  if (result.scenario.pairs == 0) result.scenario.pairs = options_.pairs;
  const TrafficSpec traffic = traffic_of(result.scenario, options_.random_order);
  result.mean_frame_bytes = traffic.mean_frame_bytes();
  const bool switches = std::any_of(results_.duts.begin(), results_.duts.end(),
                                    [](const DutInfo& dut) { return dut.job == DutJob::kSwitch; });
  result.macs = switches ? static_cast<uint32_t>(traffic.source_mac.count) : 0;
  result.destinations = static_cast<uint32_t>(traffic.destination.count);
}

Status Bench::run_repetition(uint32_t pair, const ScratchDirectory& scratch) {
  wanted_distance_.reset();
  patience_ns_ = kDistanceWaitNs;
  for (ScenarioResult& result : results_.scenarios) {
    if (result.scenario.pairs < pair) continue;
    Measures measures = options_.measures;
    if (&result != &results_.scenarios.front()) measures.ndr = measures.delay = false;
    for (size_t turn = 0; turn < results_.duts.size(); ++turn) {
      // Another begins each time: what is left of what the machine did before hits no device more than others.
      const size_t dut = (turn + pair - 1) % results_.duts.size();
      if (stop_) return {};
      if (given_up(result, results_.duts[dut])) continue;
      if (Status done = run_turn(result, pair, dut, measures, scratch); !done) return done;
    }
  }
  return {};
}

void Bench::describe() {
  for (const std::string& name : options_.duts) {
    const DutType* type = find_dut_type(name);
    DutInfo& info = results_.duts.emplace_back();
    info.name = name;
    info.kind = type->kind;
    info.job = type->job;
    info.description = type->description;
  }
  results_.machine = describe_machine();
  results_.method = describe_method(options_);
  if (options_.trial_seconds < kSoundTrialSeconds) {
    results_.notes.push_back(fmt::format(
        "trials of {} s are too short for a result: take this for a test of the instrument only",
        options_.trial_seconds));
  }
  double load = 0;
  if (getloadavg(&load, 1) == 1 && load > kQuietLoad) {
    results_.notes.push_back(fmt::format(
        "the machine was not quiet: load average {:.1f} when the measurement began", load));
  }
  if (options_.pairs < kSoundPairs) {
    results_.notes.push_back(
        fmt::format("{} repetition(s): ratios need {} and more", options_.pairs, kSoundPairs));
  }
}

void Bench::conclude() {
  double stolen_s = 0, wall_s = 0;
  std::erase_if(results_.scenarios, [](const auto& scenario) { return scenario.turns.empty(); });
  for (ScenarioResult& scenario : results_.scenarios) {
    summarize(scenario, results_.duts, results_.scenarios.front());
    for (const Turn& turn : scenario.turns) {
      stolen_s += turn.stolen_s;
      wall_s += turn.wall_s;
    }
  }
  for (DutInfo& dut : results_.duts) {
    if (!dut.unavailable.empty()) continue;
    std::string failure;
    bool worked = false;
    for (const ScenarioResult& scenario : results_.scenarios) {
      for (const Turn& turn : scenario.turns) {
        if (turn.dut != dut.name) continue;
        worked = worked || turn.frames_verified != 0;
        if (!turn.failure.empty() && turn.failure_code != EINTR) failure = turn.failure;
      }
    }
    if (!worked) dut.unavailable = failure.empty() ? "not measured before the end" : failure;
  }
  constexpr double kDisturbedShare = 0.01;
  if (wall_s > 0 && stolen_s > kDisturbedShare * wall_s) {
    results_.notes.push_back(
        fmt::format("the hypervisor took {:.1f} s of {:.0f} s away: the machine was not quiet",
                    stolen_s, wall_s));
  }
}

Result<ForwardResults> Bench::run() {
  auto scratch = ScratchDirectory::create();
  if (!scratch) return fail(scratch.error());
  const int cpu = options_.placement.forwarder_cpu;
  // What is started from here on inherits it, and places its forwarding threads itself.
  leave_cpus({{cpu}});
  const KernelThreadsAway linux_threads(cpu);
  describe();
  results_.method.emplace_back("left to the forwarder",
                               fmt::format("its CPU: the devices' other threads, this program, and "
                                           "those of Linux's that can be placed ({}) keep off it",
                                           fmt::join(linux_threads.names(), ", ")));
  uint32_t repetitions = 0;
  for (const Scenario& scenario : options_.scenarios) {
    add_scenario(scenario);
    repetitions = std::max(repetitions, results_.scenarios.back().scenario.pairs);
  }
  for (uint32_t pair = 1; pair <= repetitions && !stop_; ++pair) {
    if (Status done = run_repetition(pair, *scratch); !done) {
      if (!stop_) return fail(done.error());
    }
  }
  results_.interrupted = stop_;
  if (results_.interrupted) {
    results_.notes.push_back("interrupted: some repetitions, or devices, are missing");
  }
  conclude();
  return std::move(results_);
}

}  // namespace

Result<Scenario> parse_scenario(const std::string& text) {
  const std::string what = fmt::format("cannot understand the scenario '{}'", text);
  constexpr const char* kRemedy = "write it as 64@1k, imix@100k, or 1518@1Mx2 for two repetitions";
  const size_t at = text.find('@');
  if (at == std::string::npos) return fail(what, "it has no '@'", kRemedy, EINVAL);
  Scenario scenario{.label = text};
  auto sizes = parse_sizes(text.substr(0, at));
  if (!sizes) return fail(sizes.error().in(what));
  scenario.frame_bytes = std::move(*sizes);
  std::string flows = text.substr(at + 1);
  if (const size_t times = flows.find('x'); times != std::string::npos) {
    const auto pairs = parse_count(flows.substr(times + 1));
    if (!pairs || *pairs > kMostPairs) {
      return fail(what, fmt::format("repetitions are from 1 to {}", kMostPairs), kRemedy, EINVAL);
    }
    scenario.pairs = static_cast<uint32_t>(*pairs);
    flows.resize(times);
    scenario.label.resize(at + 1 + times);
  }
  for (char& c : flows) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  const auto count = parse_count(flows);
  if (!count) return fail(count.error().in(what));
  if (*count > kMaxFlows) {
    return fail(what, fmt::format("there can be {} flows at most", kMaxFlows), kRemedy, EINVAL);
  }
  scenario.flows = static_cast<uint32_t>(*count);
  if (Status good = check(traffic_of(scenario, true)); !good) return fail(good.error().in(what));
  return scenario;
}

Status check(const ForwardOptions& options) {
  constexpr const char* kWhat = "cannot measure forwarding";
  if (geteuid() != 0) {
    return fail(kWhat, "it takes network namespaces and XDP programs", "run as root", EPERM);
  }
  for (const std::string& name : options.duts) {
    if (find_dut_type(name) == nullptr) {
      return fail(kWhat, fmt::format("there is no device under test '{}'", name),
                  "--help lists them", EINVAL);
    }
  }
  const auto cpus = static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN));
  const Placement& at = options.placement;
  for (const int cpu : {at.generator_cpu, at.forwarder_cpu, at.checker_cpu, options.receive_cpu}) {
    if (cpu < cpus) continue;
    return fail(kWhat, fmt::format("there is no CPU {}: this machine has {}", cpu, cpus),
                "name one that is there", EINVAL);
  }
  if (!(options.forwarder_share >= kLeastCpuShare && options.forwarder_share <= 1)) {
    return fail(kWhat,
                fmt::format("the forwarder cannot be left {} of its CPU", options.forwarder_share),
                fmt::format("leave it from {} to 1", kLeastCpuShare), EINVAL);
  }
  if (at.generator_cpu == at.forwarder_cpu) {
    return fail(kWhat, "generator and forwarder would share one CPU",
                "use a machine with two CPUs, and two different numbers", EINVAL);
  }
  return {};
}

Result<ForwardResults> run_forward_bench(
    const ForwardOptions& options, const std::atomic<bool>& stop,
    const std::function<void(const std::string&)>& progress,
    const std::function<void(const Turn&, const Scenario&)>& finished) {
  if (Status good = check(options); !good) return fail(good.error());
  return Bench(options, stop, progress, finished).run();
}

}  // namespace starocean::bench
