// Keeps what routes in step with the configuration and with Linux: the TAP devices of VLANs, the netlink mirror, and
// from both the data plane's interfaces, rules and local addresses.
//
// Names of `vrfs`, `vlans` and `vlan_interfaces` are Linux devices: an attached one, a VLAN device that Linux has on
// its link, or a TAP that is made here. A device may come and go; what it routes comes and goes with it.
//
// One thread at a time (the daemon holds its lock).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "starocean/base/result.h"
#include "starocean/control/config.h"
#include "starocean/control/port_manager.h"
#include "starocean/control/route_mirror.h"
#include "starocean/dataplane/engine.h"

namespace starocean::control {

class RoutingManager {
 public:
  RoutingManager(dataplane::Engine& engine, const PortManager& ports);

  // Follows the configuration, whose ports and bridges have been applied. On failure nothing has changed. Returns
  // when what Linux has is live.
  Status apply(const Config& config);

  // To poll on; empty: nothing routes.
  std::vector<int> fds() const;
  // Bounded. True: there is more to do at once. Call when a descriptor is readable, and at least every second.
  bool service(uint64_t now_ns);

  // Null: nothing routes.
  const RouteMirror* mirror() const { return mirror_ ? &*mirror_ : nullptr; }
  // The routed interface of that name, as the data plane has it.
  const dataplane::RoutedInterface* find(const std::string& name) const;
  std::string name_of(InterfaceId interface) const;
  const Config& config() const { return config_; }
  // What cannot be followed; each a sentence with a remedy.
  std::vector<std::string> problems() const;

 private:
  // A routed interface as configured.
  struct Wanted {
    std::string device;     // of Linux
    std::string port = {};  // of the configuration; empty: of a bridge
    std::string bridge = {};
    uint16_t vlan = 0;
    uint16_t vrf = dataplane::RoutedInterface::kNoVrf;
    bool tap = false;
    RoutedConfig options = {};
  };

  std::map<std::string, Wanted> wanted_of(const Config& config) const;
  bool needs_tap(const VlanConfig& vlan, const Config& config) const;
  Status change_taps(const std::map<std::string, Wanted>& wanted, const Config& config);
  std::optional<std::array<uint8_t, 6>> mac_for_tap(const Wanted& wanted,
                                                    const Config& config) const;
  Status follow_tables(const Config& config);
  Status wait_until_synchronised();
  void compile();
  std::optional<dataplane::RoutedInterface> compile_interface(const std::string& name,
                                                              const Wanted& wanted) const;
  std::vector<dataplane::RouteRule> compile_rules(const VrfConfig& vrf, net::IpFamily family);
  void bind(const std::vector<dataplane::RoutedInterface>& interfaces);
  std::set<net::Ipv6Address> local_addresses() const;

  dataplane::Engine& engine_;
  const PortManager& ports_;
  Config config_;
  std::map<std::string, Wanted> wanted_;
  std::set<std::string> taps_;
  std::optional<RouteMirror> mirror_;
  std::map<uint32_t, InterfaceId> bound_;  // by ifindex
  uint64_t interfaces_seen_ = 0;
  uint64_t rules_seen_ = 0;
  uint64_t next_keep_alive_ns_ = 0;
};

}  // namespace starocean::control
