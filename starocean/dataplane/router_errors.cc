// ICMP errors: which, whether, by which way, and from which address.

#include <algorithm>
#include <cstring>

#include "starocean/dataplane/router.h"
#include "starocean/net/icmp.h"
#include "starocean/net/packet_buffer.h"

namespace starocean::dataplane {
namespace {

net::Ipv6Address address_of(const RoutedInterface& interface, bool is_v4) {
  return is_v4 ? net::Ipv6Address::mapped(interface.source4) : interface.source6;
}

bool is_unset(const net::Ipv6Address& address) {
  return address.is_unspecified() || address == net::Ipv6Address::mapped(net::Ipv4Address());
}

// A link-local address is on the link that the packet about it came from, which no table knows (RFC 4007, section 9).
RouteLookup look_up_sender(const Snapshot& snapshot, const RoutedInterface& in,
                           const net::FiveTuple& tuple) {
  if (tuple.ip_version == 4 || !tuple.dst.is_link_local()) {
    return lookup_route(snapshot, snapshot.vrfs[in.vrf], tuple, InterfaceId::none());
  }
  RouteLookup lookup;
  lookup.decision = {table::RouteKind::kForward, snapshot.fib->neighbour(in.ifindex, tuple.dst),
                     in.id, in.ifindex};
  return lookup;
}

// Of the interface that the packet came in by: so a route that is traced shows its own way, also where the answer
// takes another (RFC 1812, 4.3.2.4, would have that of the other). Without an address there, another of the router's.
net::Ipv6Address choose_source(const Snapshot& snapshot, const RoutedInterface& in,
                               const RoutedInterface& egress, const net::FiveTuple& tuple) {
  const bool is_v4 = tuple.ip_version == 4;
  if (!is_v4 && tuple.dst.is_link_local() && !in.link_local6.is_unspecified()) {
    return in.link_local6;
  }
  for (const RoutedInterface* interface : {&in, &egress}) {
    if (!is_unset(address_of(*interface, is_v4))) return address_of(*interface, is_v4);
  }
  for (const RoutedInterface& interface : snapshot.interfaces) {
    if (interface.active && interface.vrf == in.vrf && !is_unset(address_of(interface, is_v4))) {
      return address_of(interface, is_v4);
    }
  }
  return {};
}

// The /24, or the /64, that it is of.
uint32_t network_of(const net::Ipv6Address& address) {
  be64 high;
  std::memcpy(&high, address.bytes().data(), sizeof high);
  const uint64_t network = address.is_mapped() ? address.embedded_ipv4() >> 8 : high.host();
  return static_cast<uint32_t>((network * 0x9e3779b97f4a7c15u) >> 32);
}

}  // namespace

void Router::refuse(Transit& transit, RouteReason reason, uint32_t mtu_bytes, const Turn& turn) {
  Packet& packet = *transit.packet;
  switch (answer(packet, *transit.in, transit.account, reason, mtu_bytes, turn)) {
    case Answer::kSent:
      egress_.counters(transit.account).add(info_of(reason).counter);
      return;
    case Answer::kNone:
      egress_.counters(transit.account).add(PortCounter::icmp_suppressed);
      egress_.drop(packet, transit.account, info_of(reason).counter);
      return;
    case Answer::kLinux:
      to_linux(transit, turn);
      return;
  }
}

// Too late for Linux: it has lost a hop already.
void Router::refuse_waiting(Packet& packet, NeighbourQueue::Origin origin, const Turn& turn) {
  const auto& interfaces = turn.snapshot.interfaces;
  const bool is_known = origin.in.valid() && origin.in.index() < interfaces.size() &&
                        interfaces[origin.in.index()].active &&
                        interfaces[origin.in.index()].vrf != RoutedInterface::kNoVrf;
  const bool is_answered =
      is_known && answer(packet, interfaces[origin.in.index()], origin.account,
                         RouteReason::kDeadNeighbour, 0, turn) == Answer::kSent;
  if (is_answered) {
    egress_.counters(origin.account).add(PortCounter::drop_neighbour_failed);
  } else {
    egress_.counters(origin.account).add(PortCounter::icmp_suppressed);
    egress_.drop(packet, origin.account, PortCounter::drop_neighbour_failed);
  }
}

// kSent: the packet has become the error, and is under way; in all other cases it is as it was.
Router::Answer Router::answer(Packet& packet, const RoutedInterface& in, PortId account,
                              RouteReason reason, uint32_t mtu_bytes, const Turn& turn) {
  const Snapshot& snapshot = turn.snapshot;
  const net::ConstBytes head = umem_.bytes(packet.head);
  const net::ParsedPacket parsed = net::parse(head, packet.len_bytes);
  const bool is_v4 = parsed.ip_version == 4;
  net::IcmpErrorFields fields = is_v4 ? info_of(reason).icmp4 : info_of(reason).icmp6;
  if (reason == RouteReason::kTooBig) fields.info = mtu_bytes;
  if (!net::may_cause_icmp_error(head, parsed, fields)) return Answer::kNone;

  // As a packet of our own, to the sender.
  RouteQuery query;
  query.tuple.ip_version = is_v4 ? 4 : 6;
  query.tuple.protocol = is_v4 ? net::kProtoIcmp : net::kProtoIcmpv6;
  if (is_v4) {
    query.tuple.src = net::Ipv6Address::mapped(net::Ipv4Address());
    query.tuple.dst =
        net::Ipv6Address::mapped(net::view<net::Ipv4Header>(head, parsed.l3_offset)->src);
  } else {
    query.tuple.dst = net::view<net::Ipv6Header>(head, parsed.l3_offset)->src;
  }
  const RouteLookup lookup = look_up_sender(snapshot, in, query.tuple);
  const Verdict verdict = judge_own(snapshot, query, lookup);
  if (verdict.reason == RouteReason::kElsewhere) return Answer::kLinux;
  if (!verdict.egress.valid()) return Answer::kNone;
  const RoutedInterface& egress = snapshot.interfaces[verdict.egress.index()];
  const net::Ipv6Address source = choose_source(snapshot, in, egress, query.tuple);
  if (is_unset(source)) return Answer::kNone;

  const bool is_limited = reason != RouteReason::kTooBig;
  if (is_limited &&
      !limiter_.allow(network_of(query.tuple.dst), snapshot.icmp_errors_per_s, turn.now_ns)) {
    return Answer::kNone;
  }
  if (!make_error(packet, parsed, fields, source)) return Answer::kNone;
  egress_.counters(account).add(PortCounter::icmp_errors);
  if (verdict.reason == RouteReason::kNeighbour) {
    wait(packet, {account, in.id}, query, verdict, turn);
  } else {
    send(packet, account, egress, table::Adjacency::mac_of(verdict.neighbour_word), turn);
  }
  return Answer::kSent;
}

// In the packet's first buffer, which holds more than is quoted. Its MAC addresses are left to send().
bool Router::make_error(Packet& packet, const net::ParsedPacket& parsed,
                        const net::IcmpErrorFields& fields, const net::Ipv6Address& source) {
  const bool is_v4 = parsed.ip_version == 4;
  const size_t headers = is_v4 ? sizeof(net::Ipv4Header) + sizeof(net::IcmpError)
                               : sizeof(net::Ipv6Header) + sizeof(net::IcmpError);
  if (packet.head.offset_bytes < headers) return false;
  const size_t begin = packet.head.offset_bytes + kEthernetBytes;
  const size_t length = std::min<size_t>(packet.head.len_bytes - kEthernetBytes, parsed.l3_length);
  net::PacketBuffer error({umem_.frame_data(packet.head.frame.index()), umem_.frame_size()}, begin,
                          length);
  const bool made = is_v4 ? net::make_icmp_error(
                                error, fields, net::Ipv4Address(source.embedded_ipv4()), next_id_++)
                          : net::make_icmpv6_error(error, fields, source);
  if (!made) return false;
  auto* ethernet = new (error.push(sizeof(net::EthernetHeader))) net::EthernetHeader();
  ethernet->ethertype = be16(is_v4 ? net::kEtherTypeIpv4 : net::kEtherTypeIpv6);
  packet.head.offset_bytes = static_cast<uint16_t>(error.headroom());
  packet.head.len_bytes = static_cast<uint16_t>(error.size());
  packet.len_bytes = packet.head.len_bytes;
  for (xsk::Buffer& buffer : packet.rest) pool_.put(std::move(buffer.frame));
  packet.rest = {};
  return true;
}

}  // namespace starocean::dataplane
