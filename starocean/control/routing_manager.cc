#include "starocean/control/routing_manager.h"

#include <linux/rtnetlink.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>

#include <fmt/format.h>

#include "starocean/base/clock.h"
#include "starocean/base/log.h"
#include "starocean/xsk/link_monitor.h"

namespace starocean::control {

using dataplane::RoutedInterface;
using dataplane::RouteRule;

namespace {

constexpr uint64_t kSynchroniseNs = 120 * kNsPerSecond;
constexpr uint64_t kKeepAliveNs = kNsPerSecond;

dataplane::ReversePath reverse_path_of(ReversePathCheck check) {
  switch (check) {
    case ReversePathCheck::kLoose:
      return dataplane::ReversePath::kLoose;
    case ReversePathCheck::kStrict:
      return dataplane::ReversePath::kStrict;
    case ReversePathCheck::kNone:
      break;
  }
  return dataplane::ReversePath::kNone;
}

}  // namespace

RoutingManager::RoutingManager(dataplane::Engine& engine, const PortManager& ports)
    : engine_(engine), ports_(ports) {
  engine_.on_neighbour_wanted = [this](const dataplane::NeighbourRequest& wanted) {
    if (mirror_) mirror_->resolve(wanted.ifindex, wanted.address, monotonic_ns());
  };
}

// A VLAN device that Linux has under this name on the link is used as it is.
bool RoutingManager::needs_tap(const VlanConfig& vlan, const Config& config) const {
  const auto found = xsk::find_link(vlan.name);
  if (!found || !*found || (*found)->kind != "vlan") return true;
  const auto link = std::find_if(config.interfaces.begin(), config.interfaces.end(),
                                 [&](const auto& one) { return one.name == vlan.link; });
  const auto lower = link == config.interfaces.end() ? Result<std::optional<xsk::LinkInfo>>{}
                                                     : xsk::find_link(link->device);
  return !lower || !*lower || (*lower)->ifindex != (*found)->lower_ifindex;
}

std::map<std::string, RoutingManager::Wanted> RoutingManager::wanted_of(
    const Config& config) const {
  std::map<std::string, Wanted> wanted;
  for (const InterfaceConfig& interface : config.interfaces) {
    wanted[interface.name] = {.device = interface.device, .port = interface.name};
  }
  for (const VlanConfig& vlan : config.vlans) {
    wanted[vlan.name] = {
        .device = vlan.name, .port = vlan.link, .vlan = vlan.id, .tap = needs_tap(vlan, config)};
  }
  for (const BridgeConfig& bridge : config.bridges) {
    for (const VlanInterfaceConfig& interface : bridge.vlan_interfaces) {
      wanted[interface.name] = {
          .device = interface.name, .bridge = bridge.name, .vlan = interface.vlan, .tap = true};
    }
  }
  for (size_t number = 0; number < config.vrfs.size(); ++number) {
    for (const RoutedConfig& member : config.vrfs[number].interfaces) {
      wanted[member.name].vrf = static_cast<uint16_t>(number);
      wanted[member.name].options = member;
    }
  }
  std::erase_if(wanted, [](const auto& entry) {
    return !entry.second.tap && entry.second.vrf == RoutedInterface::kNoVrf;
  });
  return wanted;
}

// That of the link, so that its device need not listen to another address.
std::optional<std::array<uint8_t, 6>> RoutingManager::mac_for_tap(const Wanted& wanted,
                                                                  const Config& config) const {
  for (const InterfaceConfig& interface : config.interfaces) {
    if (interface.name != wanted.port) continue;
    const auto link = xsk::find_link(interface.device);
    if (link && *link) return (*link)->mac;
  }
  return std::nullopt;
}

Status RoutingManager::change_taps(const std::map<std::string, Wanted>& wanted,
                                   const Config& config) {
  std::vector<std::string> made;
  for (const auto& [name, interface] : wanted) {
    if (!interface.tap || taps_.contains(name)) continue;
    if (Status added = engine_.add_tap(name, mac_for_tap(interface, config)); !added) {
      for (const std::string& undo : made) engine_.remove_tap(undo, false);
      return added;
    }
    made.push_back(name);
  }
  taps_.insert(made.begin(), made.end());
  return {};
}

Status RoutingManager::follow_tables(const Config& config) {
  std::vector<uint32_t> tables = {RT_TABLE_LOCAL};
  for (const VrfConfig& vrf : config.vrfs) tables.push_back(vrf.table.value_or(RT_TABLE_MAIN));
  if (!mirror_) {
    auto opened = RouteMirror::open(engine_.fib(), {.tables = tables});
    if (!opened) return fail(opened.error());
    mirror_.emplace(std::move(*opened));
  }
  for (const uint32_t table : tables) {
    if (Status added = mirror_->add_table(table); !added) return added;
  }
  return {};
}

Status RoutingManager::wait_until_synchronised() {
  const uint64_t deadline_ns = monotonic_ns() + kSynchroniseNs;
  for (bool more = mirror_->service(); more || !mirror_->synchronised();
       more = mirror_->service()) {
    if (monotonic_ns() > deadline_ns) {
      return fail("cannot follow Linux's routes",
                  "they change faster than they can be listed, or the kernel does not answer",
                  "see `ip monitor route`, and start again when it is calmer");
    }
    if (more) continue;
    pollfd watched[2] = {};
    for (size_t i = 0; i < 2; ++i) watched[i] = {mirror_->fds()[i], POLLIN, 0};
    ::poll(watched, 2, 10);
  }
  return {};
}

Status RoutingManager::apply(const Config& config) {
  std::map<std::string, Wanted> wanted = wanted_of(config);
  if (Status taps = change_taps(wanted, config); !taps) return taps;
  if (!wanted.empty() || mirror_) {
    if (Status tables = follow_tables(config); !tables) return tables;
    if (Status live = wait_until_synchronised(); !live) return live;
  }
  config_ = config;
  wanted_ = std::move(wanted);
  if (mirror_) compile();
  // Their traffic stopped with the configuration that is live now.
  for (auto tap = taps_.begin(); tap != taps_.end();) {
    const auto still = wanted_.find(*tap);
    if (still != wanted_.end() && still->second.tap) {
      ++tap;
      continue;
    }
    engine_.remove_tap(*tap, false);
    tap = taps_.erase(tap);
  }
  return {};
}

std::vector<int> RoutingManager::fds() const {
  if (!mirror_) return {};
  const auto fds = mirror_->fds();
  return {fds.begin(), fds.end()};
}

bool RoutingManager::service(uint64_t now_ns) {
  if (!mirror_) return false;
  const bool more = mirror_->service();
  if (now_ns >= next_keep_alive_ns_) {
    next_keep_alive_ns_ = now_ns + kKeepAliveNs;
    mirror_->keep_alive_used(now_ns);
  }
  const bool changed = mirror_->interfaces().generation() != interfaces_seen_ ||
                       mirror_->rules_generation() != rules_seen_;
  if (changed) compile();
  return more;
}

std::optional<RoutedInterface> RoutingManager::compile_interface(const std::string& name,
                                                                 const Wanted& wanted) const {
  const auto& all = mirror_->interfaces().all();
  const auto device = std::find_if(all.begin(), all.end(), [&](const auto& entry) {
    return entry.second.name == wanted.device;
  });
  if (device == all.end()) return std::nullopt;
  const Interface& linux_device = device->second;
  RoutedInterface interface;
  interface.id = engine_.interface_number(name);
  interface.active = linux_device.up && linux_device.carrier;
  interface.ifindex = linux_device.ifindex;
  interface.vlan = wanted.vlan;
  interface.vrf = wanted.vrf;
  interface.is_tap = wanted.tap;
  interface.mac = linux_device.mac.as_u64();
  interface.mtu_bytes = linux_device.mtu_bytes;
  interface.source4 = linux_device.source4();
  interface.source6 = linux_device.source6();
  interface.link_local6 = linux_device.link_local6();
  interface.reverse_path = reverse_path_of(wanted.options.reverse_path);
  if (wanted.options.mss_clamp == MssClamp::kAuto) {
    interface.mss_clamp_mtu_bytes = linux_device.mtu_bytes;
  }
  if (wanted.bridge.empty()) {
    const auto port = ports_.port_of(wanted.port);
    if (!port) return std::nullopt;
    interface.port = *port;
  } else {
    interface.bridge = engine_.bridge_of(wanted.bridge);
  }
  return interface;
}

// With the main table Linux's rules decide; without, the local table comes first, as by its first rule.
std::vector<RouteRule> RoutingManager::compile_rules(const VrfConfig& vrf, net::IpFamily family) {
  std::vector<RouteRule> rules;
  const auto look_into = [&](uint32_t number, InterfaceId in, const net::IpPrefix& source) {
    if (Status added = mirror_->add_table(number); !added) {
      log_warning("{}", added.error().message());
      return;
    }
    rules.push_back(
        {.family = family, .in = in, .source = source, .table = engine_.fib().find_table(number)});
  };
  if (vrf.table) {
    look_into(RT_TABLE_LOCAL, {}, {});
    look_into(*vrf.table, {}, {});
    return rules;
  }
  for (const Rule& rule : mirror_->rules(family)) {
    if (!rule.refused.empty() || rule.action == RuleAction::kNothing) continue;
    InterfaceId in;
    if (!rule.in.empty()) {
      const auto ours = std::find_if(wanted_.begin(), wanted_.end(), [&](const auto& entry) {
        return entry.second.device == rule.in;
      });
      if (ours == wanted_.end()) continue;  // speaks of packets that we do not see
      in = engine_.interface_number(ours->first);
    }
    if (rule.action == RuleAction::kTable) {
      look_into(rule.table, in, rule.source);
      continue;
    }
    const table::RouteKind kind =
        rule.action == RuleAction::kBlackhole  ? table::RouteKind::kBlackhole
        : rule.action == RuleAction::kProhibit ? table::RouteKind::kProhibit
                                               : table::RouteKind::kUnreachable;
    rules.push_back({.family = family, .in = in, .source = rule.source, .kind = kind});
  }
  return rules;
}

void RoutingManager::compile() {
  interfaces_seen_ = mirror_->interfaces().generation();
  rules_seen_ = mirror_->rules_generation();
  dataplane::Routing routing;
  routing.icmp_errors_per_s = config_.icmp_rate_per_s;
  for (const auto& [name, wanted] : wanted_) {
    if (auto interface = compile_interface(name, wanted)) routing.interfaces.push_back(*interface);
  }
  for (const VrfConfig& vrf : config_.vrfs) {
    routing.vrfs.push_back({.rules4 = compile_rules(vrf, net::IpFamily::kIpv4),
                            .rules6 = compile_rules(vrf, net::IpFamily::kIpv6)});
  }
  engine_.set_local_addresses(local_addresses());
  const std::vector<RoutedInterface> interfaces = routing.interfaces;
  engine_.set_routing(std::move(routing));
  bind(interfaces);
}

// After the snapshot: what is decided for an interface finds it there.
void RoutingManager::bind(const std::vector<RoutedInterface>& interfaces) {
  std::map<uint32_t, InterfaceId> next;
  for (const RoutedInterface& one : interfaces) {
    if (one.vrf != RoutedInterface::kNoVrf) next.emplace(one.ifindex, one.id);
  }
  for (const auto& [ifindex, id] : bound_) {
    const auto still = next.find(ifindex);
    if (still == next.end() || still->second != id) engine_.fib().unbind_interface(ifindex);
  }
  for (const auto& [ifindex, id] : next) {
    const auto before = bound_.find(ifindex);
    if (before == bound_.end() || before->second != id) {
      engine_.fib().bind_interface(ifindex, id);
    }
  }
  bound_ = std::move(next);
}

std::set<net::Ipv6Address> RoutingManager::local_addresses() const {
  std::set<net::Ipv6Address> addresses;
  for (const auto& [ifindex, interface] : mirror_->interfaces().all()) {
    for (const auto* list : {&interface.addresses4, &interface.addresses6}) {
      for (const InterfaceAddress& one : *list) {
        const bool loopback = one.address.is_loopback() ||
                              (one.address.is_mapped() &&
                               net::Ipv4Address(one.address.embedded_ipv4()).is_loopback());
        if (!loopback)
          addresses.insert(one.address);  // what comes to that from a wire is a martian
      }
    }
  }
  return addresses;
}

const RoutedInterface* RoutingManager::find(const std::string& name) const {
  // The engine numbers every name that it is asked for, for good.
  if (!wanted_.contains(name)) return nullptr;
  const InterfaceId id = engine_.interface_number(name);
  for (const RoutedInterface& one : engine_.routing().interfaces) {
    if (one.id == id) return &one;
  }
  return nullptr;
}

std::string RoutingManager::name_of(InterfaceId interface) const {
  for (const auto& [name, wanted] : wanted_) {
    if (engine_.interface_number(name) == interface) return name;
  }
  return {};
}

std::vector<std::string> RoutingManager::problems() const {
  return mirror_ ? mirror_->problems() : std::vector<std::string>{};
}

}  // namespace starocean::control
