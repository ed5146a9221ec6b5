// Open vSwitch with its user-space datapath on AF_XDP ports: its own database server and daemon, with all
// their files in our directory.
#include <fstream>

#include <fmt/format.h>

#include "starocean/bench/dut.h"

namespace starocean::bench {
namespace {

constexpr const char* kSchema = "/usr/share/openvswitch/vswitch.ovsschema";
constexpr const char* kBridge = "bench0";
constexpr uint64_t kStartMs = 20'000;

enum class Rules { kPortToPort, kNormal, kRoute };

const char* to_string(Rules rules) {
  switch (rules) {
    case Rules::kPortToPort:
      return "in_port to output, both ways";
    case Rules::kNormal:
      return "NORMAL";
    case Rules::kRoute:
      return "dl_dst and nw_dst/16 to dec_ttl, mod_dl_src, mod_dl_dst, output, both ways";
  }
  return "";
}

class Ovs : public Dut {
 public:
  explicit Ovs(Rules rules) : rules_(rules) {}

  Status start(const DutSite& site) override;
  void stop() override {
    vswitchd_.stop();
    database_.stop();
  }
  Status health() override;
  std::vector<pid_t> processes() const override { return {vswitchd_.pid()}; }
  void adapt(TrafficSpec& traffic) const override {
    if (rules_ == Rules::kRoute) address_router(traffic);
  }
  bool learns() const override { return rules_ == Rules::kNormal; }
  std::string version() const override { return version_; }
  Settings settings() const override { return settings_; }

 private:
  Status start_database();
  Status start_switch(const DutSite& site);
  Status configure(const DutSite& site);
  Status add_rules();
  Status add_rule(const std::string& rule) const;
  Status check_ports();
  std::string complaint() const;
  std::string database_socket() const { return "unix:" + directory_ + "/db.sock"; }
  Result<std::string> run(const testbed::Words& words) const;
  Status do_run(const testbed::Words& words) const;
  testbed::CommandOptions inside() const;

  Rules rules_;
  int netns_fd_ = -1;
  std::string directory_;
  std::string version_ = "unknown";
  Settings settings_;
  testbed::ChildProcess database_;
  testbed::ChildProcess vswitchd_;
};

testbed::CommandOptions Ovs::inside() const {
  return {.netns_fd = netns_fd_,
          .environment = {{"OVS_RUNDIR", directory_},
                          {"OVS_LOGDIR", directory_},
                          {"OVS_DBDIR", directory_},
                          {"OVS_SYSCONFDIR", directory_}}};
}

Result<std::string> Ovs::run(const testbed::Words& words) const {
  return testbed::run_command(words, inside(), kStartMs);
}

Status Ovs::do_run(const testbed::Words& words) const {
  const auto done = run(words);
  if (!done) return fail(done.error());
  return {};
}

Status Ovs::health() {
  if (!database_.running()) return ended_by_itself("ovsdb-server", database_);
  if (!vswitchd_.running()) return ended_by_itself("ovs-vswitchd", vswitchd_);
  return {};
}

Status Ovs::start_database() {
  const std::string file = directory_ + "/conf.db";
  if (Status made = do_run({"ovsdb-tool", "create", file, kSchema}); !made) return made;
  auto process =
      testbed::ChildProcess::start({"ovsdb-server", file, "--remote=p" + database_socket(),
                                    "--unixctl=" + directory_ + "/ovsdb-server.ctl"},
                                   directory_ + "/ovsdb-server.out", inside());
  if (!process) return fail(process.error());
  database_ = std::move(*process);
  const auto answers = [this] {
    return do_run({"ovs-vsctl", "--db=" + database_socket(), "--timeout=2", "--no-wait", "init"})
        .has_value();
  };
  return wait_for_start("cannot start ovsdb-server", kStartMs, answers, [this]() -> Status {
    return database_.running() ? Status{} : ended_by_itself("ovsdb-server", database_);
  });
}

Status Ovs::start_switch(const DutSite& site) {
  // Before the daemon starts, so that it makes its threads once.
  const uint64_t mask = uint64_t{1} << site.placement.forwarder_cpu;
  if (Status set =
          do_run({"ovs-vsctl", "--db=" + database_socket(), "--no-wait", "set", "Open_vSwitch", ".",
                  fmt::format("other_config:pmd-cpu-mask={:#x}", mask)});
      !set) {
    return set;
  }
  auto process = testbed::ChildProcess::start(
      {"ovs-vswitchd", database_socket(), "--unixctl=" + directory_ + "/ovs-vswitchd.ctl",
       "--log-file=" + directory_ + "/ovs-vswitchd.log"},
      directory_ + "/ovs-vswitchd.out", inside());
  if (!process) return fail(process.error());
  vswitchd_ = std::move(*process);
  return {};
}

Status Ovs::configure(const DutSite& site) {
  const std::string db = "--db=" + database_socket();
  testbed::Words words = {"ovs-vsctl",
                          db,
                          "--timeout=15",
                          "add-br",
                          kBridge,
                          "--",
                          "set",
                          "bridge",
                          kBridge,
                          "datapath_type=netdev",
                          "other_config:mac-aging-time=100000",
                          fmt::format("other_config:mac-table-size={}", site.macs + 1024)};
  for (const char* device : {ForwardRig::kIn, ForwardRig::kOut}) {
    words.insert(words.end(),
                 {"--", "add-port", kBridge, device, "--", "set", "interface", device, "type=afxdp",
                  "options:n_rxq=1", "options:xdp-mode=native", "options:use-need-wakeup=true"});
  }
  if (Status done = do_run(words); !done) {
    return fail(done.error().in("cannot set up Open vSwitch"));
  }
  return check_ports();
}

// What its log says is wrong: the kernel's words if there are any, else the last warning.
std::string Ovs::complaint() const {
  std::ifstream file(directory_ + "/ovs-vswitchd.log");
  std::string last;
  for (std::string line; std::getline(file, line);) {
    if (line.find("Kernel error message") != std::string::npos) return line;
    if (line.find("|WARN|") != std::string::npos || line.find("|ERR|") != std::string::npos) {
      last = line;
    }
  }
  return last;
}

// ovs-vsctl succeeds even when a port cannot be opened; the database then has the reason.
Status Ovs::check_ports() {
  const std::string db = "--db=" + database_socket();
  for (const char* device : {ForwardRig::kIn, ForwardRig::kOut}) {
    const auto error = run({"ovs-vsctl", db, "get", "interface", device, "error"});
    if (!error) return fail(error.error());
    if (*error == "[]\n") continue;
    return fail(
        fmt::format("cannot give {} to Open vSwitch as an AF_XDP port", device),
        fmt::format("{}; its log says: {}", error->substr(0, error->size() - 1), complaint()),
        "was it built with AF_XDP, and is the MTU one that it can have?");
  }
  return {};
}

Status Ovs::add_rule(const std::string& rule) const {
  return do_run({"ovs-ofctl", "add-flow", directory_ + "/" + kBridge + ".mgmt", rule});
}

Status Ovs::add_rules() {
  struct Direction {
    const char *from, *router_mac, *network;           // what comes in
    const char *to, *router_mac_there, *next_hop_mac;  // and goes out
  };
  constexpr Direction kDirections[] = {
      {ForwardRig::kIn, ForwardRig::kInMac, kDestinationNetwork, ForwardRig::kOut,
       ForwardRig::kOutMac, ForwardRig::kSinkMac},
      {ForwardRig::kOut, ForwardRig::kOutMac, kSourceNetwork, ForwardRig::kIn, ForwardRig::kInMac,
       ForwardRig::kGeneratorMac}};
  const std::string bridge = directory_ + "/" + kBridge + ".mgmt";
  if (Status done = do_run({"ovs-ofctl", "del-flows", bridge}); !done) return done;
  if (rules_ == Rules::kNormal) return add_rule("actions=NORMAL");
  for (const Direction& way : kDirections) {
    const std::string rule =
        rules_ == Rules::kRoute
            ? fmt::format(
                  "ip,dl_dst={},nw_dst={},actions=dec_ttl,mod_dl_src:{},mod_dl_dst:{},output:{}",
                  way.router_mac, way.network, way.router_mac_there, way.next_hop_mac, way.to)
            : fmt::format("in_port={},actions=output:{}", way.from, way.to);
    if (Status done = add_rule(rule); !done) return done;
  }
  return {};
}

Status Ovs::start(const DutSite& site) {
  for (const char* program : {"ovs-vswitchd", "ovsdb-server", "ovsdb-tool", "ovs-vsctl"}) {
    if (!testbed::is_installed(program)) {
      return fail("cannot run Open vSwitch", fmt::format("{} is not installed", program),
                  "apt-get install openvswitch-switch", ENOENT);
    }
  }
  directory_ = site.directory;
  netns_fd_ = site.rig.device().fd();
  if (const auto said = run({"ovs-vswitchd", "--version"}))
    version_ = said->substr(0, said->find('\n'));
  Status done = start_database();
  if (done) done = start_switch(site);
  if (done) done = configure(site);
  if (done) done = add_rules();
  settings_ = {{"ports", "type=afxdp, xdp-mode native, use-need-wakeup true, n_rxq 1"},
               {"rules", to_string(rules_)}};
  return done;
}

}  // namespace

std::unique_ptr<Dut> make_ovs() {
  return std::make_unique<Ovs>(Rules::kPortToPort);
}
std::unique_ptr<Dut> make_ovs_normal() {
  return std::make_unique<Ovs>(Rules::kNormal);
}
std::unique_ptr<Dut> make_ovs_route() {
  return std::make_unique<Ovs>(Rules::kRoute);
}

}  // namespace starocean::bench
