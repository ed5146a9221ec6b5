#include "starocean/control/interface_mirror.h"

#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/rtnetlink.h>

#include <algorithm>

#include "starocean/control/netlink_values.h"
#include "starocean/xsk/link_info.h"

namespace starocean::control {
namespace {

std::vector<InterfaceAddress>& addresses_of(Interface& interface, net::IpFamily family) {
  return family == net::IpFamily::kIpv4 ? interface.addresses4 : interface.addresses6;
}

// One address may be there twice, with different prefix lengths.
bool is_same(const InterfaceAddress& a, const InterfaceAddress& b) {
  return a.address == b.address && a.prefix_length == b.prefix_length;
}

}  // namespace

net::Ipv4Address Interface::source4() const {
  const auto found = std::ranges::find(addresses4, false, &InterfaceAddress::secondary);
  return found == addresses4.end() ? net::Ipv4Address()
                                   : net::Ipv4Address(found->address.embedded_ipv4());
}

net::Ipv6Address Interface::source6() const {
  net::Ipv6Address link_local;
  for (const InterfaceAddress& each : addresses6) {
    if (!each.usable) continue;
    if (!each.address.is_link_local()) return each.address;
    if (link_local.is_unspecified()) link_local = each.address;
  }
  return link_local;
}

net::Ipv6Address Interface::link_local6() const {
  for (const InterfaceAddress& each : addresses6) {
    if (each.usable && each.address.is_link_local()) return each.address;
  }
  return {};
}

const Interface* InterfaceMirror::find(uint32_t ifindex) const {
  const auto found = interfaces_.find(ifindex);
  return found == interfaces_.end() ? nullptr : &found->second;
}

bool InterfaceMirror::forwards(uint32_t ifindex, net::IpFamily family) const {
  const Interface* const interface = find(ifindex);
  if (interface == nullptr || !interface->up) return false;
  if (interface->carrier) return true;
  const bool ignored = family == net::IpFamily::kIpv4
                           ? all_ignore_linkdown4_ || interface->ignores_linkdown4.value_or(false)
                           : interface->ignores_linkdown6.value_or(false);
  return !ignored;
}

bool InterfaceMirror::has_ipv4(const net::Ipv6Address& address) const {
  return std::ranges::any_of(interfaces_, [&](const auto& each) {
    const auto& addresses = each.second.addresses4;
    return std::ranges::find(addresses, address, &InterfaceAddress::address) != addresses.end();
  });
}

InterfaceMirror::Effect InterfaceMirror::apply(std::span<const std::byte> message) {
  const nlmsghdr* const header = checked_header(message, 0);
  if (header == nullptr) return {};
  switch (header->nlmsg_type) {
    case RTM_NEWLINK:
    case RTM_DELLINK:
      return apply_link(message);
    case RTM_NEWADDR:
    case RTM_DELADDR:
      if (const auto address = parse_address(message)) return apply_address(*address);
      return {};
    case RTM_NEWNETCONF:
      if (const auto netconf = parse_netconf(message)) return apply_netconf(*netconf);
      return {};
    default:
      return {};
  }
}

InterfaceMirror::Effect InterfaceMirror::apply_link(std::span<const std::byte> message) {
  const auto link = xsk::parse_link(message);
  if (!link) return {};
  Effect effect{.ifindex = link->ifindex, .link = true};
  std::erase(unseen_links_, link->ifindex);
  if (link->removed) {
    effect.removed = interfaces_.erase(link->ifindex) != 0;
    if (effect.removed) ++generation_;
    return effect;
  }
  const auto* const info = reinterpret_cast<const ifinfomsg*>(message.data() + NLMSG_HDRLEN);
  const bool known = interfaces_.contains(link->ifindex);
  Interface& interface = interfaces_[link->ifindex];
  const Interface before = interface;
  interface.ifindex = link->ifindex;
  interface.name = link->name;
  interface.up = link->up;
  interface.running = link->carrier;
  interface.carrier = (info->ifi_flags & IFF_LOWER_UP) != 0;
  interface.mtu_bytes = link->mtu;
  interface.mac = net::MacAddress(link->mac);
  if (interface == before) return effect;
  ++generation_;
  // What is new is no change: it has had no routes.
  effect.appeared = !known;
  effect.went_down = known && before.up && !interface.up;
  effect.came_up = known && !before.up && interface.up;
  effect.carrier_lost =
      known && (before.carrier || before.running) && !interface.carrier && !interface.running;
  effect.carrier_changed = known && before.carrier != interface.carrier;
  return effect;
}

InterfaceMirror::Effect InterfaceMirror::apply_address(const AddressMessage& message) {
  const auto found = interfaces_.find(message.ifindex);
  if (found == interfaces_.end()) return {};
  if (listing_addresses_ && !message.removed) {
    listed_addresses_[message.ifindex].push_back(message.address);
    return {};
  }
  auto& addresses = addresses_of(found->second, net::family_of(message.address.address));
  std::vector<InterfaceAddress> changed = addresses;
  const auto same = std::ranges::find_if(
      changed, [&](const auto& each) { return is_same(each, message.address); });
  if (message.removed) {
    if (same != changed.end()) changed.erase(same);
  } else if (same != changed.end()) {
    *same = message.address;
  } else {
    changed.push_back(message.address);
  }
  return set_addresses(found->second, addresses, std::move(changed));
}

InterfaceMirror::Effect InterfaceMirror::set_addresses(const Interface& interface,
                                                       std::vector<InterfaceAddress>& addresses,
                                                       std::vector<InterfaceAddress> wanted) {
  Effect effect{.ifindex = interface.ifindex};
  if (addresses == wanted) return effect;
  ++generation_;
  for (const InterfaceAddress& each : addresses) {
    const auto same = std::ranges::find(wanted, each.address, &InterfaceAddress::address);
    if (same == wanted.end()) effect.addresses_gone.push_back(each.address);
  }
  const bool ipv4 = &addresses == &interface.addresses4;
  effect.without_ipv4 = ipv4 && wanted.empty();
  effect.first_ipv4 = ipv4 && addresses.empty();
  addresses = std::move(wanted);
  return effect;
}

InterfaceMirror::Effect InterfaceMirror::apply_netconf(const NetconfMessage& message) {
  Effect effect{.ifindex = message.ifindex};
  const bool ignore = message.ignore_routes_with_linkdown;
  const bool ipv4 = message.family == net::IpFamily::kIpv4;
  if (message.ifindex == NetconfMessage::kAll) {
    if (!ipv4 || all_ignore_linkdown4_ == ignore) return {};
    all_ignore_linkdown4_ = ignore;
  } else {
    const auto found = interfaces_.find(message.ifindex);
    if (found == interfaces_.end()) return {};
    auto& setting = ipv4 ? found->second.ignores_linkdown4 : found->second.ignores_linkdown6;
    if (setting == ignore) return {};
    setting = ignore;
  }
  effect.linkdown_setting_changed = true;
  return effect;
}

void InterfaceMirror::begin_list(Kind kind) {
  if (kind == Kind::kAddresses) {
    listing_addresses_ = true;
    listed_addresses_.clear();
    return;
  }
  unseen_links_.clear();
  for (const auto& [ifindex, interface] : interfaces_) unseen_links_.push_back(ifindex);
}

void InterfaceMirror::abandon_list() {
  listing_addresses_ = false;
  listed_addresses_.clear();
  unseen_links_.clear();
}

std::vector<InterfaceMirror::Effect> InterfaceMirror::end_list(Kind kind) {
  std::vector<Effect> effects;
  if (kind == Kind::kLinks) {
    for (const uint32_t ifindex : unseen_links_) {
      if (interfaces_.erase(ifindex) == 0) continue;
      ++generation_;
      effects.push_back({.ifindex = ifindex, .removed = true});
    }
    unseen_links_.clear();
    return effects;
  }
  listing_addresses_ = false;
  for (auto& [ifindex, interface] : interfaces_) {
    std::vector<InterfaceAddress> of4;
    std::vector<InterfaceAddress> of6;
    for (const InterfaceAddress& each : listed_addresses_[ifindex]) {
      (each.address.is_mapped() ? of4 : of6).push_back(each);
    }
    effects.push_back(set_addresses(interface, interface.addresses4, std::move(of4)));
    effects.push_back(set_addresses(interface, interface.addresses6, std::move(of6)));
  }
  listed_addresses_.clear();
  return effects;
}

}  // namespace starocean::control
