// What is done to a packet that is forwarded.

#include <algorithm>
#include <cstring>

#include "starocean/dataplane/router.h"
#include "starocean/dataplane/vlan_tag.h"
#include "starocean/net/forwarding.h"
#include "starocean/net/fragment.h"
#include "starocean/net/mss_clamp.h"

namespace starocean::dataplane {
namespace {

constexpr uint32_t kTagBytes = 4;

// Copies `length` bytes from `offset` on, wherever they lie.
void copy_out(const Packet& packet, const xsk::Umem& umem, uint32_t offset, uint32_t length,
              std::byte* to) {
  const auto copy_from = [&](const xsk::Buffer& buffer) {
    if (offset >= buffer.len_bytes) {
      offset -= buffer.len_bytes;
      return;
    }
    const uint32_t count = std::min(length, buffer.len_bytes - offset);
    std::memcpy(to, umem.data(buffer) + offset, count);
    to += count;
    length -= count;
    offset = 0;
  };
  copy_from(packet.head);
  for (const xsk::Buffer& buffer : packet.rest) {
    if (length == 0) return;
    copy_from(buffer);
  }
}

}  // namespace

// All but the MAC addresses.
void Router::prepare(Transit& transit, const RouteQuery& query, const RoutedInterface& egress) {
  Packet& packet = *transit.packet;
  PortCounters& counters = egress_.counters(transit.account);
  const bool clamps = transit.in->mss_clamp_mtu_bytes != 0 || egress.mss_clamp_mtu_bytes != 0;
  if (clamps && query.is_syn) [[unlikely]]
    clamp(transit, egress);
  std::byte* const ip = umem_.data(packet.head) + kEthernetBytes;
  if (query.is_v4()) {
    net::decrement_ttl(*reinterpret_cast<net::Ipv4Header*>(ip));
    counters.add(PortCounter::routed4);
  } else {
    --reinterpret_cast<net::Ipv6Header*>(ip)->hop_limit;
    counters.add(PortCounter::routed6);
  }
  // Padding, or whatever is behind the packet, stays behind.
  const uint32_t frame_bytes = kEthernetBytes + query.ip_bytes;
  if (packet.len_bytes > frame_bytes) [[unlikely]]
    trim(packet, frame_bytes);
}

void Router::clamp(Transit& transit, const RoutedInterface& egress) {
  Packet& packet = *transit.packet;
  uint32_t mtu_bytes = UINT32_MAX;
  for (const uint32_t limit : {transit.in->mss_clamp_mtu_bytes, egress.mss_clamp_mtu_bytes}) {
    if (limit != 0) mtu_bytes = std::min(mtu_bytes, limit);
  }
  const auto head = umem_.bytes(packet.head);
  const net::ParsedPacket parsed = net::parse(head, packet.len_bytes);
  if (net::clamp_mss(head, parsed, net::mss_for_mtu(parsed.ip_version, mtu_bytes))) {
    egress_.counters(transit.account).add(PortCounter::mss_clamped);
  }
}

void Router::trim(Packet& packet, uint32_t len_bytes) {
  packet.len_bytes = len_bytes;
  packet.head.len_bytes =
      static_cast<uint16_t>(std::min<uint32_t>(packet.head.len_bytes, len_bytes));
  uint32_t left = len_bytes - packet.head.len_bytes;
  size_t kept = 0;
  for (xsk::Buffer& buffer : packet.rest) {
    if (left == 0) {
      pool_.put(std::move(buffer.frame));
      continue;
    }
    buffer.len_bytes = static_cast<uint16_t>(std::min<uint32_t>(buffer.len_bytes, left));
    left -= buffer.len_bytes;
    ++kept;
  }
  packet.rest = packet.rest.first(kept);
}

void Router::wait(Packet& packet, NeighbourQueue::Origin origin, const RouteQuery& query,
                  const Verdict& verdict, const Turn& turn) {
  if (packet.buffers() > kMaxTransmitBuffers) {
    egress_.drop(packet, origin.account, PortCounter::drop_fragments);
    return;
  }
  const bool is_known = verdict.adjacency != 0;
  const table::NeighbourState state = is_known ? table::Adjacency::state_of(verdict.neighbour_word)
                                               : table::NeighbourState::kUnresolved;
  const net::Ipv6Address address =
      is_known ? turn.snapshot.fib->adjacency(verdict.adjacency).address : query.tuple.dst;
  queue_.wait(packet, origin, verdict.egress, verdict.ifindex, address, state, turn.now_ns);
}

void Router::send(Packet& packet, PortId account, const RoutedInterface& egress, uint64_t mac,
                  const Turn& turn) {
  if (packet.len_bytes > kEthernetBytes + egress.mtu_bytes) [[unlikely]] {
    return cut(packet, account, egress, mac, turn);
  }
  leave(packet, account, egress, mac, turn);
}

// Into frames of their own, each of one buffer. What cannot be cut is too long for an egress whose MTU has
// just changed. When frames run out, what has been cut by then is under way.
void Router::cut(Packet& packet, PortId account, const RoutedInterface& egress, uint64_t mac,
                 const Turn& turn) {
  PortCounters& counters = egress_.counters(account);
  net::Ipv4Header header;
  std::memcpy(&header, umem_.data(packet.head) + kEthernetBytes, sizeof header);
  const bool may = header.version_ihl == 0x45 && !header.dont_fragment();
  const uint32_t room_bytes = umem_.packet_room() - kEthernetBytes - kTagBytes;
  const net::FragmentPlan plan =
      may ? net::plan_fragments(header, std::min(egress.mtu_bytes, room_bytes))
          : net::FragmentPlan();
  if (plan.count == 0) {
    egress_.drop(packet, account, PortCounter::drop_egress_mtu);
    return;
  }
  counters.add(PortCounter::fragmented);
  for (uint16_t number = 0; number < plan.count; ++number) {
    xsk::Frame frame = pool_.take();
    if (!frame) {
      egress_.drop(packet, account, PortCounter::drop_no_frame);
      return;
    }
    const bool is_last = number + 1 == plan.count;
    const net::Ipv4Header piece_header = net::fragment_header(header, plan, number);
    const uint32_t piece_bytes = kEthernetBytes + piece_header.total_length.host();
    Packet piece;
    piece.len_bytes = piece_bytes;
    piece.head = {std::move(frame), static_cast<uint16_t>(umem_.packet_offset()),
                  static_cast<uint16_t>(piece_bytes)};
    std::byte* const to = umem_.data(piece.head);
    copy_out(packet, umem_, 0, kEthernetBytes, to);
    std::memcpy(to + kEthernetBytes, &piece_header, sizeof piece_header);
    const auto headers = static_cast<uint32_t>(kEthernetBytes + sizeof piece_header);
    copy_out(packet, umem_, headers + uint32_t{number} * plan.piece_bytes, piece_bytes - headers,
             to + headers);
    if (!is_last) counters.add(PortCounter::copies);
    leave(piece, account, egress, mac, turn);
  }
  egress_.release(packet);
}

void Router::leave(Packet& packet, PortId account, const RoutedInterface& egress, uint64_t mac,
                   const Turn& turn) {
  const std::array<net::MacAddress, 2> macs = {mac_from_u64(mac), mac_from_u64(egress.mac)};
  std::memcpy(umem_.data(packet.head), macs.data(), sizeof macs);
  if (egress.bridge.valid()) {
    packet.destination = mac;
    packet.source = egress.mac;
    if (!to_switch_.has_room()) flush_to_switch(turn);
    to_switch_.add(packet, egress.id, account);
    return;
  }
  if (egress.vlan != 0 && !push_tag(packet, umem_, {net::kEtherTypeVlan, egress.vlan})) {
    egress_.drop(packet, account, PortCounter::drop_no_headroom);
    return;
  }
  egress_.send(packet, turn.snapshot.ports[egress.port.index()]);
}

void Router::flush_to_switch(const Turn& turn) {
  if (to_switch_.count == 0) return;
  switch_.forward_routed(to_switch_, turn.snapshot, umem_, turn.now_ns);
}

}  // namespace starocean::dataplane
