#include "starocean/dataplane/filtering_switch.h"

#include <cstring>

#include "starocean/base/cpu.h"

namespace starocean::dataplane {
namespace {

constexpr uint32_t kEthernetHeaderBytes = 14;

}  // namespace

void FilteringSwitch::process(Batch& batch, const SwitchTurn& turn, RoutedBatch& to_router) {
  const Port& in = turn.snapshot.ports[batch.in_port.index()];
  const Bridge& bridge = turn.snapshot.bridges[in.bridge.index()];
  classify_all(batch, in, bridge, turn);
  if (in.finish_checksums) {
    if (const uint64_t finished = finish_checksums(batch, turn.umem); finished != 0) {
      egress_.counters(in.id).add(PortCounter::checksums_finished, finished);
    }
  }
  for (uint32_t i = 0; i < batch.count; ++i) {
    Packet& packet = batch.packets[i];
    const FrameVlan& vlan = vlans_[i];
    if (in.member->mirror_in) mirror(packet, in.member->mirror_to, turn);
    if (packet.head.len_bytes < kEthernetHeaderBytes) [[unlikely]] {
      egress_.drop(packet, in.id, PortCounter::drop_runt);
      continue;
    }
    const net::MacAddress source = mac_from_u64(packet.source);
    if (source.is_multicast() || packet.source == 0) [[unlikely]] {
      egress_.drop(packet, in.id, PortCounter::drop_bad_source);
      continue;
    }
    if (mac_from_u64(packet.destination).is_reserved_8021d()) [[unlikely]] {
      if (in.can_punt) {
        egress_.punt(packet, in);
      } else {
        egress_.drop(packet, in.id, PortCounter::drop_reserved);
      }
      continue;
    }
    if (vlan.refusal != PortCounter::kCount) [[unlikely]] {
      egress_.drop(packet, in.id, vlan.refusal);
      continue;
    }
    const Transit transit{
        packet, vlan,  bridge, *bridge.rules,
        turn,   in.id, &in,    learning_domain(bridge.rules.get(), bridge.id, vlan.vlan)};
    if (!learn(transit)) [[unlikely]] {
      egress_.drop(packet, in.id, PortCounter::drop_sticky);
      continue;
    }
    forward(transit, to_router);
  }
}

// Addresses and VLANs first, so that the MAC table's lines travel to the cache while the next headers are read.
void FilteringSwitch::classify_all(Batch& batch, const Port& in, const Bridge& bridge,
                                   const SwitchTurn& turn) {
  const table::MacTable& macs = bridge.macs->table();
  const BridgeRules& rules = *bridge.rules;
  for (uint32_t i = 0; i < batch.count; ++i) {
    Packet& packet = batch.packets[i];
    if (rules.vlan_aware) {
      classify(turn.umem.bytes(packet.head), *in.member, vlans_[i]);
    } else {
      vlans_[i] = FrameVlan();
    }
    if (packet.head.len_bytes < kEthernetHeaderBytes) continue;
    const std::byte* header = turn.umem.data(packet.head);
    packet.destination = load_mac(header).as_u64();
    packet.source = load_mac(header + net::MacAddress::kSize).as_u64();
    const BridgeId domain = learning_domain(&rules, bridge.id, vlans_[i].vlan);
    macs.prefetch(domain, packet.source);
    macs.prefetch(domain, packet.destination);
  }
}

// False: the address belongs to another member, from which it does not move.
bool FilteringSwitch::learn(const Transit& transit) {
  const BridgeMember& member = *transit.in->member;
  const bool limited = member.mac_limit != BridgeMember::kNoLimit;
  const uint64_t mac = transit.packet.source;
  if (transit.rules.any_sticky || limited) {
    const table::MacLookup known = transit.bridge.macs->table().lookup(
        transit.domain, mac, transit.turn.now_ms, transit.bridge.aging_ms);
    const bool here = known.found && known.port == transit.from;
    if (known.found && !here && !known.is_static) {
      const BridgeMember* other = transit.rules.member(known.port);
      if (other != nullptr && other->sticky) return false;
    }
    if (limited && !here && transit.bridge.macs->on_port(transit.from) >= member.mac_limit) {
      egress_.counters(transit.from).add(PortCounter::mac_limit_reached);
      return true;
    }
  }
  learner_.learn(mac, transit.from, transit.bridge, transit.domain, transit.turn.now_ms);
  return true;
}

void FilteringSwitch::enter(Packet& packet, PortId account, const RoutedInterface& from,
                            const SwitchTurn& turn) {
  const Bridge& bridge = turn.snapshot.bridges[from.bridge.index()];
  if (packet.head.len_bytes < kEthernetHeaderBytes) {
    egress_.drop(packet, account, PortCounter::drop_runt);
    return;
  }
  packet.destination = load_mac(turn.umem.data(packet.head)).as_u64();
  FrameVlan vlan;
  vlan.vlan = from.vlan;
  const Transit transit{
      packet, vlan,    bridge,  *bridge.rules,
      turn,   account, nullptr, learning_domain(bridge.rules.get(), bridge.id, from.vlan)};
  const net::MacAddress destination = mac_from_u64(packet.destination);
  if (destination.is_reserved_8021d()) {
    egress_.drop(packet, account, PortCounter::drop_reserved);
  } else if (destination.is_multicast()) {
    forward_group(transit, destination.is_broadcast());
  } else {
    const table::MacLookup found = bridge.macs->table().lookup(transit.domain, packet.destination,
                                                               turn.now_ms, bridge.aging_ms);
    if (found.found) {
      send(transit, packet, turn.snapshot.ports[found.port.index()]);
    } else {
      flood(transit, nullptr, nullptr);
    }
  }
}

void FilteringSwitch::forward(const Transit& transit, RoutedBatch& to_router) {
  const net::MacAddress destination = mac_from_u64(transit.packet.destination);
  if (destination.is_multicast()) {
    forward_group(transit, destination.is_broadcast());
  } else if (transit.packet.destination == transit.in->mac && transit.in->can_punt) {
    egress_.punt(transit.packet, *transit.in);
  } else {
    forward_unicast(transit, to_router);
  }
}

void FilteringSwitch::forward_group(const Transit& transit, bool is_broadcast) {
  if (is_broadcast) {
    if (!admit(transit, StormKind::kBroadcast, PortCounter::drop_storm_broadcast)) return;
  } else if (!admit(transit, StormKind::kMulticast, PortCounter::drop_storm_multicast)) {
    return;
  }
  const PortSet* only =
      transit.rules.multicast_snooping && !is_broadcast ? receivers(transit) : nullptr;
  flood(transit, only, transit.in == nullptr ? nullptr : interface_of(transit));
}

void FilteringSwitch::forward_unicast(const Transit& transit, RoutedBatch& to_router) {
  const Bridge& bridge = transit.bridge;
  if (!bridge.vlan_interfaces.empty()) {
    const RoutedInterface* interface = interface_of(transit);
    if (interface != nullptr && interface->mac == transit.packet.destination) {
      route(transit, *interface, to_router);
      return;
    }
  }
  const table::MacLookup found = bridge.macs->table().lookup(
      transit.domain, transit.packet.destination, transit.turn.now_ms, bridge.aging_ms);
  if (!found.found) {
    if (admit(transit, StormKind::kUnknownUnicast, PortCounter::drop_storm_unicast)) {
      flood(transit, nullptr, nullptr);
    }
  } else if (found.port == transit.from) {
    egress_.drop(transit.packet, transit.from, PortCounter::drop_same_port);
  } else {
    send(transit, transit.packet, transit.turn.snapshot.ports[found.port.index()]);
  }
}

void FilteringSwitch::route(const Transit& transit, const RoutedInterface& interface,
                            RoutedBatch& to_router) {
  untag(transit.packet, transit.turn.umem, transit.vlan);
  if (interface.vrf == RoutedInterface::kNoVrf) {
    egress_.deliver(transit.packet, transit.from, interface);
  } else {
    to_router.add(transit.packet, interface.id, transit.from);
  }
}

bool FilteringSwitch::admit(const Transit& transit, StormKind kind, PortCounter reason) {
  const Port* in = transit.in;
  if (in == nullptr || in->member->storm == nullptr) return true;
  if (in->member->storm->admit(kind, transit.turn.now_ns)) return true;
  egress_.drop(transit.packet, transit.from, reason);
  return false;
}

void FilteringSwitch::flood(const Transit& transit, const PortSet* only,
                            const RoutedInterface* linux_device) {
  Packet& packet = transit.packet;
  egress_.counters(transit.from).add(PortCounter::flooded);
  const Port* last = nullptr;
  for (const BridgeMember& member : transit.rules.members) {
    const bool is_in = transit.in != nullptr && member.port == transit.from;
    if (is_in || (transit.rules.vlan_aware && !member.vlans[transit.vlan.vlan])) continue;
    if (only != nullptr && !only->contains(member.port)) continue;
    const Port& to = transit.turn.snapshot.ports[member.port.index()];
    if (!to.attached || !to.up) continue;
    // One behind: the last port gets the original, all others a copy.
    if (last != nullptr) {
      Packet copy;
      if (egress_.duplicate(packet, copy, last->id)) send(transit, copy, *last);
    }
    last = &to;
  }
  if (linux_device != nullptr) {
    Packet copy;
    Packet* for_linux = last == nullptr ? &packet : &copy;
    if (last == nullptr || egress_.duplicate(packet, copy, transit.from)) {
      untag(*for_linux, transit.turn.umem, transit.vlan);
      egress_.deliver(*for_linux, transit.from, *linux_device);
    }
    if (last == nullptr) return;
  }
  if (last == nullptr) {
    egress_.drop(packet, transit.from, PortCounter::drop_no_member);
  } else {
    send(transit, packet, *last);
  }
}

void FilteringSwitch::send(const Transit& transit, Packet& packet, const Port& to) {
  const BridgeMember* member = to.member;
  // A port that has gone: send() says why it does not take it.
  if (member == nullptr) return egress_.send(packet, to);
  if (transit.rules.vlan_aware) {
    if (!member->vlans[transit.vlan.vlan]) [[unlikely]] {
      egress_.drop(packet, to.id, PortCounter::drop_vlan_egress);
      return;
    }
    if (!retag(packet, transit.turn.umem, transit.vlan, *member)) [[unlikely]] {
      egress_.drop(packet, to.id, PortCounter::drop_no_headroom);
      return;
    }
  }
  if (member->mirror_out && egress_.takes(packet, to))
    mirror(packet, member->mirror_to, transit.turn);
  egress_.send(packet, to);
}

void FilteringSwitch::mirror(const Packet& packet, PortId to, const SwitchTurn& turn) {
  const Port& monitor = turn.snapshot.ports[to.index()];
  if (!monitor.attached || !monitor.up) return;
  Packet copy;
  if (egress_.duplicate(packet, copy, monitor.id)) egress_.send(copy, monitor);
}

const RoutedInterface* FilteringSwitch::interface_of(const Transit& transit) const {
  const auto& interfaces = transit.turn.snapshot.interfaces;
  for (const VlanInterface& vlan : transit.bridge.vlan_interfaces) {
    if (vlan.vlan != transit.vlan.vlan) continue;
    const RoutedInterface& interface = interfaces[vlan.interface.index()];
    return interface.active ? &interface : nullptr;
  }
  return nullptr;
}

}  // namespace starocean::dataplane
