#include "starocean/bench/forward_trial.h"

#include <cerrno>
#include <chrono>
#include <optional>
#include <thread>

#include <fmt/format.h>

#include "starocean/base/clock.h"
#include "starocean/bench/receiver.h"
#include "starocean/bench/soak_watch.h"

namespace starocean::bench {
namespace {

using testbed::CpuTime;

// Generator and receive processing share a CPU: a batch of one or two frames would make the generator late, and at rates
// that may take all of the CPU, one of 16 costs it a tenth.
constexpr uint32_t kBatch = 16;
constexpr uint32_t kLargeBatch = 64;
constexpr double kLargeBatchPps = 700'000;
// A generator that has lost its CPU to something else would make up for it with a burst at several times the rate, which
// overflows any device; what is measured is the rate. As much as 200 frames at 800,000 a second, less than a veth's ring.
constexpr uint64_t kPatienceNs = 250 * kNsPerUs;
constexpr uint64_t kPollMs = 20;
constexpr double kReachedShare = 0.97;  // of the rate asked for; what counts is the rate offered
constexpr uint64_t kQuietNs = 60 * kNsPerMs;
constexpr uint64_t kResidualNs = 2 * kNsPerSecond;
constexpr uint64_t kOverrunMs = 3000;  // that a generator may take longer than asked
constexpr uint32_t kFirstStream = 1;
constexpr uint32_t kLastStream = 15;
constexpr double kTeachingPps[] = {250'000, 250'000, 100'000, 50'000, 50'000};  // round by round
constexpr uint64_t kFewestTaught = 64;  // frames: one alone may be lost while a device starts
constexpr uint32_t kSmallWindow = 256;
constexpr uint32_t kManyFlows = 1 << 16;

uint32_t batch_of_trial(double pps) {
  if (pps <= 0) return 0;
  return pps < kLargeBatchPps ? kBatch : kLargeBatch;
}

// Frames of one flow within a trial are few when there are many flows; a small window saves the
// checker cache misses that would be the instrument's, not the device's.
uint32_t window_for(uint32_t flows) {
  return flows >= kManyFlows ? kSmallWindow : 0;
}

// One frame for every pair of stations.
TrafficSpec teaching_traffic(const TrafficSpec& traffic) {
  TrafficSpec teaching = traffic;
  teaching.frame_bytes = {traffic.shortest_frame_bytes()};
  teaching.random_order = false;
  teaching.flows = static_cast<uint32_t>(
      std::max<uint64_t>({1, traffic.source_mac.count, traffic.destination_mac.count}));
  return teaching;
}

TrafficSpec backwards(TrafficSpec traffic) {
  std::swap(traffic.source, traffic.destination);
  std::swap(traffic.source_mac, traffic.destination_mac);
  std::swap(traffic.source_port, traffic.destination_port);
  return traffic;
}

DelaySummary summary_of(const DelayHistogram& delays) {
  constexpr double kP50 = 0.5, kP90 = 0.9, kP99 = 0.99, kP999 = 0.999;
  return {.count = delays.count(),
          .mean_ns = delays.mean_ns(),
          .p50_ns = delays.quantile_ns(kP50),
          .p90_ns = delays.quantile_ns(kP90),
          .p99_ns = delays.quantile_ns(kP99),
          .p999_ns = delays.quantile_ns(kP999),
          .max_ns = delays.max_ns()};
}

ReceivePlace place_of(const std::vector<NapiCount>& before, const std::vector<NapiCount>& after,
                      int cpu) {
  NapiCount there, all;
  for (size_t i = 0; i < after.size(); ++i) {
    const NapiCount here{.polls = after[i].polls - before[i].polls,
                         .frames = after[i].frames - before[i].frames};
    if (i == static_cast<size_t>(cpu)) there = here;
    all.polls += here.polls;
    all.frames += here.frames;
  }
  if (all.frames == 0) return {};
  return {.share = static_cast<double>(there.frames) / static_cast<double>(all.frames),
          .frames_per_poll = static_cast<double>(all.frames) / static_cast<double>(all.polls)};
}

}  // namespace

tl::unexpected<Error> interrupted() {
  return fail("cannot go on measuring", "interrupted", {}, EINTR);
}

struct TrialRunner::State {
  State(Options wanted, Receiver checker, std::unique_ptr<SendEngine> sender)
      : options(std::move(wanted)), receiver(std::move(checker)), generator(std::move(sender)) {}

  struct CpuMark {
    uint64_t at_ns = 0;
    CpuTime generator_cpu, forwarder_cpu, process;
    std::vector<NapiCount> at_in, at_end;
  };
  CpuMark mark() const;
  CpuUse between(const CpuMark& before, const CpuMark& after) const;
  bool stopping() const { return options.stop != nullptr && *options.stop; }
  Status send(SendEngine& from, const Load& load);
  void wait_for_residual(uint64_t generated) const;
  Status teach_one_way(bool forwards);
  void look_each_second(const SendEngine& from);

  Options options;
  Receiver receiver;
  std::unique_ptr<SendEngine> generator;
  Watched watched;
  uint32_t stream = kFirstStream;
  SoakWatch* soaking = nullptr;  // while soak() runs
};

TrialRunner::State::CpuMark TrialRunner::State::mark() const {
  CpuMark mark;
  mark.at_ns = monotonic_ns();
  if (auto time = testbed::cpu_time(options.placement.generator_cpu)) mark.generator_cpu = *time;
  if (auto time = testbed::cpu_time(options.placement.forwarder_cpu)) mark.forwarder_cpu = *time;
  for (const pid_t process : watched.processes) {
    const auto time = testbed::process_time(process);
    if (!time) continue;
    mark.process.user_ns += time->user_ns;
    mark.process.system_ns += time->system_ns;
  }
  mark.at_in = options.rig->received_at_in();
  mark.at_end = options.rig->received_at_end();
  return mark;
}

CpuUse TrialRunner::State::between(const CpuMark& before, const CpuMark& after) const {
  return {.wall_s = seconds_of(after.at_ns - before.at_ns),
          .generator_cpu = after.generator_cpu - before.generator_cpu,
          .forwarder_cpu = after.forwarder_cpu - before.forwarder_cpu,
          .process = after.process - before.process};
}

void TrialRunner::State::look_each_second(const SendEngine& from) {
  if (soaking == nullptr || !soaking->due(monotonic_ns())) return;
  const ReceiveReport got = receiver.read();
  soaking->look(monotonic_ns(), from.read().generated, got.distinct() + got.unattributed);
}

// Until the run is over.
Status TrialRunner::State::send(SendEngine& from, const Load& load) {
  if (stopping()) return interrupted();
  if (Status started = from.start(load); !started) return started;
  uint64_t longest_ns = load.duration_ns;
  if (load.count != 0 && load.frames_per_second > 0) {
    longest_ns = static_cast<uint64_t>(static_cast<double>(load.count) / load.frames_per_second *
                                       static_cast<double>(kNsPerSecond));
  }
  const uint64_t deadline_ns = monotonic_ns() + longest_ns + kOverrunMs * kNsPerMs;
  while (!from.wait(kPollMs)) {
    look_each_second(from);
    if (stopping() || monotonic_ns() > deadline_ns) {
      from.stop();
      break;
    }
  }
  if (stopping()) return interrupted();
  return from.outcome();
}

void TrialRunner::State::wait_for_residual(uint64_t generated) const {
  const uint64_t deadline_ns = monotonic_ns() + kResidualNs;
  uint64_t seen = receiver.read().received;
  uint64_t last_change_ns = monotonic_ns();
  while (seen < generated && !stopping()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    const uint64_t now_ns = monotonic_ns();
    const uint64_t received = receiver.read().received;
    if (received != seen) last_change_ns = now_ns;
    seen = received;
    if (now_ns > deadline_ns || now_ns - last_change_ns > kQuietNs) return;
  }
}

Status TrialRunner::State::teach_one_way(bool forwards) {
  const ForwardRig& rig = *options.rig;
  const auto& from = forwards ? rig.sender() : rig.sink();
  const auto& to = forwards ? rig.sink() : rig.sender();
  const char* from_device = forwards ? ForwardRig::kGenerator : ForwardRig::kSink;
  TrafficSpec traffic = teaching_traffic(options.traffic);
  if (!forwards) traffic = backwards(traffic);
  std::optional<Receiver> checker;
  if (!forwards) {
    const auto inside = to.enter();
    auto made = Receiver::create(
        {.device = ForwardRig::kGenerator, .flows = traffic.flows, .window = kSmallWindow});
    if (!made) return fail(made.error());
    checker.emplace(std::move(*made));
  }
  const auto inside = from.enter();
  auto teacher = SendEngine::make(
      {.device = from_device, .traffic = traffic, .cpu = options.placement.generator_cpu});
  if (!teacher) return fail(teacher.error());
  Receiver& counter = forwards ? receiver : *checker;
  const uint64_t count = std::max<uint64_t>(traffic.flows, kFewestTaught);
  size_t taught = 0;
  counter.reset(0);
  for (const double pps : kTeachingPps) {
    if (Status sent = send(**teacher, {.frames_per_second = pps, .count = count}); !sent) {
      return sent;
    }
    std::this_thread::sleep_for(std::chrono::nanoseconds(kQuietNs));
    taught = counter.flows().size();
    if (taught == traffic.flows) return {};
  }
  return fail("cannot teach the device under test all addresses",
              fmt::format("of {} on each side, {} were in no frame that came out {}", traffic.flows,
                          traffic.flows - taught, forwards ? "at the end" : "at the beginning"));
}

TrialRunner::TrialRunner(std::unique_ptr<State> state) : state_(std::move(state)) {}
TrialRunner::~TrialRunner() = default;

Result<std::unique_ptr<TrialRunner>> TrialRunner::create(const Options& options) {
  const ForwardRig& rig = *options.rig;
  std::optional<net::MacAddress> next_hop;
  if (options.routed) next_hop = *net::MacAddress::parse(ForwardRig::kSinkMac);
  auto receiver = [&] {
    const auto inside = options.check_at_sender ? rig.sender().enter() : rig.sink().enter();
    return Receiver::create(
        {.device = options.check_at_sender ? ForwardRig::kGenerator : ForwardRig::kSink,
         .flows = options.traffic.flows,
         .stream = kFirstStream,
         .window = window_for(options.traffic.flows),
         .mode = xsk::AttachMode::kNative,
         .next_hop = next_hop});
  }();
  if (!receiver) return fail(receiver.error());
  auto generator = [&] {
    const auto inside = rig.sender().enter();
    return SendEngine::make({.device = ForwardRig::kGenerator,
                             .traffic = options.traffic,
                             .cpu = options.placement.generator_cpu});
  }();
  if (!generator) return fail(generator.error());
  return std::unique_ptr<TrialRunner>(new TrialRunner(
      std::make_unique<State>(options, std::move(*receiver), std::move(*generator))));
}

const EngineInfo& TrialRunner::engine() const {
  return state_->generator->info();
}

void TrialRunner::watch(Watched watched) {
  state_->watched = std::move(watched);
}

Status TrialRunner::wait_until_forwarding(uint64_t timeout_ms) {
  constexpr double kPps = 2000;
  constexpr uint64_t kFrames = 20;
  const uint64_t deadline_ns = monotonic_ns() + timeout_ms * kNsPerMs;
  while (monotonic_ns() < deadline_ns) {
    state_->receiver.reset(0);
    if (Status sent =
            state_->send(*state_->generator, {.frames_per_second = kPps, .count = kFrames});
        !sent) {
      return sent;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(kPollMs));
    if (state_->receiver.read().received != 0) return {};
  }
  return fail("cannot measure it", fmt::format("no frame came out within {} ms", timeout_ms));
}

Status TrialRunner::teach() {
  Status taught = state_->teach_one_way(false);
  if (taught) taught = state_->teach_one_way(true);
  return taught;
}

Result<Trial> TrialRunner::run(double pps, double seconds) {
  State& state = *state_;
  const Load load{.frames_per_second = pps,
                  .duration_ns = static_cast<uint64_t>(seconds * static_cast<double>(kNsPerSecond)),
                  .stream = state.stream,
                  .batch = batch_of_trial(pps),
                  .patience_ns = kPatienceNs};
  state.stream = state.stream == kLastStream ? kFirstStream : state.stream + 1;
  state.receiver.reset(load.stream);
  const DutCounts counts_before = state.watched.counts ? state.watched.counts() : DutCounts{};
  const State::CpuMark before = state.mark();
  if (Status sent = state.send(*state.generator, load); !sent) return fail(sent.error());
  const State::CpuMark after = state.mark();
  const SendReport sent = state.generator->read();
  state.wait_for_residual(sent.generated);
  const DutCounts counts_after = state.watched.counts ? state.watched.counts() : DutCounts{};
  const ReceiveReport got = state.receiver.read();
  Trial trial;
  trial.asked_pps = pps;
  trial.seconds = seconds;
  trial.offered_pps = sent.generated_per_second();
  trial.received_pps = got.received_per_second();
  trial.generated = sent.generated;
  trial.refused = sent.dropped;
  trial.received = got.distinct();
  trial.lost = got.lost(sent.generated);
  trial.duplicates = got.duplicates;
  trial.reordered = got.reordered;
  trial.corrupted = got.corrupted;
  trial.uncertain = got.beyond_window + got.contended + got.unknown_flow;
  trial.max_late_ns = sent.max_late_ns;
  trial.reached = pps <= 0 || trial.offered_pps >= pps * kReachedShare;
  trial.skipped_ns = sent.skipped_ns;
  trial.sent_delay = summary_of(got.sent_delay);
  trial.scheduled_delay = summary_of(got.scheduled_delay);
  trial.cpu = state.between(before, after);
  trial.at_in = place_of(before.at_in, after.at_in, state.watched.receive_cpu);
  trial.at_end = place_of(before.at_end, after.at_end, state.options.placement.checker_cpu);
  if (counts_before.system_calls && counts_after.system_calls && trial.received != 0) {
    trial.system_calls_per_packet =
        static_cast<double>(*counts_after.system_calls - *counts_before.system_calls) /
        static_cast<double>(trial.received);
  }
  if (counts_before.flooded && counts_after.flooded) {
    trial.flooded = *counts_after.flooded - *counts_before.flooded;
  }
  if (counts_before.redirected && counts_after.redirected) {
    trial.redirected = *counts_after.redirected - *counts_before.redirected;
  }
  if (counts_before.routed && counts_after.routed) {
    trial.routed = *counts_after.routed - *counts_before.routed;
  }
  return trial;
}

Result<Soak> TrialRunner::soak(double pps, double seconds) {
  const auto resident_bytes = [this] {
    uint64_t sum = 0;
    for (const pid_t process : state_->watched.processes) {
      if (const auto bytes = testbed::process_resident_bytes(process)) sum += *bytes;
    }
    return sum;
  };
  Soak soak;
  soak.resident_before_bytes = resident_bytes();
  auto absences = AbsenceWatch::start(state_->options.placement.forwarder_cpu);
  if (!absences) return fail(absences.error());
  SoakWatch watch;
  state_->soaking = &watch;
  auto trial = run(pps, seconds);
  state_->soaking = nullptr;
  if (!trial) return fail(trial.error());
  const auto away = (*absences)->stop();
  soak.absences = sums_of(away);
  soak.by_absence =
      watch.finish(monotonic_ns(), trial->generated, trial->generated - trial->lost, away);
  soak.trial = *trial;
  soak.resident_after_bytes = resident_bytes();
  if (state_->watched.counts) soak.frames_missing = state_->watched.counts().frames_missing;
  return soak;
}

}  // namespace starocean::bench
