// What is done to a packet that has been judged.

#include <algorithm>
#include <cstring>

#include "starocean/dataplane/router.h"
#include "starocean/net/ethernet.h"
#include "starocean/net/forwarding.h"
#include "starocean/net/fragment.h"
#include "starocean/net/mss_clamp.h"

namespace starocean::dataplane {
namespace {

constexpr uint16_t kFragmentOffsetBytes = 256;  // room for headers, as the kernel leaves it

// From here on the packet begins with its IP header, and ends with its last byte: what Ethernet padded is gone.
void strip(Packet& packet, const net::ParsedPacket& parsed) {
  packet.head.offset_bytes = static_cast<uint16_t>(packet.head.offset_bytes + parsed.l3_offset);
  packet.head.len_bytes = static_cast<uint16_t>(packet.head.len_bytes - parsed.l3_offset);
  packet.len_bytes -= parsed.l3_offset;
  if (packet.rest.empty() && packet.len_bytes > parsed.l3_length) {
    packet.len_bytes = parsed.l3_length;
    packet.head.len_bytes = static_cast<uint16_t>(parsed.l3_length);
  }
}

}  // namespace

void Router::act(Job& job, const Turn& turn) {
  switch (job.verdict.fate) {
    case Fate::kForward:
      return forward(job, turn);
    case Fate::kLinux:
      return to_linux(job.packet, job.account, *job.subject.in, turn);
    case Fate::kUndecided:
    case Fate::kDrop:
      return egress_.drop(job.packet, job.account, job.verdict.reason);
    case Fate::kError:
      return fail(job, turn);
  }
}

void Router::forward(Job& job, const Turn& turn) {
  const RoutedInterface& out = turn.snapshot.interfaces[job.verdict.decision.interface.index()];
  if (job.subject.in->mss_clamp_mtu_bytes != 0 || out.mss_clamp_mtu_bytes != 0) clamp(job, out);
  const bool v4 = job.subject.family == net::IpFamily::kIpv4;
  egress_.counters(job.account).add(v4 ? PortCounter::routed4 : PortCounter::routed6);
  strip(job.packet, job.parsed);
  if (job.verdict.fragment) return forward_fragments(job, out, turn);
  resolve_and_emit(job.packet, job.account, job.subject.in->id, job.verdict.decision,
                   job.subject.destination, turn);
}

void Router::clamp(Job& job, const RoutedInterface& out) {
  uint32_t mtu_bytes = UINT32_MAX;
  for (const RoutedInterface* one : {job.subject.in, &out}) {
    if (one->mss_clamp_mtu_bytes != 0) mtu_bytes = std::min(mtu_bytes, one->mss_clamp_mtu_bytes);
  }
  const uint16_t mss = net::mss_for_mtu(job.parsed.ip_version, mtu_bytes);
  if (net::clamp_mss(umem_.bytes(job.packet.head), job.parsed, mss)) {
    egress_.counters(job.account).add(PortCounter::mss_clamped);
  }
}

void Router::forward_fragments(Job& job, const RoutedInterface& out, const Turn& turn) {
  net::Ipv4Header header;
  std::memcpy(&header, umem_.data(job.packet.head), sizeof header);
  // A piece is one frame, also where the MTU would let it be more.
  const uint32_t room_bytes = umem_.frame_size() - kFragmentOffsetBytes;
  const net::FragmentPlan plan = net::plan_fragments(header, std::min(out.mtu_bytes, room_bytes));
  if (plan.count == 0 || pool_.reserve(plan.count) < plan.count) {
    egress_.drop(job.packet, job.account,
                 plan.count == 0 ? PortCounter::drop_too_big : PortCounter::drop_no_frame);
    return;
  }
  PortCounters& counters = egress_.counters(job.account);
  counters.add(PortCounter::fragmented);
  counters.add(PortCounter::copies, plan.count - 1u);
  for (uint16_t i = 0; i < plan.count; ++i) {
    const net::Ipv4Header piece_header = net::fragment_header(header, plan, i);
    Packet piece;
    const uint32_t begin = uint32_t{i} * plan.piece_bytes;
    fill_fragment(piece, piece_header, job.packet, begin,
                  piece_header.total_length.host() - uint32_t{sizeof piece_header});
    resolve_and_emit(piece, job.account, job.subject.in->id, job.verdict.decision,
                     job.subject.destination, turn);
  }
  egress_.release(job.packet);
}

// `begin` and `len_bytes` are of the payload. The frame has been reserved.
void Router::fill_fragment(Packet& piece, const net::Ipv4Header& header, const Packet& whole,
                           uint32_t begin, uint32_t len_bytes) {
  piece.head.frame = pool_.take();
  piece.head.offset_bytes = kFragmentOffsetBytes;
  piece.head.len_bytes = static_cast<uint16_t>(sizeof header + len_bytes);
  piece.len_bytes = piece.head.len_bytes;
  std::byte* to = umem_.data(piece.head);
  std::memcpy(to, &header, sizeof header);
  to += sizeof header;
  uint32_t skip = begin + uint32_t{sizeof header};
  const auto copy_from = [&](const xsk::Buffer& buffer) {
    if (skip >= buffer.len_bytes) {
      skip -= buffer.len_bytes;
      return;
    }
    const uint32_t part = std::min<uint32_t>(len_bytes, buffer.len_bytes - skip);
    std::memcpy(to, umem_.data(buffer) + skip, part);
    to += part;
    len_bytes -= part;
    skip = 0;
  };
  copy_from(whole.head);
  for (const xsk::Buffer& buffer : whole.rest) {
    if (len_bytes != 0) copy_from(buffer);
  }
}

// `packet` begins with its IP header, with the TTL that it came with.
void Router::resolve_and_emit(Packet& packet, PortId account, InterfaceId in,
                              const table::Decision& decision, const net::Ipv6Address& destination,
                              const Turn& turn) {
  const table::Fib& fib = *turn.snapshot.fib;
  table::NeighbourState state = table::NeighbourState::kUnresolved;
  uint64_t word = 0;
  if (decision.adjacency != 0) {
    table::Adjacency& adjacency = fib.adjacency(decision.adjacency);
    word = adjacency.word.load(std::memory_order_acquire);
    state = table::Adjacency::state_of(word);
    adjacency.mark_used();
  }
  if (state == table::NeighbourState::kReachable) [[likely]] {
    const RoutedInterface& out = turn.snapshot.interfaces[decision.interface.index()];
    return emit(packet, account, out, table::Adjacency::mac_of(word), turn);
  }
  const net::Ipv6Address next =
      decision.adjacency != 0 ? fib.adjacency(decision.adjacency).address : destination;
  egress_.counters(account).add(PortCounter::neighbour_waits);
  waiting_.wait(
      packet, {account, in}, decision.ifindex, next, turn.now_ns,
      [&] {
        requests_.push(NeighbourRequest{decision.ifindex, next});
        egress_.wake_control();
      },
      [&](Packet& dropped, NeighbourQueue::Origin origin) {
        egress_.drop(dropped, origin.account, PortCounter::drop_neighbour_full);
      });
}

// One hop less, and a new Ethernet header.
void Router::emit(Packet& packet, PortId account, const RoutedInterface& out, uint64_t mac,
                  const Turn& turn) {
  std::byte* ip = umem_.data(packet.head);
  if ((static_cast<uint8_t>(*ip) >> 4) == 4) {
    net::decrement_ttl(*reinterpret_cast<net::Ipv4Header*>(ip));
  } else {
    --reinterpret_cast<net::Ipv6Header*>(ip)->hop_limit;
  }
  const bool tagged = out.vlan != 0 && !out.bridge.valid();
  const uint16_t header_bytes =
      sizeof(net::EthernetHeader) + (tagged ? uint16_t{sizeof(net::VlanHeader)} : 0);
  if (packet.head.offset_bytes < header_bytes) [[unlikely]] {
    egress_.drop(packet, account, PortCounter::drop_no_headroom);
    return;
  }
  const be16 ethertype(static_cast<uint8_t>(*ip) >> 4 == 4 ? net::kEtherTypeIpv4
                                                           : net::kEtherTypeIpv6);
  packet.head.offset_bytes = static_cast<uint16_t>(packet.head.offset_bytes - header_bytes);
  packet.head.len_bytes = static_cast<uint16_t>(packet.head.len_bytes + header_bytes);
  packet.len_bytes += header_bytes;
  std::byte* const frame = umem_.data(packet.head);
  auto* ethernet = new (frame) net::EthernetHeader;
  ethernet->dst = mac_from_u64(mac);
  ethernet->src = mac_from_u64(out.mac);
  ethernet->ethertype = ethertype;
  if (tagged) {
    ethernet->ethertype = be16(net::kEtherTypeVlan);
    auto* tag = new (frame + sizeof *ethernet) net::VlanHeader;
    tag->tci = be16(out.vlan);
    tag->ethertype = ethertype;
  }
  if (!out.bridge.valid()) return egress_.send(packet, turn.snapshot.ports[out.port.index()]);
  if (!to_switch_.has_room()) flush_to_switch(turn);
  to_switch_.add(packet, out.id, account);
}

void Router::flush_to_switch(const Turn& turn) {
  if (to_switch_.count == 0) return;
  switch_.forward_routed(to_switch_, turn.snapshot, umem_, turn.now_ns);
}

// As it was received: the tag of a VLAN that has a device of Linux is still there.
void Router::to_linux(Packet& packet, PortId account, const RoutedInterface& in, const Turn& turn) {
  if (in.is_tap) {
    const auto* ethernet = net::view<net::EthernetHeader>(umem_.bytes(packet.head));
    if (ethernet != nullptr && net::is_vlan_ethertype(ethernet->ethertype.host())) {
      net::MacAddress macs[2];
      std::byte* const frame = umem_.data(packet.head);
      std::memcpy(macs, frame, sizeof macs);
      std::memcpy(frame + sizeof(net::VlanHeader), macs, sizeof macs);
      packet.head.offset_bytes =
          static_cast<uint16_t>(packet.head.offset_bytes + sizeof(net::VlanHeader));
      packet.head.len_bytes =
          static_cast<uint16_t>(packet.head.len_bytes - sizeof(net::VlanHeader));
      packet.len_bytes -= uint32_t{sizeof(net::VlanHeader)};
    }
    return egress_.deliver(packet, account, in);
  }
  const Port& port = turn.snapshot.ports[account.index()];
  if (port.can_punt) return egress_.punt(packet, port);
  egress_.drop(packet, account, PortCounter::drop_no_linux);
}

}  // namespace starocean::dataplane
