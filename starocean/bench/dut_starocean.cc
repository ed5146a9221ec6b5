// Ourselves, as a child process like any other.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <fstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "starocean/bench/dut.h"
#include "starocean/control/api_client.h"
#include "starocean/control/version.h"

namespace starocean::bench {
namespace {

using Json = nlohmann::json;

constexpr uint64_t kStartMs = 15'000;
constexpr uint64_t kFrames = 65536;
constexpr uint64_t kFramesPerRingEntry = 4;  // two fill rings full, and as much again on its way
constexpr uint64_t kLeastMacs = 16384;
constexpr uint64_t kMostMacs = 1 << 20;  // what the configuration allows

std::string own_program() {
  std::array<char, 4096> path{};
  const ssize_t length = readlink("/proc/self/exe", path.data(), path.size() - 1);
  return length > 0 ? std::string(path.data(), static_cast<size_t>(length)) : "starocean";
}

class Starocean : public Dut {
 public:
  Starocean(const char* poll, std::string program, DutJob job = DutJob::kSwitch)
      : poll_(poll), program_(std::move(program)), job_(job) {}

  Status start(const DutSite& site) override;
  void stop() override { process_.stop(); }
  Status health() override {
    return process_.running() ? Status{} : ended_by_itself("starocean", process_);
  }
  std::vector<pid_t> processes() const override { return {process_.pid()}; }
  DutCounts counts() override;
  void adapt(TrafficSpec& traffic) const override {
    if (routes()) address_router(traffic);
  }
  bool learns() const override { return !routes(); }
  std::string version() const override { return std::string(control::version_text()); }
  Settings settings() const override { return settings_; }

 private:
  Json config(const DutSite& site) const;
  Result<Json> ask(const std::string& path) const;
  void read_settings();
  bool routes() const { return job_ == DutJob::kRoute; }

  std::string poll_;
  std::string program_;
  DutJob job_;
  std::string socket_;
  uint64_t frames_ = kFrames;
  uint64_t mac_limit_ = kLeastMacs;
  testbed::ChildProcess process_;
  Settings settings_;
};

Json Starocean::config(const DutSite& site) const {
  const Json both = {ForwardRig::kIn, ForwardRig::kOut};
  Json interface = Json::object();
  if (site.rings != 0) interface["rings"] = {{"rx", site.rings}, {"fill", site.rings}};
  Json config = {{"version", 1},
                 {"node", "bench"},
                 {"workers", {{"cpus", {site.placement.forwarder_cpu}}, {"poll", poll_}}},
                 {"memory", {{"frames", frames_}}},
                 {"interfaces", {{ForwardRig::kIn, interface}, {ForwardRig::kOut, interface}}}};
  if (routes()) {
    config["vrfs"]["main"]["interfaces"] = both;
  } else {
    config["bridges"]["lan"] = {
        {"interfaces", both}, {"mac_aging", "100000s"}, {"mac_limit", mac_limit_}};
  }
  return config;
}

Result<Json> Starocean::ask(const std::string& path) const {
  const auto body = control::ApiClient(socket_).get(path);
  if (!body) return fail(body.error());
  Json answer = Json::parse(*body, nullptr, false);
  if (!answer.is_object()) return fail("cannot read the daemon's answer", "it is not JSON");
  return answer;
}

Status Starocean::start(const DutSite& site) {
  if (program_.empty()) {
    return fail("cannot run another build of starocean", "STAROCEAN_OTHER names none",
                "set it to the path of the program", ENOENT);
  }
  if (routes()) {
    if (Status done = configure_router(site.rig.device()); !done) return done;
  }
  // Room beside the addresses of the test, since the table is a hash.
  frames_ = std::max(kFrames, uint64_t{site.rings} * kFramesPerRingEntry);
  mac_limit_ = std::clamp(site.macs + site.macs / 4, kLeastMacs, kMostMacs);
  const std::string file = site.directory + "/starocean.yaml";
  std::ofstream(file) << config(site).dump(1) << '\n';
  socket_ = site.directory + "/starocean.sock";
  auto process = testbed::ChildProcess::start(
      {program_, "--socket", socket_, "run", "--config", file}, site.directory + "/starocean.log",
      {.netns_fd = site.rig.device().fd()});
  if (!process) return fail(process.error());
  process_ = std::move(*process);
  const auto answers = [this] { return ask("/v1/interfaces").has_value(); };
  Status ready =
      wait_for_start("cannot start starocean", kStartMs, answers, [this] { return health(); });
  if (ready) read_settings();
  return ready;
}

void Starocean::read_settings() {
  settings_ = {{"poll", poll_}, {"frames", fmt::to_string(frames_)}};
  if (routes()) {
    settings_.emplace_back("routes", "one per direction, Linux's; Linux itself forwards nothing");
  } else {
    settings_.emplace_back("mac_limit", fmt::to_string(mac_limit_));
  }
  if (const auto memory = ask("/v1/memory")) {
    settings_.emplace_back("huge pages", memory->value("hugepages", "?"));
  }
  if (const auto queues = ask("/v1/queues")) {
    for (const Json& queue : queues->value("queues", Json::array())) {
      const Json rings = queue.value("rings", Json::object());
      settings_.emplace_back(
          queue.value("interface", "?"),
          fmt::format("{}, need_wakeup {}, busy poll {}, rings rx {} tx {} fill {}",
                      queue.value("mode", "?"), queue.value("need_wakeup", false),
                      queue.value("busy_poll", false), rings.value("rx", 0), rings.value("tx", 0),
                      rings.value("fill", 0)));
    }
  }
}

DutCounts Starocean::counts() {
  DutCounts counts;
  if (const auto workers = ask("/v1/workers")) {
    uint64_t calls = 0;
    for (const Json& worker : workers->value("workers", Json::array())) {
      calls += worker.value("counters", Json::object()).value("system_calls", uint64_t{0});
    }
    counts.system_calls = calls;
  }
  if (const auto interfaces = ask("/v1/interfaces")) {
    uint64_t flooded = 0, routed = 0;
    for (const Json& interface : interfaces->value("interfaces", Json::array())) {
      const Json counters = interface.value("counters", Json::object());
      flooded += counters.value("flooded", uint64_t{0});
      routed += counters.value("routed4", uint64_t{0});
    }
    (routes() ? counts.routed : counts.flooded) = routes() ? routed : flooded;
  }
  if (const auto queues = ask("/v1/queues")) {
    uint64_t redirected = 0;
    for (const Json& queue : queues->value("queues", Json::array())) {
      redirected += queue.value("counters", Json::object()).value("redirected", uint64_t{0});
    }
    counts.redirected = redirected;
  }
  if (const auto memory = ask("/v1/memory")) {
    counts.frames_missing = memory->value("frames", Json::object()).value("missing", int64_t{0});
  }
  return counts;
}

}  // namespace

std::unique_ptr<Dut> make_starocean_adaptive() {
  return std::make_unique<Starocean>("adaptive", own_program());
}
std::unique_ptr<Dut> make_starocean_route() {
  return std::make_unique<Starocean>("adaptive", own_program(), DutJob::kRoute);
}
std::unique_ptr<Dut> make_starocean_other() {
  const char* const program = std::getenv("STAROCEAN_OTHER");
  return std::make_unique<Starocean>("adaptive", program == nullptr ? "" : program);
}
std::unique_ptr<Dut> make_starocean_busy() {
  return std::make_unique<Starocean>("busy", own_program());
}

}  // namespace starocean::bench
