#include "starocean/dataplane/l2_switch.h"

#include "starocean/base/clock.h"
#include "starocean/base/cpu.h"

namespace starocean::dataplane {
namespace {

constexpr uint32_t kEthernetHeaderBytes = 14;

}  // namespace

void L2Switch::process(Batch& batch, const Snapshot& snapshot, xsk::Umem& umem, uint64_t now_ns,
                       RoutedBatch& to_router) {
  const auto now_ms = static_cast<uint32_t>(now_ns / kNsPerMs);
  const Port& in = snapshot.ports[batch.in_port.index()];
  PortCounters& counters = egress_.counters(in.id);
  uint64_t bytes = 0;
  for (Packet& packet : batch.all()) {
    prefetch_read(umem.data(packet.head));
    bytes += packet.len_bytes;
  }
  counters.add(PortCounter::rx_packets, batch.count);
  counters.add(PortCounter::rx_bytes, bytes);
  if (!in.bridge.valid()) [[unlikely]] {
    for (Packet& packet : batch.all()) egress_.drop(packet, in.id, PortCounter::drop_no_bridge);
    return;
  }
  const Bridge& bridge = snapshot.bridges[in.bridge.index()];
  if (bridge.rules != nullptr) {
    filtering_.process(batch, {snapshot, umem, snooping_.current(), now_ns, now_ms}, to_router);
    return;
  }

  // Addresses first, so that the table's lines travel to the cache while the next headers are read.
  const table::MacTable& macs = bridge.macs->table();
  for (Packet& packet : batch.all()) {
    if (packet.head.len_bytes < kEthernetHeaderBytes) continue;
    const std::byte* header = umem.data(packet.head);
    packet.destination = load_mac(header).as_u64();
    packet.source = load_mac(header + net::MacAddress::kSize).as_u64();
    macs.prefetch(bridge.id, packet.source);
    macs.prefetch(bridge.id, packet.destination);
  }
  if (in.finish_checksums) {
    if (const uint64_t finished = finish_checksums(batch, umem); finished != 0) {
      counters.add(PortCounter::checksums_finished, finished);
    }
  }
  for (Packet& packet : batch.all()) {
    if (packet.head.len_bytes < kEthernetHeaderBytes) [[unlikely]] {
      egress_.drop(packet, in.id, PortCounter::drop_runt);
      continue;
    }
    const net::MacAddress source = mac_from_u64(packet.source);
    if (source.is_multicast() || packet.source == 0) [[unlikely]] {
      egress_.drop(packet, in.id, PortCounter::drop_bad_source);
      continue;
    }
    learner_.learn(packet.source, in.id, bridge, bridge.id, now_ms);
    forward(packet, in, bridge, snapshot, now_ms);
  }
}

void L2Switch::forward(Packet& packet, const Port& in, const Bridge& bridge,
                       const Snapshot& snapshot, uint32_t now_ms) {
  const net::MacAddress destination = mac_from_u64(packet.destination);
  if (destination.is_multicast()) {
    if (!destination.is_reserved_8021d()) {
      egress_.flood(packet, in, bridge);
    } else if (in.can_punt) {
      egress_.punt(packet, in);
    } else {
      egress_.drop(packet, in.id, PortCounter::drop_reserved);
    }
    return;
  }
  if (packet.destination == in.mac && in.can_punt) {
    egress_.punt(packet, in);
    return;
  }
  const table::MacLookup found =
      bridge.macs->table().lookup(bridge.id, packet.destination, now_ms, bridge.aging_ms);
  if (!found.found) {
    egress_.flood(packet, in, bridge);
  } else if (found.port == in.id) {
    egress_.drop(packet, in.id, PortCounter::drop_same_port);
  } else {
    egress_.send(packet, snapshot.ports[found.port.index()]);
  }
}

void L2Switch::forward_routed(RoutedBatch& batch, const Snapshot& snapshot, xsk::Umem& umem,
                              uint64_t now_ns) {
  const SwitchTurn turn{snapshot, umem, snooping_.current(), now_ns,
                        static_cast<uint32_t>(now_ns / kNsPerMs)};
  for (RoutedPacket& routed : batch.all()) {
    Packet& packet = routed.packet;
    // It may have gone since.
    const bool known = routed.interface.index() < snapshot.interfaces.size() &&
                       snapshot.interfaces[routed.interface.index()].active;
    if (!known) {
      egress_.drop(packet, routed.account, PortCounter::drop_egress_down);
      continue;
    }
    const RoutedInterface& interface = snapshot.interfaces[routed.interface.index()];
    if (!interface.bridge.valid()) {
      send_by_device(packet, routed.account, interface, turn);
    } else if (snapshot.bridges[interface.bridge.index()].rules != nullptr) {
      filtering_.enter(packet, routed.account, interface, turn);
    } else {
      egress_.drop(packet, routed.account, PortCounter::drop_no_bridge);
    }
  }
  batch.clear();
}

void L2Switch::send_by_device(Packet& packet, PortId account, const RoutedInterface& interface,
                              const SwitchTurn& turn) {
  const net::VlanTag tag{net::kEtherTypeVlan, interface.vlan};
  if (packet.head.len_bytes < kEthernetHeaderBytes) {
    egress_.drop(packet, account, PortCounter::drop_runt);
  } else if (interface.vlan != 0 && !push_tag(packet, turn.umem, tag)) {
    egress_.drop(packet, account, PortCounter::drop_no_headroom);
  } else {
    egress_.send(packet, turn.snapshot.ports[interface.port.index()]);
  }
}

}  // namespace starocean::dataplane
