#include "starocean/bench/forward_turn.h"

#include <algorithm>
#include <cerrno>

#include <fmt/format.h>

#include "starocean/base/clock.h"
#include "starocean/bench/cpu_thief.h"

namespace starocean::bench {
namespace {

constexpr uint64_t kFirstFrameMs = 10'000;
constexpr double kWarmUpSeconds = 0.3;
constexpr double kWarmUpPps = 200'000;
constexpr double kLeastRoughSeconds = 0.25;
constexpr double kRoughShare = 0.25;  // of a full trial
constexpr double kFirstFactor = 1.3;
constexpr double kLaterFactor = 1.04;
constexpr double kNdrOfPdr = 0.9;
constexpr double kVeryMany = 1e-9;
constexpr double kSoakOfPdr = 0.8;
// A machine shared with others may become slower by a third, and faster again, within minutes.
constexpr int kSearchesBeforeSoak = 5;

// All that lives during a turn, in the order in which it has to be made.
class TurnRun {
 public:
  TurnRun(const TurnOptions& options, DutInfo& info) : options_(options), info_(info) {}

  Status set_up();  // the wires: must work
  Status start_device();
  Status measure(Turn& turn);
  // Into `turn`, whatever became of it.
  void finish(Turn& turn) const;

 private:
  Result<Trial> trial(double pps, double seconds);
  Result<Trial> quiet_trial(double pps);
  void count(const Trial& trial);
  Result<RateFound> search(double loss_ratio, SearchStart start);
  Status measure_rates(Turn& turn);
  Status measure_delays(Turn& turn);
  Status measure_delay_over_load(Turn& turn);
  Status soak(Turn& turn);
  Status take_cpu_away();
  Status look_at_distance();
  uint32_t mtu() const {
    constexpr uint32_t kEthernet = 1500, kHeaderAndFcs = 18;
    return std::max(kEthernet, traffic_.longest_frame_bytes() - kHeaderAndFcs);
  }
  void say(const std::string& what) const {
    if (options_.progress) options_.progress(what);
  }

  const TurnOptions& options_;
  DutInfo& info_;
  TrafficSpec traffic_;
  std::unique_ptr<ForwardRig> rig_;
  std::unique_ptr<TrialRunner> runner_;
  std::unique_ptr<Dut> dut_;  // ends before its wires go
  std::optional<CpuThief> thief_;
  uint64_t thief_since_ns_ = 0;
  bool polls_finely_ = false;
  Turn counted_;  // sums over all trials
};

Status TurnRun::set_up() {
  dut_ = options_.type->make();
  traffic_ = options_.traffic;
  dut_->adapt(traffic_);
  auto rig = ForwardRig::create(mtu());
  if (!rig) return fail(rig.error());
  rig_ = std::move(*rig);
  auto runner = TrialRunner::create({.rig = rig_.get(),
                                     .traffic = traffic_,
                                     .placement = options_.placement,
                                     .check_at_sender = dut_->sends_back(),
                                     .routed = options_.type->job == DutJob::kRoute,
                                     .stop = options_.stop});
  if (!runner) return fail(runner.error());
  runner_ = std::move(*runner);
  counted_.engine = runner_->engine().name;
  counted_.engine_text = to_text(runner_->engine());
  counted_.engine_reason = runner_->engine().reason;
  return {};
}

Status TurnRun::start_device() {
  const DutSite site{.rig = *rig_,
                     .placement = options_.placement,
                     .directory = options_.directory,
                     .mtu = mtu(),
                     .macs = traffic_.source_mac.count + traffic_.destination_mac.count,
                     .rings = options_.rings};
  if (Status started = dut_->start(site); !started) return started;
  info_.version = dut_->version();
  info_.settings = dut_->settings();
  info_.receive_cpu = receive_cpu_of(options_);
  const bool back = dut_->sends_back();
  if (Status held = rig_->hold(options_.placement, info_.receive_cpu, back); !held) return held;
  runner_->watch({.receive_cpu = info_.receive_cpu,
                  .processes = dut_->processes(),
                  .counts = [this] { return dut_->counts(); }});
  if (Status forwarding = runner_->wait_until_forwarding(kFirstFrameMs); !forwarding) {
    const Status alive = dut_->health();
    return alive ? forwarding : alive;
  }
  Status ready = dut_->learns() ? runner_->teach() : Status{};
  return ready ? take_cpu_away() : ready;
}

Status TurnRun::take_cpu_away() {
  if (options_.forwarder_share >= 1) return {};
  auto thief = CpuThief::create(options_.placement.forwarder_cpu, options_.forwarder_share);
  if (!thief) return fail(thief.error());
  thief_.emplace(std::move(*thief));
  thief_since_ns_ = monotonic_ns();
  return {};
}

Status TurnRun::look_at_distance() {
  // The timer that polls more often while delay is measured would be taken for a neighbour on the core.
  if (polls_finely_) return {};
  auto found = measure_distance(options_.placement.generator_cpu, options_.placement.forwarder_cpu);
  if (!found) return fail(found.error());
  if (!counted_.distance) counted_.distance.emplace();
  counted_.distance->add(*found);
  return {};
}

Result<Trial> TurnRun::trial(double pps, double seconds) {
  if (Status looked = look_at_distance(); !looked) return fail(looked.error());
  auto trial = runner_->run(pps, seconds);
  if (!trial) return trial;
  if (Status alive = dut_->health(); !alive) return fail(alive.error());
  count(*trial);
  return trial;
}

// For delay, whose tail is the hypervisor's if that takes a CPU away: measured again then, whatever the device.
Result<Trial> TurnRun::quiet_trial(double pps) {
  for (uint32_t repeats = 0;; ++repeats) {
    auto found = trial(pps, options_.trial_seconds);
    if (!found || found->cpu.stolen_share() <= kQuietStolenShare || repeats == kMostDelayRepeats) {
      return found;
    }
    ++counted_.delay_repeats;
  }
}

void TurnRun::count(const Trial& trial) {
  ++counted_.trials;
  counted_.frames_verified += trial.received;
  counted_.corrupted += trial.corrupted;
  counted_.duplicates += trial.duplicates;
  counted_.reordered += trial.reordered;
  if (trial.received != 0) {
    counted_.least_share_in = std::min(counted_.least_share_in, trial.at_in.share);
    counted_.least_share_end = std::min(counted_.least_share_end, trial.at_end.share);
  }
  counted_.stolen_s +=
      seconds_of(trial.cpu.generator_cpu.stolen_ns) + seconds_of(trial.cpu.forwarder_cpu.stolen_ns);
}

Result<RateFound> TurnRun::search(double loss_ratio, SearchStart start) {
  const SearchGoal goal{
      .loss_ratio = loss_ratio,
      .precision = options_.precision,
      .trial_seconds = options_.trial_seconds,
      .rough_seconds = std::max(kLeastRoughSeconds, options_.trial_seconds * kRoughShare),
      .confirm_seconds = options_.trial_seconds,
      .votes = options_.votes,
      .max_trials = options_.max_trials};
  RateFound found;
  const auto one = [&](double pps, double seconds) -> Result<TrialVerdict> {
    auto done = trial(pps, seconds);
    if (!done) return fail(done.error());
    found.trial = *done;
    say(fmt::format("{} at {:.3f} Mpps: loss {:.4f} %", loss_ratio > 0 ? "PDR" : "NDR", pps / 1e6,
                    done->loss_ratio() * 100));
    return TrialVerdict{.offered_pps = done->offered_pps,
                        .loss_ratio = done->loss_ratio(),
                        .reached = done->reached};
  };
  auto result = search_rate(goal, start, one);
  if (!result) return fail(result.error());
  found.search = *result;
  return found;
}

Status TurnRun::measure_rates(Turn& turn) {
  if (options_.measures.flood) {
    say("flooding");
    auto flood = trial(0, options_.trial_seconds);
    if (!flood) return fail(flood.error());
    turn.flood = *flood;
  }
  if (options_.measures.pdr) {
    SearchStart start{.pps = options_.pdr_guess_pps, .factor = kLaterFactor};
    if (start.pps <= 0) {
      start = {.pps = turn.flood ? turn.flood->received_pps * kNdrOfPdr : 1e6,
               .factor = kFirstFactor};
    }
    auto pdr = search(options_.loss_ratio, start);
    if (!pdr) return fail(pdr.error());
    turn.pdr = *pdr;
  }
  if (options_.measures.ndr) {
    SearchStart start{.pps = options_.ndr_guess_pps, .factor = kLaterFactor};
    if (start.pps <= 0) {
      start = {.pps = turn.pdr && turn.pdr->search.pps > 0 ? turn.pdr->search.pps * kNdrOfPdr : 1e6,
               .factor = kFirstFactor};
    }
    auto ndr = search(0, start);
    if (!ndr) return fail(ndr.error());
    turn.ndr = *ndr;
  }
  return {};
}

Status TurnRun::measure_delays(Turn& turn) {
  say("measuring delay");
  // Polling more often takes a good part of a CPU, which AF_XDP needs for sending: at half of PDR it would be late.
  const bool long_frames = runner_->engine().af_xdp;
  if (!long_frames) {
    if (Status finer = rig_->set_poll_interval(kDelayPollIntervalNs); !finer) return finer;
    polls_finely_ = true;
  }
  if (turn.pdr && turn.pdr->search.pps > kVeryMany) {
    auto half = quiet_trial(turn.pdr->search.pps / 2);
    if (!half) return fail(half.error());
    turn.delay_half = *half;
  }
  if (options_.peer_pdr_pps > kVeryMany) {
    auto beside_peers = quiet_trial(options_.peer_pdr_pps / 2);
    if (!beside_peers) return fail(beside_peers.error());
    turn.delay_peer_half = *beside_peers;
  }
  if (long_frames) return {};  // so many a second are more than it sends
  auto common = quiet_trial(options_.common_pps);
  if (!common) return fail(common.error());
  turn.delay_common = *common;
  polls_finely_ = false;
  return rig_->set_poll_interval(kPollIntervalNs);
}

Status TurnRun::measure_delay_over_load(Turn& turn) {
  if (!runner_->engine().af_xdp) {
    if (Status finer = rig_->set_poll_interval(kDelayPollIntervalNs); !finer) return finer;
    polls_finely_ = true;
  }
  for (const double pps : options_.measures.delay_rates) {
    say(fmt::format("measuring delay at {:.0f} frames a second", pps));
    auto measured = quiet_trial(pps);
    if (!measured) return fail(measured.error());
    turn.delay_at.push_back(*measured);
  }
  return {};
}

Status TurnRun::soak(Turn& turn) {
  if (!turn.pdr || turn.pdr->search.pps < kVeryMany) return {};
  double least_pps = turn.pdr->search.pps;
  for (int i = 0; i < kSearchesBeforeSoak; ++i) {
    auto again = search(options_.loss_ratio, {.pps = least_pps, .factor = kLaterFactor});
    if (!again) return fail(again.error());
    if (again->search.pps > kVeryMany) least_pps = std::min(least_pps, again->search.pps);
  }
  say(fmt::format("{:.0f} s at 80 % of PDR", options_.measures.soak_seconds));
  auto done = runner_->soak(least_pps * kSoakOfPdr, options_.measures.soak_seconds);
  if (!done) return fail(done.error());
  count(done->trial);
  turn.soak = *done;
  return dut_->health();
}

Status TurnRun::measure(Turn& turn) {
  if (auto warm = trial(kWarmUpPps, std::min(kWarmUpSeconds, options_.trial_seconds)); !warm)
    return fail(warm.error());
  if (!options_.measures.delay_rates.empty()) return measure_delay_over_load(turn);
  Status measured = measure_rates(turn);
  if (measured && options_.measures.delay) measured = measure_delays(turn);
  if (measured && options_.measures.soak_seconds > 0) measured = soak(turn);
  return measured;
}

void TurnRun::finish(Turn& turn) const {
  turn.engine = counted_.engine;
  turn.engine_text = counted_.engine_text;
  turn.engine_reason = counted_.engine_reason;
  turn.trials = counted_.trials;
  turn.delay_repeats = counted_.delay_repeats;
  turn.frames_verified = counted_.frames_verified;
  turn.corrupted = counted_.corrupted;
  turn.duplicates = counted_.duplicates;
  turn.reordered = counted_.reordered;
  turn.least_share_in = counted_.least_share_in;
  turn.least_share_end = counted_.least_share_end;
  turn.stolen_s = counted_.stolen_s;
  turn.distance = counted_.distance;
  if (!thief_) return;
  turn.taken_share = static_cast<double>(thief_->taken_ns()) /
                     static_cast<double>(monotonic_ns() - thief_since_ns_);
}

}  // namespace

void TurnDistance::add(const CpuDistanceFound& found) {
  if (most_line_ns == 0) {
    distance = found.distance;
    least_line_ns = found.line_ns;
  }
  moved = moved || found.distance != distance;
  least_line_ns = std::min(least_line_ns, found.line_ns);
  most_line_ns = std::max(most_line_ns, found.line_ns);
}

int receive_cpu_of(const TurnOptions& options) {
  if (options.receive_cpu >= 0) return options.receive_cpu;
  const bool in_kernel =
      options.type->kind == DutKind::kKernel || options.type->kind == DutKind::kCeiling;
  return in_kernel ? options.placement.forwarder_cpu : options.placement.generator_cpu;
}

Result<Turn> measure_turn(const TurnOptions& options, DutInfo& info) {
  const uint64_t began_ns = monotonic_ns();
  TurnRun run(options, info);
  if (options.progress) options.progress("setting up");
  if (Status ready = run.set_up(); !ready) return fail(ready.error());
  Turn turn;
  Status done = run.start_device();
  if (done) done = run.measure(turn);
  if (!done) {
    turn.failure = done.error().message();
  }
  run.finish(turn);
  turn.failure_code = done ? 0 : done.error().code();
  turn.dut = info.name;
  turn.wall_s = seconds_of(monotonic_ns() - began_ns);
  return turn;
}

}  // namespace starocean::bench
