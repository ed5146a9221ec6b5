// What routes: interfaces, TAP devices, and what the steering programs are told.

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "starocean/base/check.h"
#include "starocean/base/log.h"
#include "starocean/dataplane/engine.h"

namespace starocean::dataplane {

Status Engine::watch(int fd) {
  if (event_fd_ < 0) event_fd_ = epoll_create1(EPOLL_CLOEXEC);
  epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
  if (event_fd_ < 0 || epoll_ctl(event_fd_, EPOLL_CTL_ADD, fd, &event) != 0) {
    return fail_system("cannot watch for packets for Linux", errno);
  }
  return {};
}

InterfaceId Engine::interface_number(const std::string& name) {
  const InterfaceId next(static_cast<uint16_t>(interface_numbers_.size()));
  SO_CHECK(next.valid(), "there are fewer than 65535 names of routed interfaces");
  return interface_numbers_.try_emplace(name, next).first->second;
}

Status Engine::add_tap(const std::string& name, std::optional<std::array<uint8_t, 6>> mac) {
  const auto account = port_number(name);
  if (!account) return fail(account.error());
  auto tap = xsk::TapDevice::open(name, mac);
  if (!tap) return fail(tap.error());
  if (Status watched = watch(tap->fd()); !watched) return watched;
  taps_->add(interface_number(name), *account, std::move(*tap));
  tap_accounts_[name] = *account;
  return {};
}

void Engine::remove_tap(const std::string& name, bool keep) {
  xsk::TapDevice tap = taps_->take(interface_number(name));
  tap_accounts_.erase(name);
  if (!keep) tap.remove();
}

void Engine::set_routing(Routing routing) {
  routing_ = std::move(routing);
  for (auto& [id, state] : ports_) state.is_new = false;
  publish();
  steer_ports();
}

void Engine::set_local_addresses(std::set<net::Ipv6Address> addresses) {
  const std::set<net::Ipv6Address> before = std::exchange(local_, std::move(addresses));
  for (const net::Ipv6Address& address : local_) {
    if (!before.contains(address)) tell_programs(address, true);
  }
  for (const net::Ipv6Address& address : before) {
    if (!local_.contains(address)) tell_programs(address, false);
  }
}

void Engine::tell_programs(const net::Ipv6Address& address, bool local) {
  for (auto& [id, state] : ports_) {
    if (!state.attached) continue;
    if (Status told = state.attached->set_local(address, local); !told) {
      log_warning("{}", told.error().message());
    }
  }
}

void Engine::compile_routing(Snapshot& next) const {
  next.fib = fib_.get();
  next.vrfs = routing_.vrfs;
  for (const net::Ipv6Address& address : local_) {
    if (address.is_mapped()) next.own4.add(net::Ipv4Address(address.embedded_ipv4()));
  }
  next.icmp_errors_per_s = routing_.icmp_errors_per_s;
  next.interfaces.resize(interface_numbers_.size());
  for (const RoutedInterface& interface : routing_.interfaces) {
    next.interfaces[interface.id.index()] = interface;
    const VlanInterface vlan{interface.vlan, interface.id, interface.mac};
    const bool routes = interface.vrf != RoutedInterface::kNoVrf;
    if (interface.bridge.valid()) {
      if (interface.bridge.index() < next.bridges.size()) {
        next.bridges[interface.bridge.index()].vlan_interfaces.push_back(vlan);
      }
    } else if (interface.port.valid() && interface.port.index() < next.ports.size()) {
      Port& port = next.ports[interface.port.index()];
      if (interface.vlan != 0) {
        port.vlans.push_back(vlan);
      } else if (routes) {
        port.routed = interface.id;
      }
    }
  }
  const auto by_vlan = [](const VlanInterface& a, const VlanInterface& b) {
    return a.vlan < b.vlan;
  };
  for (Port& port : next.ports) std::sort(port.vlans.begin(), port.vlans.end(), by_vlan);
  for (Bridge& bridge : next.bridges) {
    std::sort(bridge.vlan_interfaces.begin(), bridge.vlan_interfaces.end(), by_vlan);
  }
}

// A bridge member is taken whole; of what routes, what Linux does not get for itself.
std::pair<xsk::ClaimMode, xsk::RouteFilter> Engine::steering_of(const PortState& state) const {
  if (state.bridge.valid()) return {xsk::ClaimMode::kWholeInterface, {}};
  xsk::RouteFilter filter;
  filter.mac = mac_from_u64(state.link.mac).bytes();
  for (const RoutedInterface& interface : routing_.interfaces) {
    if (interface.port != state.id || interface.bridge.valid()) continue;
    if (interface.is_tap) {
      filter.whole_vlans.push_back(interface.vlan);
    } else if (interface.vrf == RoutedInterface::kNoVrf) {
      continue;
    } else if (interface.vlan == 0) {
      filter.untagged = true;
    } else {
      filter.vlans.push_back(interface.vlan);
    }
  }
  const bool routes = filter.untagged || !filter.vlans.empty() || !filter.whole_vlans.empty();
  return {routes ? xsk::ClaimMode::kTransit : xsk::ClaimMode::kByRule, filter};
}

// After publish(): what is taken must find workers that know what to do with it.
void Engine::steer_ports() {
  for (auto& [id, state] : ports_) {
    if (!state.attached) continue;
    // Before it is known whether it routes, that would go past us, by Linux.
    if (options_.block_on_exit && state.is_new) continue;
    const auto [mode, filter] = steering_of(state);
    state.attached->steer(mode, filter);
  }
}

// Bounded: a scan of a subnet fills the ring as fast as it is emptied.
void Engine::pass_on_neighbour_requests() {
  std::array<NeighbourRequest, 64> requests;
  for (size_t budget = neighbour_requests_->capacity(); budget > 0;) {
    const size_t count = neighbour_requests_->pop(requests);
    if (count == 0) break;
    for (size_t i = 0; on_neighbour_wanted && i < count; ++i) on_neighbour_wanted(requests[i]);
    budget -= std::min(budget, count);
  }
}

void Engine::deliver(std::span<const HandoffItem> items) {
  for (size_t begin = 0, end = 0; begin < items.size(); begin = end) {
    std::array<iovec, kMaxBuffers> pieces;
    size_t count = 0;
    do {
      const HandoffItem& item = items[end];
      if (count < pieces.size()) {
        pieces[count++] = {umem_->frame_data(item.frame) + item.offset_bytes, item.len_bytes};
      }
    } while (items[end++].more && end < items.size());
    taps_->write(items[begin].interface, items[begin].port, {pieces.data(), count});
  }
}

}  // namespace starocean::dataplane
