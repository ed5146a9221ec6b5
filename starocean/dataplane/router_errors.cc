// ICMP errors, and packets that wait for their neighbour.

#include <array>

#include "starocean/dataplane/router.h"
#include "starocean/net/checksum.h"
#include "starocean/net/icmp.h"
#include "starocean/net/icmp_error.h"

namespace starocean::dataplane {
namespace {

net::IcmpErrorFields fields4(const Verdict& verdict) {
  using enum RouteError;
  switch (verdict.error) {
    case kTimeExceeded:
      return {.type = net::kIcmpTimeExceeded};
    case kHostUnreachable:
      return {.type = net::kIcmpDestinationUnreachable, .code = net::kIcmpHostUnreachable};
    case kProhibited:
      return {.type = net::kIcmpDestinationUnreachable, .code = net::kIcmpProhibited};
    case kTooBig:
      return {.type = net::kIcmpDestinationUnreachable,
              .code = net::kIcmpFragmentationNeeded,
              .info = verdict.mtu_bytes};
    case kNone:
    case kNetUnreachable:
    case kBeyondScope:
      break;
  }
  return {.type = net::kIcmpDestinationUnreachable, .code = net::kIcmpNetUnreachable};
}

net::IcmpErrorFields fields6(const Verdict& verdict) {
  using enum RouteError;
  switch (verdict.error) {
    case kTimeExceeded:
      return {.type = net::kIcmpv6TimeExceeded};
    case kHostUnreachable:
      return {.type = net::kIcmpv6DestinationUnreachable, .code = net::kIcmpv6AddressUnreachable};
    case kProhibited:
      return {.type = net::kIcmpv6DestinationUnreachable, .code = net::kIcmpv6Prohibited};
    case kTooBig:
      return {.type = net::kIcmpv6PacketTooBig, .info = verdict.mtu_bytes};
    case kBeyondScope:
      return {.type = net::kIcmpv6DestinationUnreachable, .code = net::kIcmpv6BeyondScope};
    case kNone:
    case kNetUnreachable:
      break;
  }
  return {.type = net::kIcmpv6DestinationUnreachable, .code = net::kIcmpv6NoRoute};
}

// What Linux has not been told of yet may still bear the mark of an earlier failure.
constexpr uint64_t kFailedGraceNs = kNsPerSecond;

// A link-local address is on the link that the packet about it came from, which no table knows (RFC 4007, section 9).
table::Decision find_way_back(const Snapshot& snapshot, const RoutedInterface& in,
                              net::IpFamily family, const net::Ipv6Address& source,
                              const net::Ipv6Address& destination, const RoutedInterface* rule_in) {
  if (!destination.is_link_local()) {
    return find_route(snapshot, snapshot.vrfs[in.vrf], rule_in, family, source, destination, 0)
        .decision;
  }
  return {.kind = table::RouteKind::kForward,
          .adjacency = snapshot.fib->neighbour(in.ifindex, destination),
          .interface = in.id,
          .ifindex = in.ifindex};
}

// Where an error of this interface comes from that goes to the source of the packet.
const net::Ipv6Address& source6_for(const RoutedInterface& in, net::ConstBytes packet) {
  const auto* about = net::view<net::Ipv6Header>(packet);
  const bool on_link = about != nullptr && about->src.is_link_local();
  return on_link && !in.link_local6.is_unspecified() ? in.link_local6 : in.source6;
}

// The /24, or the /64, that it is of.
uint32_t network_of(const net::Ipv6Address& source) {
  const auto& bytes = source.bytes();
  uint64_t hash = 0;
  if (source.is_mapped()) {
    hash = source.embedded_ipv4() >> 8;
  } else {
    for (size_t i = 0; i < 8; ++i) hash = hash << 8 | bytes[i];
  }
  return static_cast<uint32_t>((hash * 0x9e3779b97f4a7c15u) >> 32);
}

}  // namespace

void Router::fail(Job& job, const Turn& turn) {
  const RoutedInterface& in = *job.subject.in;
  egress_.counters(job.account).add(job.verdict.reason);
  const bool allowed =
      net::may_cause_icmp_error(umem_.bytes(job.packet.head), job.parsed) &&
      limiter_.allow(network_of(job.subject.source), turn.snapshot.icmp_errors_per_s, turn.now_ns);
  if (!allowed) {
    egress_.counters(job.account).add(PortCounter::icmp_suppressed);
    egress_.release(job.packet);
    return;
  }
  Packet& packet = job.packet;
  packet.head.offset_bytes = static_cast<uint16_t>(packet.head.offset_bytes + job.parsed.l3_offset);
  packet.head.len_bytes = static_cast<uint16_t>(packet.head.len_bytes - job.parsed.l3_offset);
  if (packet.head.len_bytes > job.parsed.l3_length) {
    packet.head.len_bytes = static_cast<uint16_t>(job.parsed.l3_length);
  }
  send_error(packet, job.account, in, job.verdict, job.subject.family, turn);
}

// Made of the packet's first buffer, which begins with the IP header; the packet itself is counted already.
void Router::send_error(Packet& packet, PortId account, const RoutedInterface& in,
                        const Verdict& verdict, net::IpFamily family, const Turn& turn) {
  for (xsk::Buffer& buffer : packet.rest) pool_.put(std::move(buffer.frame));
  packet.rest = {};
  net::PacketBuffer error({umem_.frame_data(packet.head.frame.index()), umem_.frame_size()},
                          packet.head.offset_bytes, packet.head.len_bytes);
  const bool made = family == net::IpFamily::kIpv4
                        ? !in.source4.is_zero() && net::make_icmp_error(error, fields4(verdict),
                                                                        in.source4, next_ip_id_++)
                        : !in.source6.is_unspecified() &&
                              net::make_icmpv6_error(error, fields6(verdict),
                                                     source6_for(in, umem_.bytes(packet.head)));
  if (!made) {
    egress_.counters(account).add(PortCounter::icmp_suppressed);
    egress_.release(packet);
    return;
  }
  packet.head.offset_bytes = static_cast<uint16_t>(error.headroom());
  packet.head.len_bytes = static_cast<uint16_t>(error.size());
  packet.len_bytes = packet.head.len_bytes;
  egress_.counters(account).add(PortCounter::icmp_errors);
  route_made(packet, account, in, family, turn);
}

// A packet of our own is routed as any other, but causes no errors.
void Router::route_made(Packet& packet, PortId account, const RoutedInterface& in,
                        net::IpFamily family, const Turn& turn) {
  net::Ipv6Address source, destination;
  if (family == net::IpFamily::kIpv4) {
    auto* header = net::mutable_view<net::Ipv4Header>(umem_.bytes(packet.head));
    source = net::Ipv6Address::mapped(header->src);
    destination = net::Ipv6Address::mapped(header->dst);
    // emit() takes one hop off, as from a packet that passes.
    ++header->ttl;
    header->checksum = be16(0);
    net::set_ipv4_checksum(umem_.bytes(packet.head).first(sizeof *header));
  } else {
    auto* header = net::mutable_view<net::Ipv6Header>(umem_.bytes(packet.head));
    source = header->src;
    destination = header->dst;
    ++header->hop_limit;
  }
  const table::Decision way =
      find_way_back(turn.snapshot, in, family, source, destination, nullptr);
  const bool forwards = way.kind == table::RouteKind::kForward &&
                        turn.snapshot.interfaces[way.interface.index()].active;
  if (!forwards) {
    egress_.drop(packet, account, PortCounter::drop_no_route);
    return;
  }
  resolve_and_emit(packet, account, in.id, way, destination, turn);
}

void Router::serve(const Snapshot& snapshot, uint64_t now_ns) {
  const Turn turn{snapshot, now_ns};
  // By number: what is retried may add neighbours.
  for (size_t i = 0; i < waiting_.neighbours().size(); ++i) {
    const NeighbourQueue::Neighbour& neighbour = waiting_.neighbours()[i];
    const table::AdjacencyIndex index =
        snapshot.fib->neighbour(neighbour.ifindex, neighbour.address);
    const table::NeighbourState state =
        index == 0 ? table::NeighbourState::kUnresolved : snapshot.fib->adjacency(index).state();
    const bool late = now_ns - neighbour.since_ns >= NeighbourQueue::kPatienceNs;
    if (state == table::NeighbourState::kReachable) {
      retry(waiting_.neighbours()[i], turn);
    } else if (late || (state == table::NeighbourState::kFailed &&
                        now_ns - neighbour.since_ns >= kFailedGraceNs)) {
      give_up(waiting_.neighbours()[i], turn);
    }
  }
  waiting_.sweep();
  flush_to_switch(turn);
}

// Looked up anew: what stands in the tables now counts.
void Router::retry(NeighbourQueue::Neighbour& neighbour, const Turn& turn) {
  for (uint32_t left = neighbour.packets.packets; left > 0; --left) {
    NeighbourQueue::Origin origin;
    Packet packet = waiting_.take(neighbour, origin);
    const RoutedInterface& in = turn.snapshot.interfaces[origin.in.index()];
    const net::ConstBytes bytes = umem_.bytes(packet.head);
    net::Ipv6Address source, destination;
    const bool v4 = static_cast<uint8_t>(bytes[0]) >> 4 == 4;
    if (v4) {
      const auto* header = net::view<net::Ipv4Header>(bytes);
      source = net::Ipv6Address::mapped(header->src);
      destination = net::Ipv6Address::mapped(header->dst);
    } else {
      const auto* header = net::view<net::Ipv6Header>(bytes);
      source = header->src;
      destination = header->dst;
    }
    if (!in.active || in.vrf == RoutedInterface::kNoVrf) {
      egress_.drop(packet, origin.account, PortCounter::drop_egress_down);
      continue;
    }
    const table::Decision way =
        find_way_back(turn.snapshot, in, v4 ? net::IpFamily::kIpv4 : net::IpFamily::kIpv6, source,
                      destination, &in);
    const bool forwards = way.kind == table::RouteKind::kForward &&
                          turn.snapshot.interfaces[way.interface.index()].active;
    if (!forwards) {
      egress_.drop(packet, origin.account, PortCounter::drop_no_route);
      continue;
    }
    resolve_and_emit(packet, origin.account, in.id, way, destination, turn);
  }
}

void Router::give_up(NeighbourQueue::Neighbour& neighbour, const Turn& turn) {
  for (uint32_t left = neighbour.packets.packets; left > 0; --left) {
    NeighbourQueue::Origin origin;
    Packet packet = waiting_.take(neighbour, origin);
    egress_.counters(origin.account).add(PortCounter::drop_neighbour_failed);
    const RoutedInterface& in = turn.snapshot.interfaces[origin.in.index()];
    const net::ParsedPacket parsed = net::parse_ip(umem_.bytes(packet.head), packet.len_bytes);
    const bool v4 = parsed.ip_version == 4;
    const bool allowed =
        in.active && in.vrf != RoutedInterface::kNoVrf &&
        net::may_cause_icmp_error(umem_.bytes(packet.head), parsed) &&
        limiter_.allow(origin.in.value(), turn.snapshot.icmp_errors_per_s, turn.now_ns);
    if (!allowed) {
      egress_.counters(origin.account).add(PortCounter::icmp_suppressed);
      egress_.release(packet);
      continue;
    }
    const Verdict verdict =
        Verdict::fail(PortCounter::drop_neighbour_failed, RouteError::kHostUnreachable);
    send_error(packet, origin.account, in, verdict,
               v4 ? net::IpFamily::kIpv4 : net::IpFamily::kIpv6, turn);
  }
}

void Router::stop() {
  for (NeighbourQueue::Neighbour& neighbour : waiting_.neighbours()) {
    while (!neighbour.packets.empty()) {
      NeighbourQueue::Origin origin;
      Packet packet = waiting_.take(neighbour, origin);
      egress_.drop(packet, origin.account, PortCounter::drop_neighbour_failed);
    }
  }
  waiting_.sweep();
}

}  // namespace starocean::dataplane
