// `starocean run`, top to bottom: run_daemon() at the end of the file reads as its life.

#include "starocean/control/daemon.h"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "starocean/base/clock.h"
#include "starocean/base/cpu_affinity.h"
#include "starocean/base/log.h"
#include "starocean/base/rlimits.h"
#include "starocean/control/api_server.h"
#include "starocean/control/collect_explain.h"
#include "starocean/control/collect_routing.h"
#include "starocean/control/collect_status.h"
#include "starocean/control/collect_vlans.h"
#include "starocean/control/config.h"
#include "starocean/control/config_value.h"
#include "starocean/control/doctor.h"
#include "starocean/control/engine_options.h"
#include "starocean/control/port_manager.h"
#include "starocean/control/privileges.h"
#include "starocean/control/routing_manager.h"
#include "starocean/control/status_line.h"
#include "starocean/control/version.h"
#include "starocean/dataplane/engine.h"
#include "starocean/xsk/link_monitor.h"

namespace starocean::control {
namespace {

constexpr int kTickMs = 250;
constexpr uint64_t kRetryMs = 2'000;

uint64_t now_ms() {
  return monotonic_ns() / kNsPerMs;
}

// What `starocean doctor` would say of the machine and the interfaces, before they are taken.
void log_findings(const Config& config) {
  for (const doctor::Finding& finding : doctor::examine_at_start(config)) {
    const std::string subject =
        finding.interface.empty() ? "" : fmt::format("interface '{}': ", finding.interface);
    const std::string remedy =
        finding.remedy.empty() ? "" : fmt::format("; remedy: `{}`", finding.remedy);
    log_warning("{}{} ({}){}", subject, finding.text, finding.id, remedy);
  }
}

// SIGTERM and SIGINT end, SIGHUP reloads. Blocked in this thread and those it starts.
Result<int> make_signal_fd() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  const int fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
  if (fd < 0) return fail_system("cannot watch for signals", errno);
  return fd;
}

class Daemon {
 public:
  Daemon(RunOptions options, Config config)
      : options_(std::move(options)), config_(std::move(config)) {}
  ~Daemon() {
    if (signal_fd_ >= 0) close(signal_fd_);
  }
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  Status start(SocketClaim claim);
  Status loop();
  void finish();

 private:
  Status start_engine();
  Status start_api(SocketClaim claim);
  void add_routing_pages(ApiHandlers& handlers);
  Status reload();
  bool handle_signals();
  void tick(uint64_t now);
  std::vector<int> routing_fds();
  DaemonStatus status();

  const RunOptions options_;
  Config config_;
  std::string node_;
  int signal_fd_ = -1;
  uint64_t started_ms_ = now_ms();
  uint64_t next_retry_ms_ = 0;
  uint64_t next_status_ms_ = 0;
  std::mutex mutex_;  // of all that follows: the loop below, and the API's threads
  bool ending_ = false;
  bool routing_behind_ = false;  // there is news of Linux's that has not been read
  std::unique_ptr<dataplane::Engine> engine_;
  std::unique_ptr<PortManager> ports_;
  std::unique_ptr<RoutingManager> routing_;
  std::optional<xsk::LinkMonitor> links_;
  std::unique_ptr<ApiServer> api_;
};

Status Daemon::start(SocketClaim claim) {
  auto signals = make_signal_fd();
  if (!signals) return fail(signals.error());
  signal_fd_ = *signals;
  // Before there are other threads. A worker whose CPU another thread uses lets packets wait for milliseconds.
  if (leave_cpus(config_.workers.cpus)) {
    log_info("CPUs {} are the workers'; all else here runs on {}",
             fmt::join(config_.workers.cpus, ", "), fmt::join(allowed_cpus(), ", "));
  }
  node_ = config_.node;
  if (node_.empty()) {
    std::array<char, 256> name{};
    gethostname(name.data(), name.size() - 1);
    node_ = name.data();
  }
  if (Status engine = start_engine(); !engine) return engine;
  auto kept = keep_capabilities(kDaemonCapabilities);
  if (!kept) return fail(kept.error());
  log_info("{}", *kept);
  if (Status workers = engine_->start_workers(); !workers) return workers;
  if (Status api = start_api(std::move(claim)); !api) return api;
  next_status_ms_ = now_ms() + uint64_t{options_.status_interval_s} * 1000;
  log_info("node '{}' forwards; {} interfaces, {} workers, socket {}", node_,
           config_.interfaces.size(), engine_->workers().size(), options_.socket_path);
  return {};
}

Status Daemon::start_engine() {
  if (Status devices = check_devices(config_, {}); !devices) return devices;
  log_findings(config_);
  dataplane::EngineOptions wanted = engine_options(config_);
  wanted.left_programs_path = options_.socket_path + ".left";
  auto engine = dataplane::Engine::create(wanted);
  if (!engine) return fail(engine.error());
  engine_ = std::move(*engine);
  ports_ = std::make_unique<PortManager>(*engine_);
  routing_ = std::make_unique<RoutingManager>(*engine_, *ports_);
  engine_->on_loop = [this](const dataplane::LoopDetector::Loop& loop) {
    log_warning(
        "loop: {} in bridge '{}' moves between interfaces again and again; unplug one of "
        "the cables between them (`starocean show interfaces` names them)",
        dataplane::mac_from_u64(loop.mac).to_string(), engine_->bridge_name(loop.bridge));
  };
  // The monitor before the ports, so that no change in between is missed.
  auto links = xsk::LinkMonitor::open();
  if (!links) return fail(links.error());
  links_.emplace(std::move(*links));
  if (Status applied = ports_->apply(config_); !applied) return applied;
  if (Status routed = routing_->apply(config_); !routed) return routed;
  return engine_->release_left();
}

Status Daemon::start_api(SocketClaim claim) {
  ApiHandlers handlers;
  handlers.status = [this] {
    const std::lock_guard lock(mutex_);
    return status();
  };
  handlers.fdb = [this] {
    const std::lock_guard lock(mutex_);
    return collect_fdb(*engine_, now_ms());
  };
  handlers.pages["/v1/vlans"] = [this] {
    const std::lock_guard lock(mutex_);
    return ApiPage{"application/json", to_text(vlans_json(collect_vlans(config_, *engine_)))};
  };
  handlers.memory = [this]() -> Result<MemoryStatus> {
    const std::lock_guard lock(mutex_);
    return collect_memory(*engine_);
  };
  add_routing_pages(handlers);
  handlers.reload = [this] {
    const std::lock_guard lock(mutex_);
    return reload();
  };
  ApiOptions api_options;
  api_options.socket = std::move(claim);
  if (config_.api) {
    const bool is_v6 = config_.api->host.find(':') != std::string::npos;
    const std::string host = is_v6 ? fmt::format("[{}]", config_.api->host) : config_.api->host;
    api_options.listen = fmt::format("{}:{}", host, config_.api->port);
  }
  auto api = ApiServer::start(std::move(api_options), std::move(handlers));
  if (!api) return fail(api.error());
  api_ = std::move(*api);
  return {};
}

void Daemon::add_routing_pages(ApiHandlers& handlers) {
  const auto page = [](const Json& json) { return ApiPage{"application/json", to_text(json)}; };
  handlers.questions["/v1/routes"] =
      [this, page](const ApiHandlers::Parameters& parameters) -> Result<ApiPage> {
    std::optional<uint32_t> table;
    if (const auto wanted = parameters.find("table"); wanted != parameters.end()) {
      const auto number = parse_integer(wanted->second);
      if (!number || *number < 1 || *number > UINT32_MAX) {
        return fail(fmt::format("cannot show the routes of table '{}'", wanted->second),
                    "it is not a number", "write the number of a routing table, such as 254");
      }
      table = static_cast<uint32_t>(*number);
    }
    const std::lock_guard lock(mutex_);
    return page(routes_json(*engine_, *routing_, table));
  };
  handlers.pages["/v1/neighbours"] = [this, page] {
    const std::lock_guard lock(mutex_);
    return page(neighbours_json(*engine_, *routing_));
  };
  handlers.questions["/v1/route"] =
      [this, page](const ApiHandlers::Parameters& parameters) -> Result<ApiPage> {
    const auto value = [&](const char* key) {
      const auto found = parameters.find(key);
      return found == parameters.end() ? std::string() : found->second;
    };
    const std::lock_guard lock(mutex_);
    auto json = route_json(*engine_, *routing_, value("address"), value("vrf"));
    if (!json) return fail(json.error());
    return page(*json);
  };
  handlers.actions["/v1/explain"] = [this, page](const std::string& body) -> Result<ApiPage> {
    const std::lock_guard lock(mutex_);
    auto json = explain_json(*engine_, *routing_, body, now_ms());
    if (!json) return fail(json.error());
    return page(*json);
  };
}

DaemonStatus Daemon::status() {
  return collect_status(*engine_, *ports_, node_, now_ms(), started_ms_);
}

Status Daemon::reload() {
  if (ending_) return fail("cannot reload", "the daemon is ending", "start it again");
  auto loaded = load_config(options_.config_path);
  if (!loaded) return fail(loaded.error());
  Config& next = *loaded;
  const char* fixed = nullptr;
  if (!(next.workers == config_.workers)) fixed = "workers";
  if (!(next.memory == config_.memory)) fixed = "memory";
  if (!(next.api == config_.api)) fixed = "api";
  if (next.on_exit != config_.on_exit) fixed = "on_exit";
  if (fixed != nullptr) {
    return fail(fmt::format("cannot reload {}", options_.config_path),
                fmt::format("'{}' has changed, which a running daemon cannot follow", fixed),
                "restart the daemon, or change it back");
  }
  if (Status devices = check_devices(next, config_); !devices) return devices;
  if (Status applied = ports_->apply(next); !applied) return applied;
  if (Status routed = routing_->apply(next); !routed) {
    // What was running before can be had again.
    Status back = ports_->apply(config_);
    if (back) back = routing_->apply(config_);
    if (!back) log_error("{}", back.error().message());
    return routed;
  }
  config_ = std::move(next);
  log_info("configuration reloaded, generation {}", engine_->generation());
  return {};
}

// False: time to end.
bool Daemon::handle_signals() {
  signalfd_siginfo info{};
  while (read(signal_fd_, &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    if (info.ssi_signo != SIGHUP) return false;
    const std::lock_guard lock(mutex_);
    if (Status done = reload(); !done) log_error("{}", done.error().message());
  }
  return true;
}

void Daemon::tick(uint64_t now) {
  const std::lock_guard lock(mutex_);
  engine_->service(now);
  routing_behind_ = routing_->service(monotonic_ns());
  if (now >= next_retry_ms_) {
    next_retry_ms_ = now + kRetryMs;
    ports_->retry();
  }
  if (now >= next_status_ms_) {
    next_status_ms_ = now + uint64_t{options_.status_interval_s} * 1000;
    for (const std::string& line : status_lines(status())) log_info("{}", line);
  }
}

std::vector<int> Daemon::routing_fds() {
  const std::lock_guard lock(mutex_);
  return routing_->fds();
}

Status Daemon::loop() {
  while (true) {
    std::vector<pollfd> watched = {{.fd = signal_fd_, .events = POLLIN, .revents = 0},
                                   {.fd = links_->fd(), .events = POLLIN, .revents = 0},
                                   {.fd = engine_->event_fd(), .events = POLLIN, .revents = 0}};
    for (const int fd : routing_fds()) watched.push_back({fd, POLLIN, 0});
    if (::poll(watched.data(), watched.size(), routing_behind_ ? 0 : kTickMs) < 0 &&
        errno != EINTR) {
      return fail_system("cannot wait for events", errno);
    }
    if (watched[0].revents != 0 && !handle_signals()) return {};
    if (watched[1].revents != 0) {
      const std::lock_guard lock(mutex_);
      Status read = links_->read([this](const xsk::LinkInfo& link) { ports_->on_link(link); });
      if (!read) log_warning("{}", read.error().message());
    }
    tick(now_ms());
  }
}

void Daemon::finish() {
  log_info("ending: {}", config_.on_exit == OnExit::kBlock
                             ? "nothing passes the interfaces until starocean runs again; `ip link "
                               "set dev DEVICE xdp off` gives one to Linux"
                             : "Linux gets its interfaces back");
  if (!engine_) return;
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    engine_->drain();
    engine_->shut_down();
  }
  // The control socket last: whoever starts the next daemon finds all interfaces free.
  api_.reset();
  const dataplane::FrameCensus census = engine_->census();
  const uint64_t found =
      census.depot + census.pools + census.in_rx + census.in_tx + census.in_flight + census.punting;
  if (found == census.total) {
    log_info("all {} frames are accounted for", census.total);
  } else {
    log_error("of {} frames {} are accounted for: this is a defect", census.total, found);
  }
}

}  // namespace

Status run_daemon(const RunOptions& options) {
  auto config = load_config(options.config_path);
  if (!config) return fail(config.error());
  const uint64_t umem_bytes = uint64_t{config->memory.frames} * config->memory.frame_size;
  for (const std::string& note : lift_resource_limits()) log_info("{}", note);
  if (Status allowed = need_privileges(umem_bytes); !allowed) return allowed;
  auto claim = SocketClaim::take(options.socket_path);
  if (!claim) return fail(claim.error());
  log_info("starocean {} starts with {}", version_text(), options.config_path);
  Daemon daemon(options, std::move(*config));
  Status done = daemon.start(std::move(*claim));
  if (done) done = daemon.loop();
  daemon.finish();
  return done;
}

}  // namespace starocean::control
