#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

#include <fmt/format.h>

#include "starocean/control/netlink_values.h"
#include "starocean/control/route_mirror_impl.h"

namespace starocean::control {

// True: there may be more.
bool RouteMirror::Impl::read_news(size_t budget) {
  const auto progress =
      news_.read(budget, [&](std::span<const std::byte> message) { on_news(message); });
  if (!progress) {
    list_problem_ = progress.error().message();
    drained_ = true;
    return false;
  }
  stats_.news += progress->messages;
  drained_ = progress->drained;
  if (progress->lost) {
    lost_ = true;
    ++stats_.lost_news;
  }
  if (lost_ && drained_) {
    lost_ = false;
    request_all();
  }
  return !drained_;
}

void RouteMirror::Impl::on_news(std::span<const std::byte> message) {
  const nlmsghdr* const header = checked_header(message, 0);
  if (header == nullptr) return;
  switch (header->nlmsg_type) {
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
      return on_route(message, false);
    case RTM_NEWNEIGH:
    case RTM_DELNEIGH:
      if (const auto neighbour = parse_neighbour(message)) neighbours_.apply(*neighbour);
      return;
    case RTM_NEWLINK:
    case RTM_DELLINK:
      disturb(ListStep::Kind::kLinks);
      return on_interface(interfaces_.apply(message));
    case RTM_NEWADDR:
    case RTM_DELADDR:
      disturb(ListStep::Kind::kAddresses);
      return on_interface(interfaces_.apply(message));
    case RTM_NEWNETCONF:
      return on_interface(interfaces_.apply(message));
    case RTM_NEWNEXTHOP:
    case RTM_DELNEXTHOP:
      disturb(ListStep::Kind::kNextHops);
      // Which routes lead through a device is the objects' say.
      if (running_ && running_->ifindex != 0) disturbed_ = true;
      if (const auto object = parse_next_hop(message)) on_objects(objects_.apply(*object));
      return;
    case RTM_NEWRULE:
    case RTM_DELRULE:
      request(ListStep::rules(net::IpFamily::kIpv4));
      return request(ListStep::rules(net::IpFamily::kIpv6));
    default:
      return;
  }
}

void RouteMirror::Impl::on_route(std::span<const std::byte> message, bool listed) {
  if (!parse_route(message, route_)) return;
  const auto place = place_of(route_.table);
  if (!place) return;
  if (refused_.note(route_)) return;
  const auto give = [&](auto& routes) {
    if (listed) {
      routes.listed(*place, route_);
    } else {
      routes.apply(*place, route_);
    }
  };
  if (route_.prefix.family == net::IpFamily::kIpv4) {
    give(routes4_);
  } else {
    give(routes6_);
  }
}

void RouteMirror::Impl::on_objects(const NextHopObjects::Changed& changed) {
  if (!changed.empty()) values_.objects_changed(changed);
}

void RouteMirror::Impl::request_routes_of(uint32_t ifindex) {
  request(ListStep::next_hops());
  request(ListStep::routes_of_device(net::IpFamily::kIpv4, ifindex));
  request(ListStep::routes_of_device(net::IpFamily::kIpv6, ifindex));
}

// What the kernel does to routes without telling: first as far as it can be said from here, then by a list.
void RouteMirror::Impl::on_interface(const InterfaceMirror::Effect& effect) {
  if (effect.ifindex == 0) return;
  if (effect.linkdown_setting_changed) {
    if (effect.ifindex == NetconfMessage::kAll) return values_.all_interfaces_changed();
    return values_.interface_changed(effect.ifindex);
  }
  // IPv6 brings the dead back when the link is ready, which may be after it is up and shows in no flag
  // (net/ipv6/addrconf.c, addrconf_notify); the kernel then tells of the link once more.
  const bool revived = effect.link && interfaces_.forwards(effect.ifindex, net::IpFamily::kIpv6) &&
                       values_.has_dead_hop(effect.ifindex);
  const bool silent_change =
      effect.removed || effect.went_down || effect.came_up || effect.carrier_changed || revived;
  if (effect.removed || effect.went_down) {
    values_.retire_of_device(effect.ifindex, effect.removed);
  }
  if (effect.removed || effect.went_down || effect.carrier_lost) {
    on_objects(objects_.remove_of_device(effect.ifindex));
  }
  if (silent_change || effect.appeared || effect.first_ipv4) {
    values_.interface_changed(effect.ifindex);
  }
  if (silent_change) {
    request_routes_of(effect.ifindex);
  } else if (effect.first_ipv4) {  // dead next hops live again
    request(ListStep::routes_of_device(net::IpFamily::kIpv4, effect.ifindex));
  }
  if (!effect.addresses_gone.empty()) on_addresses_gone(effect);
}

void RouteMirror::Impl::on_addresses_gone(const InterfaceMirror::Effect& effect) {
  bool others = false;
  bool ipv4 = false;
  for (const net::Ipv6Address& address : effect.addresses_gone) {
    if (!address.is_mapped()) continue;
    ipv4 = true;
    if (interfaces_.has_ipv4(address)) continue;
    others = values_.retire_of_source(address, effect.ifindex) || others;
  }
  if (effect.without_ipv4) values_.retire_of_device(effect.ifindex, false);
  if (!ipv4) return;
  request(ListStep::routes_of_device(net::IpFamily::kIpv4, effect.ifindex));
  if (!others) return;
  for (const MirroredTable& each : tables_) {
    if (each.table == nullptr) continue;
    request(ListStep::routes(net::IpFamily::kIpv4, each.number));
  }
}

}  // namespace starocean::control
