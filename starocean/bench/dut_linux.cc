// What Linux itself forwards with: the bridge, and IPv4 routing. All of it runs in the receive processing of in0.
#include <sys/utsname.h>

#include <fmt/format.h>

#include "starocean/bench/dut.h"

namespace starocean::bench {
namespace {

constexpr const char* kBridge = "bench0";

std::string kernel_version() {
  utsname name{};
  uname(&name);
  const std::string release = name.release;
  return "Linux " + release.substr(0, release.find('-'));
}

Status run_all(const testbed::NetNamespace& where, const std::vector<testbed::Words>& commands) {
  for (const testbed::Words& words : commands) {
    if (Status done = where.do_run(words); !done) return done;
  }
  return {};
}

class LinuxDut : public Dut {
 public:
  void stop() override {}  // goes with the namespace
  std::string version() const override { return kernel_version(); }
};

class LinuxBridge : public LinuxDut {
 public:
  Status start(const DutSite& site) override {
    // No spanning tree, so that ports forward at once; no multicast snooping, which looks into frames.
    return run_all(site.rig.device(),
                   {{"ip", "link", "add", kBridge, "type", "bridge", "stp_state", "0",
                     "forward_delay", "0", "ageing_time", "10000000", "mcast_snooping", "0"},
                    {"ip", "link", "set", kBridge, "mtu", fmt::to_string(site.mtu), "up"},
                    {"ip", "link", "set", ForwardRig::kIn, "master", kBridge},
                    {"ip", "link", "set", ForwardRig::kOut, "master", kBridge}});
  }
  bool learns() const override { return true; }
  Settings settings() const override {
    return {{"stp", "off"}, {"multicast snooping", "off"}, {"GRO", "on"}, {"netfilter", "none"}};
  }
};

class LinuxRoute : public LinuxDut {
 public:
  Status start(const DutSite& site) override {
    const testbed::NetNamespace& where = site.rig.device();
    for (const auto& [key, value] :
         {std::pair{"net.ipv4.ip_forward", "1"}, std::pair{"net.ipv4.conf.all.rp_filter", "0"},
          std::pair{"net.ipv4.conf.in0.rp_filter", "0"}}) {
      if (Status set = where.sysctl(key, value); !set) return set;
    }
    return configure_router(where);
  }
  void adapt(TrafficSpec& traffic) const override { address_router(traffic); }
  Settings settings() const override {
    return {{"routes", "one per direction"},
            {"rp_filter", "off"},
            {"GRO", "on"},
            {"netfilter", "none"}};
  }
};

}  // namespace

std::unique_ptr<Dut> make_linux_bridge() {
  return std::make_unique<LinuxBridge>();
}
std::unique_ptr<Dut> make_linux_route() {
  return std::make_unique<LinuxRoute>();
}

}  // namespace starocean::bench
