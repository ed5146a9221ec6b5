#include "starocean/control/route_values.h"

#include <linux/rtnetlink.h>

#include <algorithm>
#include <bit>

namespace starocean::control {
namespace {

using table::RouteKind;

uint64_t mix(uint64_t hash, uint64_t word) {
  hash = (hash ^ word) * 0x9e3779b97f4a7c15u;  // 2^64 / golden ratio (Knuth, TAOCP 3, 6.4)
  return hash ^ hash >> 29;
}

uint64_t mix(uint64_t hash, const net::Ipv6Address& address) {
  const auto words = std::bit_cast<std::array<uint64_t, 2>>(address.bytes());
  return mix(mix(hash, words[0]), words[1]);
}

uint64_t hash_of(const RouteValue& value) {
  uint64_t hash = mix(static_cast<uint64_t>(value.family) << 16 | static_cast<uint64_t>(value.kind),
                      uint64_t{value.next_hop_id} << 1 | (value.advertised ? 1u : 0u));
  hash = mix(hash, value.source);
  for (const RouteHop& hop : value.hops) {
    hash = mix(hash, uint64_t{hop.ifindex} << 32 | hop.weight << 1 | (hop.encap ? 1u : 0u));
    if (hop.gateway) hash = mix(hash, *hop.gateway);
  }
  return hash;
}

bool is_same_hop(const RouteHop& a, const RouteHop& b) {
  return a.ifindex == b.ifindex && a.gateway == b.gateway && a.weight == b.weight &&
         a.encap == b.encap;
}

bool is_equal(const RouteValue& a, const RouteValue& b) {
  return a.family == b.family && a.kind == b.kind && a.advertised == b.advertised &&
         a.next_hop_id == b.next_hop_id && a.source == b.source &&
         std::ranges::equal(a.hops, b.hops, is_same_hop);
}

auto order_of(const RouteHop& hop) {
  return std::pair(hop.ifindex, hop.gateway.value_or(net::Ipv6Address()));
}

// The identity of what the message says, into `value`, whose memory is used again.
void take_identity(const RouteMessage& message, RouteValue& value) {
  value.family = message.prefix.family;
  value.kind = message.kind;
  value.next_hop_id = message.next_hop_id;
  const bool ipv4 = value.family == net::IpFamily::kIpv4;
  value.source = ipv4 ? message.preferred_source : net::Ipv6Address();
  value.advertised = !ipv4 && (message.protocol == RTPROT_RA || message.protocol == RTPROT_KERNEL ||
                               message.protocol == RTPROT_REDIRECT);
  value.hops.clear();
  if (value.next_hop_id != 0) {
    // Whether it forwards is for the object to say, which may change. Its next hops are repeated in the message.
    if (value.kind == RouteKind::kBlackhole) value.kind = RouteKind::kForward;
  } else {
    value.hops = message.hops;
    // Linux tells them from the one on that changed; the order means nothing.
    if (!ipv4) std::ranges::sort(value.hops, {}, order_of);
  }
}

}  // namespace

bool RouteValue::uses(uint32_t ifindex) const {
  return std::ranges::find(devices, ifindex) != devices.end();
}

RouteValues::RouteValues(const InterfaceMirror& interfaces, const NextHopObjects& objects)
    : interfaces_(interfaces), objects_(objects), values_(1) {}

ValueIndex RouteValues::find(const RouteValue& wanted) const {
  const auto [begin, end] = by_hash_.equal_range(hash_of(wanted));
  for (auto each = begin; each != end; ++each) {
    if (is_equal(*values_[each->second], wanted)) return each->second;
  }
  return 0;
}

ValueIndex RouteValues::find(const RouteMessage& message) const {
  take_identity(message, wanted_);
  return find(wanted_);
}

bool RouteValues::is_same(ValueIndex index, const RouteMessage& message) const {
  take_identity(message, wanted_);
  return is_equal(*values_[index], wanted_);
}

ValueIndex RouteValues::intern(const RouteMessage& message) {
  if (const ValueIndex found = find(message); found != 0) {
    take_dead_flags(*values_[found], wanted_.hops);
    return found;
  }
  return insert(wanted_);
}

ValueIndex RouteValues::intern_with(ValueIndex base, std::vector<RouteHop> hops) {
  const RouteValue& old = *values_[base];
  RouteValue value;
  value.family = old.family;
  value.kind = old.kind;
  value.advertised = old.advertised;
  value.source = old.source;
  value.hops = std::move(hops);
  if (const ValueIndex found = find(value); found != 0) return found;
  return insert(std::move(value));
}

ValueIndex RouteValues::insert(RouteValue value) {
  ValueIndex index = static_cast<ValueIndex>(values_.size());
  if (free_.empty()) {
    values_.emplace_back();
  } else {
    index = free_.back();
    free_.pop_back();
  }
  derive(value);
  by_hash_.emplace(hash_of(value), index);
  values_[index] = std::make_unique<RouteValue>(std::move(value));
  return index;
}

void RouteValues::forget(ValueIndex index) {
  const auto [begin, end] = by_hash_.equal_range(hash_of(*values_[index]));
  const auto found =
      std::find_if(begin, end, [&](const auto& each) { return each.second == index; });
  if (found != end) by_hash_.erase(found);
}

void RouteValues::release(ValueIndex index) {
  --values_[index]->references;
  drop_unused(index);
}

void RouteValues::drop_unused(ValueIndex index) {
  if (values_[index] == nullptr || values_[index]->references != 0) return;
  forget(index);
  values_[index].reset();
  free_.push_back(index);
}

void RouteValues::mark_changed(RouteValue& value) {
  value.changed = ++epochs_[value.family == net::IpFamily::kIpv6];
}

void RouteValues::retire(ValueIndex index) {
  RouteValue& value = *values_[index];
  if (value.retired) return;
  forget(index);
  value.retired = true;
  value.usable = false;
  mark_changed(value);
}

// The kernel shares next hops among routes as we do, so that the flags of one message hold for all.
void RouteValues::take_dead_flags(RouteValue& value, const std::vector<RouteHop>& hops) {
  bool different = false;
  for (size_t i = 0; i < hops.size(); ++i) {
    different |= value.hops[i].dead != hops[i].dead;
    value.hops[i].dead = hops[i].dead;
  }
  if (different) rederive(value);
}

std::vector<RouteHop> RouteValues::hops_of(const RouteValue& value) const {
  return value.next_hop_id == 0 ? value.hops : objects_.resolve(value.next_hop_id);
}

bool RouteValues::derive(RouteValue& value) const {
  const std::vector<RouteHop> hops = hops_of(value);
  value.devices.clear();
  for (const RouteHop& hop : hops) value.devices.push_back(hop.ifindex);
  table::Route route{.kind = value.kind, .next_hops = {}};
  bool usable = true;
  if (value.kind == RouteKind::kForward && objects_.is_blackhole(value.next_hop_id)) {
    route.kind = RouteKind::kBlackhole;
  } else if (value.kind == RouteKind::kForward) {
    const bool encap = std::ranges::any_of(hops, &RouteHop::encap);
    for (const RouteHop& hop : hops) {
      if (hop.dead || !interfaces_.forwards(hop.ifindex, value.family)) continue;
      route.next_hops.push_back(
          {.ifindex = hop.ifindex, .gateway = hop.gateway, .weight = hop.weight});
    }
    usable = !route.next_hops.empty();
    // A tunnel that only Linux knows: a device that is never ours makes it Linux's way.
    if (encap && usable) route.next_hops = {{.ifindex = 0, .gateway = std::nullopt, .weight = 1}};
  }
  if (usable == value.usable && route == value.route) return false;
  value.usable = usable;
  value.route = std::move(route);
  return true;
}

void RouteValues::rederive(RouteValue& value) {
  if (!value.retired && derive(value)) mark_changed(value);
}

void RouteValues::interface_changed(uint32_t ifindex) {
  for (const auto& value : values_) {
    if (value == nullptr || !value->uses(ifindex)) continue;
    // What was dead by an earlier state may be alive; a list of the device's routes is to say so.
    if (interfaces_.forwards(ifindex, value->family)) {
      for (RouteHop& hop : value->hops) {
        if (hop.ifindex == ifindex) hop.dead = false;
      }
    }
    rederive(*value);
  }
}

void RouteValues::all_interfaces_changed() {
  for (const auto& value : values_) {
    if (value != nullptr) rederive(*value);
  }
}

void RouteValues::objects_changed(NextHopObjects::Changed ids) {
  std::ranges::sort(ids);
  for (ValueIndex index = 1; index < values_.size(); ++index) {
    RouteValue* const value = values_[index].get();
    if (value == nullptr || value->next_hop_id == 0) continue;
    if (!std::ranges::binary_search(ids, value->next_hop_id)) continue;
    if (objects_.contains(value->next_hop_id)) {
      rederive(*value);
    } else {
      retire(index);
    }
  }
}

void RouteValues::retire_of_device(uint32_t ifindex, bool gone) {
  const auto is_dead = [&](const RouteHop& hop) {
    if (hop.ifindex == ifindex) return true;
    const Interface* const other = interfaces_.find(hop.ifindex);
    return other != nullptr && !other->up;
  };
  for (ValueIndex index = 1; index < values_.size(); ++index) {
    const RouteValue* const value = values_[index].get();
    if (value == nullptr || value->family != net::IpFamily::kIpv4 || value->next_hop_id != 0) {
      continue;
    }
    // Local addresses outlive the link that they are on (a next hop of scope "nowhere").
    if (!value->uses(ifindex) || (!gone && value->kind == RouteKind::kLocal)) continue;
    if (gone || std::ranges::all_of(value->hops, is_dead)) retire(index);
  }
}

bool RouteValues::has_dead_hop(uint32_t ifindex) const {
  return std::ranges::any_of(values_, [&](const auto& value) {
    return value != nullptr && std::ranges::any_of(value->hops, [&](const RouteHop& hop) {
             return hop.dead && hop.ifindex == ifindex;
           });
  });
}

bool RouteValues::retire_of_source(const net::Ipv6Address& address, uint32_t ifindex) {
  bool elsewhere = false;
  for (ValueIndex index = 1; index < values_.size(); ++index) {
    const RouteValue* const value = values_[index].get();
    if (value == nullptr || value->retired || value->source != address) continue;
    elsewhere |= !value->uses(ifindex);
    retire(index);
  }
  return elsewhere;
}

size_t RouteValues::memory_bytes() const {
  size_t bytes = values_.capacity() * sizeof(values_[0]) + by_hash_.size() * 40;
  for (const auto& value : values_) {
    if (value == nullptr) continue;
    bytes += sizeof(RouteValue) + value->hops.capacity() * sizeof(RouteHop) +
             value->route.next_hops.capacity() * sizeof(table::NextHop) +
             value->devices.capacity() * sizeof(uint32_t);
  }
  return bytes;
}

}  // namespace starocean::control
