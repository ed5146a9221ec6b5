#include "starocean/bench/rx_trial.h"

#include <net/if.h>
#include <time.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "bpf/rx_path.h"
#include "starocean/bench/generator.h"
#include "starocean/bench/rx_thread.h"
#include "starocean/testbed/netns.h"

namespace starocean::bench {
namespace {

using testbed::NetNamespace;
using Progress = std::function<void(const RxProgress&)>;

constexpr auto kAddress = "198.19.0.1";  // TrafficSpec's destination
constexpr uint64_t kProgressNs = 250 * kNsPerMs;
constexpr uint64_t kFirstPacketNs = 10 * kNsPerSecond;
constexpr uint64_t kDrainNs = 10 * kNsPerSecond;
constexpr uint64_t kSnapshotNs = 200 * kNsPerUs;
constexpr int kSnapshotTries = 10;

struct Snapshot {
  uint64_t time_ns = 0;
  RxCounts counts;
  SendReport sent;
  testbed::CpuTime core;
  uint64_t napi_ns = 0;
  uint64_t program_ns = 0;
};

// CPU time of another process, to the nanosecond; 0 if it has gone.
uint64_t process_clock_ns(pid_t pid) {
  clockid_t clock = 0;
  timespec time{};
  if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &time) != 0) return 0;
  return static_cast<uint64_t>(time.tv_sec) * kNsPerSecond + static_cast<uint64_t>(time.tv_nsec);
}

void sleep_ns(uint64_t ns) {
  std::this_thread::sleep_for(std::chrono::nanoseconds(ns));
}

class Trial {
 public:
  Trial(const RxCase& what, const RxPathOptions& options, uint32_t number, const Progress& progress)
      : what_(what),
        options_(options),
        progress_(progress),
        // At most 15 characters, and no other process's: NAPI threads are found by the device's name.
        near_(fmt::format("g{}x{}", getpid(), number)),
        far_(fmt::format("r{}x{}", getpid(), number)) {}

  Status make_wire();
  Status open_rung();
  Status tune_device();
  Status make_generator();
  Result<RxMeasurement> measure(double pps);
  std::string missing() const { return rung_->missing(); }
  std::string granted() const {
    const std::string said = rung_->granted();
    return said.empty() || note_.empty() ? said + note_ : said + "; " + note_;
  }

 private:
  Status set_device(const std::string& file, uint32_t value) const;
  Status wait_for_first_packet() const;
  Result<Snapshot> read_once();
  Result<Snapshot> snapshot();
  Result<Snapshot> drained(const Snapshot& before);
  void show(const Snapshot& before, double pps);

  const RxCase& what_;
  const RxPathOptions& options_;
  const Progress& progress_;
  std::string near_, far_;
  std::unique_ptr<NetNamespace> sender_, receiver_;
  std::unique_ptr<RxRung> rung_;  // before the generator: it ends after it
  std::unique_ptr<Generator> generator_;
  std::vector<pid_t> napi_;
  std::string note_;
};

Status Trial::make_wire() {
  for (auto* where : {&sender_, &receiver_}) {
    auto made = NetNamespace::create();
    if (!made) return fail(made.error());
    *where = std::make_unique<NetNamespace>(std::move(*made));
  }
  // A new namespace inherits the machine's settings (net.core.devconf_inherit_init_net), and no route leads back to
  // the generator.
  for (const char* scope : {"all", "default"}) {
    const std::string filter = fmt::format("net.ipv4.conf.{}.rp_filter", scope);
    if (Status off = receiver_->sysctl(filter, "0"); !off) return off;
  }
  const TrafficSpec defaults;
  const testbed::WireEnd far{*receiver_, far_, defaults.destination_mac.first.to_string()};
  if (Status wire = testbed::make_wire({*sender_, near_}, far); !wire) return wire;
  return receiver_->do_run({"ip", "addr", "add", fmt::format("{}/24", kAddress), "dev", far_});
}

Status Trial::open_rung() {
  // Redirected frames are taken only by a device with a native XDP program, or with GRO, as real cards have it.
  if (!what_.native_xdp) {
    if (Status gro = receiver_->do_run({"ethtool", "-K", far_, "gro", "on"}); !gro) return gro;
  }
  const auto inside = receiver_->enter();
  const RxPlace place{.where = *receiver_,
                      .device = far_,
                      .ifindex = if_nametoindex(far_.c_str()),
                      .address = kAddress,
                      .cpu = options_.receive_cpu};
  auto rung = what_.open(place, what_.tuning);
  if (!rung) return fail(rung.error());
  rung_ = std::move(*rung);
  return {};
}

Status Trial::set_device(const std::string& file, uint32_t value) const {
  return receiver_->do_run(
      {"sh", "-c", fmt::format("echo {} > /sys/class/net/{}/{}", value, far_, file)});
}

Status Trial::tune_device() {
  const RxTuning& tuning = what_.tuning;
  if (tuning.defer_interrupts != 0) {
    if (Status set = set_device("napi_defer_hard_irqs", tuning.defer_interrupts); !set) return set;
    if (Status set = set_device("gro_flush_timeout", tuning.flush_timeout_ns); !set) return set;
  }
  if (!tuning.pin_receive) return {};
  const auto pinned = testbed::pin_napi({*receiver_, far_}, options_.receive_cpu);
  if (!pinned) return fail(pinned.error());
  napi_ = testbed::napi_threads(far_);
  for (const pid_t thread : napi_) {
    if (Status first = set_fifo(thread, receive_fifo(tuning.priority)); !first) {
      note_ = fmt::format("fair shares of the core: {}", first.error().message());
    }
  }
  return {};
}

Status Trial::make_generator() {
  const auto inside = sender_->enter();
  TrafficSpec traffic;
  traffic.frame_bytes = {options_.frame_bytes};
  traffic.flows = options_.flows;
  traffic.destination_port = {RX_PATH_PORT, 1};
  auto made =
      Generator::create({.device = near_, .traffic = traffic, .cpu = options_.generate_cpu});
  if (!made) return fail(made.error());
  generator_ = std::make_unique<Generator>(std::move(*made));
  return {};
}

Result<Snapshot> Trial::read_once() {
  Snapshot now;
  now.time_ns = monotonic_ns();
  auto counts = rung_->counts();
  if (!counts) return fail(counts.error());
  now.counts = std::move(*counts);
  now.sent = generator_->read();
  const auto core = testbed::cpu_time(options_.receive_cpu);
  if (!core) return fail(core.error());
  now.core = *core;
  for (const pid_t thread : napi_) now.napi_ns += process_clock_ns(thread);
  now.program_ns = rung_->thread_ns();
  return now;
}

// The generator's thread may have to wait for its core.
Status Trial::wait_for_first_packet() const {
  const uint64_t deadline_ns = monotonic_ns() + kFirstPacketNs;
  while (generator_->read().sent == 0) {
    if (Status outcome = generator_->outcome(); !outcome) return outcome;
    if (monotonic_ns() >= deadline_ns) {
      return fail("cannot measure", fmt::format("in {} s no packet got onto the wire",
                                                kFirstPacketNs / kNsPerSecond));
    }
    sleep_ns(kNsPerMs);
  }
  return {};
}

// What is read one after the other is to be of one moment: again, while something came in between.
Result<Snapshot> Trial::snapshot() {
  for (int i = 0;; ++i) {
    auto now = read_once();
    if (!now || i == kSnapshotTries || monotonic_ns() - now->time_ns < kSnapshotNs) return now;
  }
}

// When all that was on the wire has come to its end; or after kDrainNs, and then the books do not balance.
Result<Snapshot> Trial::drained(const Snapshot& before) {
  const uint64_t deadline_ns = monotonic_ns() + kDrainNs;
  for (;;) {
    auto now = read_once();
    if (!now) return now;
    const uint64_t ended = now->counts.handled + now->counts.lost_sum() - before.counts.handled -
                           before.counts.lost_sum();
    if (ended >= now->sent.sent || monotonic_ns() >= deadline_ns) return now;
    sleep_ns(2 * kNsPerMs);
  }
}

void Trial::show(const Snapshot& before, double pps) {
  if (!progress_) return;
  const auto now = read_once();
  if (!now) return;
  const double seconds = static_cast<double>(now->time_ns - before.time_ns) / 1e9;
  progress_({fmt::format(
      "{} {}: {:.2f} Mpps", what_.name, pps == 0 ? "flood" : "at rate",
      static_cast<double>(now->counts.handled - before.counts.handled) / seconds / 1e6)});
}

std::vector<NamedCount> difference(std::vector<NamedCount> later,
                                   const std::vector<NamedCount>& earlier) {
  for (size_t i = 0; i < later.size(); ++i) later[i].packets -= earlier[i].packets;
  return later;
}

Result<RxMeasurement> Trial::measure(double pps) {
  const auto start = snapshot();
  if (!start) return fail(start.error());
  if (Status begun = generator_->start({.frames_per_second = pps}); !begun) {
    return fail(begun.error());
  }
  if (Status flows = wait_for_first_packet(); !flows) return fail(flows.error());
  sleep_ns(options_.warm_up_ns);
  const auto first = snapshot();
  if (!first) return fail(first.error());
  const uint64_t end_ns = first->time_ns + options_.measure_ns;
  for (uint64_t now_ns = monotonic_ns(); now_ns < end_ns; now_ns = monotonic_ns()) {
    sleep_ns(std::min(end_ns - now_ns, kProgressNs));
    if (monotonic_ns() < end_ns) show(*first, pps);
  }
  const auto last = snapshot();
  generator_->stop();
  if (!last) return fail(last.error());
  if (Status outcome = generator_->outcome(); !outcome) return fail(outcome.error());
  const auto rest = drained(*start);
  if (!rest) return fail(rest.error());
  return RxMeasurement{.seconds = static_cast<double>(last->time_ns - first->time_ns) / 1e9,
                       .handled = last->counts.handled - first->counts.handled,
                       .on_wire = last->sent.sent - first->sent.sent,
                       .generated = last->sent.generated - first->sent.generated,
                       .receive_core = last->core - first->core,
                       .napi_ns = last->napi_ns - first->napi_ns,
                       .program_ns = last->program_ns - first->program_ns,
                       .total_generated = rest->sent.generated,
                       .total_on_wire = rest->sent.sent,
                       .total = {.handled = rest->counts.handled - start->counts.handled,
                                 .lost = difference(rest->counts.lost, start->counts.lost),
                                 .beside = difference(rest->counts.beside, start->counts.beside)}};
}

}  // namespace

Result<RxTrialOutcome> run_rx_trial(const RxCase& what, const RxPathOptions& options,
                                    uint32_t number, const Progress& progress) {
  const auto refuse = [&](const Error& error) { return fail(error.in(what.name)); };
  Trial trial(what, options, number, progress);
  if (Status wire = trial.make_wire(); !wire) return refuse(wire.error());
  RxTrialOutcome outcome;
  if (Status open = trial.open_rung(); !open) {
    outcome.unavailable = open.error().message();
    return outcome;
  }
  if (Status tuned = trial.tune_device(); !tuned) return refuse(tuned.error());
  if (Status made = trial.make_generator(); !made) return refuse(made.error());
  outcome.trial.granted = trial.granted();
  const auto load = [&](double pps, std::optional<RxMeasurement>& into) -> Status {
    auto measured = trial.measure(pps);
    if (!measured) return fail(measured.error().in(what.name));
    into = std::move(*measured);
    return {};
  };
  if (!what.only_at_rate) {
    if (Status done = load(0, outcome.trial.flood); !done) return fail(done.error());
  }
  outcome.unavailable = trial.missing();
  if (options.rate_pps > 0 && outcome.unavailable.empty()) {
    if (Status done = load(options.rate_pps, outcome.trial.at_rate); !done) {
      return fail(done.error());
    }
  }
  return outcome;
}

}  // namespace starocean::bench
