#include "starocean/dataplane/l2_switch.h"

#include <cstring>

#include "starocean/base/cpu.h"

namespace starocean::dataplane {
namespace {

constexpr uint32_t kEthernetHeaderBytes = 14;

net::MacAddress load_mac(const std::byte* at) {
  net::MacAddress mac;
  std::memcpy(&mac, at, sizeof mac);
  return mac;
}

}  // namespace

net::MacAddress mac_from_u64(uint64_t mac) {
  const auto first = static_cast<uint32_t>(mac);
  const auto last = static_cast<uint16_t>(mac >> 32);
  net::MacAddress::Bytes bytes{};
  std::memcpy(bytes.data(), &first, sizeof first);
  std::memcpy(bytes.data() + sizeof first, &last, sizeof last);
  return net::MacAddress(bytes);
}

void L2Switch::process(Batch& batch, const Snapshot& snapshot, xsk::Umem& umem, uint32_t now_ms) {
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
    learn(packet, in, bridge, now_ms);
    forward(packet, in, bridge, snapshot, now_ms);
  }
}

void L2Switch::learn(const Packet& packet, const Port& in, const Bridge& bridge, uint32_t now_ms) {
  table::MacTable& macs = bridge.macs->table();
  // At the limit only what is known may be refreshed or move.
  if (bridge.macs->full() && !macs.lookup(bridge.id, packet.source, now_ms, bridge.aging_ms).found)
      [[unlikely]] {
    egress_.counters(in.id).add(PortCounter::mac_table_full);
    return;
  }
  const table::LearnResult result =
      macs.learn(bridge.id, packet.source, in.id, now_ms, bridge.aging_ms);
  switch (result.kind) {
    case table::LearnResult::kKnown:
    case table::LearnResult::kRefreshed:
    case table::LearnResult::kStatic:
      return;
    case table::LearnResult::kLearned:
      egress_.counters(in.id).add(PortCounter::mac_learned);
      return;
    case table::LearnResult::kMoved:
      egress_.counters(in.id).add(PortCounter::mac_moved);
      // A full ring only means that the control thread has more than enough of them.
      moves_.push(MacMove{packet.source, bridge.id, result.previous, in.id});
      return;
    case table::LearnResult::kFull:
      egress_.counters(in.id).add(PortCounter::mac_table_full);
      return;
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

}  // namespace starocean::dataplane
