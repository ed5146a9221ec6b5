#include "starocean/wan/run_wan.h"

#include <poll.h>
#include <signal.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <mutex>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "starocean/base/clock.h"
#include "starocean/base/log.h"
#include "starocean/base/rlimits.h"
#include "starocean/control/api_server.h"
#include "starocean/control/port_manager.h"
#include "starocean/control/privileges.h"
#include "starocean/wan/report.h"
#include "starocean/xsk/link_monitor.h"

namespace starocean::wan {
namespace {

constexpr int kTickMs = 1000;
constexpr uint64_t kStatusLineNs = 60 * kNsPerSecond;
constexpr uint64_t kFrameBytes = 2048;

// The daemon's, and what real-time priority takes.
constexpr cap_value_t kCapabilities[] = {CAP_NET_ADMIN, CAP_NET_RAW,  CAP_BPF,
                                         CAP_PERFMON,   CAP_IPC_LOCK, CAP_SYS_NICE};

uint64_t seed_by_chance() {
  uint64_t seed = 0;
  if (getrandom(&seed, sizeof seed, 0) != sizeof seed) seed = monotonic_ns();
  return seed & kMostSeed;
}

class Wan {
 public:
  explicit Wan(const WanOptions& options) : options_(options) {}
  ~Wan() {
    if (signal_fd_ >= 0) close(signal_fd_);
  }
  Wan(const Wan&) = delete;
  Wan& operator=(const Wan&) = delete;

  Status start(control::SocketClaim claim);
  Status loop();
  void finish();

 private:
  Status watch_signals();
  Status open_emulator();
  Status serve(control::SocketClaim claim);
  Status on_link(const xsk::LinkInfo& link);
  Status read_links();

  WanOptions options_;
  int signal_fd_ = -1;
  std::optional<xsk::LinkMonitor> links_;
  std::mutex change_mutex_;  // of current_, and so that changes come one after the other
  LinkPair current_;
  std::unique_ptr<Emulator> emulator_;
  std::unique_ptr<control::ApiServer> api_;
};

Status Wan::watch_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  signal_fd_ = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
  if (signal_fd_ < 0) return fail_system("cannot watch for signals", errno);
  return {};
}

Status Wan::open_emulator() {
  // The monitor before the look, so that no change in between is missed.
  auto monitor = xsk::LinkMonitor::open();
  if (!monitor) return fail(monitor.error());
  links_.emplace(std::move(*monitor));
  std::array<dataplane::LinkState, kSides> states;
  for (size_t side = 0; side < kSides; ++side) {
    auto state = control::read_link_state(options_.emulator.devices[side]);
    if (!state) return fail(state.error());
    states[side] = *state;
  }
  if (states[0].ifindex == states[1].ifindex) {
    return fail("cannot emulate a link", "its two ends are the same interface",
                "name two with --a and --b");
  }
  auto emulator = Emulator::open(options_.emulator, states);
  if (!emulator) return fail(emulator.error());
  emulator_ = std::move(*emulator);
  return {};
}

Status Wan::start(control::SocketClaim claim) {
  if (Status watching = watch_signals(); !watching) return watching;
  current_ = options_.emulator.links;
  options_.emulator.seed = options_.seed.value_or(seed_by_chance());
  if (Status opened = open_emulator(); !opened) return opened;
  auto kept = control::keep_capabilities(kCapabilities);
  if (!kept) return fail(kept.error());
  std::string note;
  if (Status started = emulator_->start(note); !started) return started;
  if (!note.empty()) log_warning("{}", note);
  if (Status served = serve(std::move(claim)); !served) return served;
  const EmulatorStatus status = emulator_->status();
  for (const SideStatus& side : status.sides) {
    log_info("interface '{}': {} XDP, {}, {} queues, MTU {}{}{}", side.device, side.attach,
             side.zero_copy ? "zero-copy" : "copy mode", side.queues, side.mtu_bytes,
             side.multi_buffer ? ", packets of several frames" : "", side.up ? "" : ", down");
  }
  log_info("the link is there; seed {}, room for {} frames under way in each direction, socket {}",
           status.seed, status.capacity_frames, options_.socket_path);
  return {};
}

Status Wan::serve(control::SocketClaim claim) {
  control::ApiHandlers handlers;
  const auto page = [this] {
    return control::ApiPage{"application/json", control::to_text(status_json(emulator_->status()))};
  };
  handlers.pages["/v1/wan"] = page;
  handlers.pages["/metrics"] = [this] {
    return control::ApiPage{"text/plain; version=0.0.4; charset=utf-8",
                            metrics_text(emulator_->status())};
  };
  handlers.actions["/v1/wan"] = [this, page](const std::string& body) -> Result<control::ApiPage> {
    const std::lock_guard lock(change_mutex_);
    LinkPair changed = current_;
    if (Status good = apply_change(changed, body); !good) return fail(good.error());
    if (Status set = emulator_->set(changed); !set) return fail(set.error());
    current_ = changed;
    return page();
  };
  control::ApiOptions api;
  api.socket = std::move(claim);
  api.listen = options_.listen;
  auto server = control::ApiServer::start(std::move(api), std::move(handlers));
  if (!server) return fail(server.error());
  api_ = std::move(*server);
  return {};
}

Status Wan::on_link(const xsk::LinkInfo& link) {
  for (size_t side = 0; side < kSides; ++side) {
    if (link.ifindex != emulator_->ifindex(side)) continue;
    const std::string& device = options_.emulator.devices[side];
    if (link.removed) {
      return fail(fmt::format("interface '{}' is gone", device), "its device was deleted",
                  "start again when it is back");
    }
    emulator_->set_link(side, link.up && link.carrier, link.mtu);
    if (!emulator_->carries(side, link.mtu)) {
      log_warning(
          "interface '{}' now has an MTU of {}, for which it is not attached: the kernel drops "
          "longer packets than one frame holds; start again to carry them",
          device, link.mtu);
    }
  }
  return {};
}

Status Wan::read_links() {
  Status done;
  const Status read = links_->read([&](const xsk::LinkInfo& link) {
    if (done) done = on_link(link);
  });
  if (!read) log_warning("{}", read.error().message());
  return done;
}

Status Wan::loop() {
  uint64_t next_status_ns = monotonic_ns() + kStatusLineNs;
  while (true) {
    pollfd watched[] = {{.fd = signal_fd_, .events = POLLIN, .revents = 0},
                        {.fd = links_->fd(), .events = POLLIN, .revents = 0}};
    if (::poll(watched, std::size(watched), kTickMs) < 0 && errno != EINTR) {
      return fail_system("cannot wait for events", errno);
    }
    if (watched[0].revents != 0) return {};
    if (watched[1].revents != 0) {
      if (Status links = read_links(); !links) return links;
    }
    if (monotonic_ns() < next_status_ns) continue;
    next_status_ns += kStatusLineNs;
    log_info("{}", status_line(emulator_->status()));
  }
}

void Wan::finish() {
  if (!emulator_) return;
  emulator_->stop();
  // The control socket last: whoever starts the next emulator finds both interfaces free.
  api_.reset();
  const EmulatorStatus status = emulator_->status();
  log_info("{}", status_line(status));
  if (status.frames_free == status.frames) {
    log_info("all {} frames are accounted for", status.frames);
  } else {
    log_error("of {} frames {} are accounted for: this is a defect", status.frames,
              status.frames_free);
  }
}

}  // namespace

Status run_wan(const WanOptions& options) {
  for (const std::string& note : lift_resource_limits()) log_info("{}", note);
  if (Status allowed = control::need_privileges(options.emulator.frames * kFrameBytes); !allowed) {
    return allowed;
  }
  auto claim = control::SocketClaim::take(options.socket_path);
  if (!claim) return fail(claim.error());
  Wan wan(options);
  Status done = wan.start(std::move(*claim));
  if (done) done = wan.loop();
  wan.finish();
  return done;
}

}  // namespace starocean::wan
