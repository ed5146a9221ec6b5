#include "starocean/net/five_tuple.h"

#include <cstring>

#include "starocean/net/transport.h"

namespace starocean::net {
namespace {

inline void set_ipv4_addresses(const Ipv4Header& ip, FiveTuple& tuple) {
  tuple.src = Ipv6Address::mapped(ip.src);
  tuple.dst = Ipv6Address::mapped(ip.dst);
  tuple.ip_version = 4;
}

// Untagged IPv4 without options, whole, TCP or UDP: nearly all traffic. False: not such a frame, or
// something is wrong with it; the full parser is to say what.
bool parse_common_case(ConstBytes frame, FiveTuple& tuple) {
  constexpr size_t kIpOffset = sizeof(EthernetHeader);
  constexpr size_t kTransportOffset = kIpOffset + sizeof(Ipv4Header);
  if (frame.size() < kTransportOffset + sizeof(UdpHeader)) return false;
  const auto& ethernet = *view<EthernetHeader>(frame);
  const auto& ip = *view<Ipv4Header>(frame, kIpOffset);
  if (ethernet.ethertype.host() != kEtherTypeIpv4 || ip.version_ihl != 0x45) return false;
  constexpr be16 kFragmentBits(kIpv4MoreFragments | kIpv4OffsetMask);
  if ((ip.flags_offset.raw() & kFragmentBits.raw()) != 0) return false;

  const size_t end = kIpOffset + ip.total_length.host();
  if (end > frame.size() || end < kTransportOffset) return false;
  const size_t room = end - kTransportOffset;
  if (ip.protocol == kProtoTcp) {
    if (room < sizeof(TcpHeader)) return false;
    const size_t length = view<TcpHeader>(frame, kTransportOffset)->header_length();
    if (length < sizeof(TcpHeader) || length > room) return false;
  } else if (ip.protocol == kProtoUdp) {
    if (room < sizeof(UdpHeader)) return false;
    const size_t length = view<UdpHeader>(frame, kTransportOffset)->length.host();
    if (length < sizeof(UdpHeader) || length > room) return false;
  } else {
    return false;
  }
  // The ports lie at the same place in both.
  const auto& ports = *view<UdpHeader>(frame, kTransportOffset);
  set_ipv4_addresses(ip, tuple);
  tuple.src_port = ports.src_port;
  tuple.dst_port = ports.dst_port;
  tuple.protocol = ip.protocol;
  tuple.reserved = 0;
  return true;
}

}  // namespace

bool five_tuple(ConstBytes head, const ParsedPacket& packet, FiveTuple& tuple) {
  if (packet.ip_version == 0 || is_malformed(packet.status)) return false;
  tuple = FiveTuple();
  if (packet.ip_version == 4) {
    set_ipv4_addresses(*view<Ipv4Header>(head, packet.l3_offset), tuple);
  } else {
    const auto& ip = *view<Ipv6Header>(head, packet.l3_offset);
    tuple.src = ip.src;
    tuple.dst = ip.dst;
    tuple.ip_version = 6;
  }
  tuple.protocol = packet.protocol;
  if (packet.has_ports && packet.fragment == Fragment::kNone) {
    tuple.src_port = be16(packet.src_port);
    tuple.dst_port = be16(packet.dst_port);
  }
  return true;
}

bool parse_five_tuple(ConstBytes frame, FiveTuple& tuple) {
  if (parse_common_case(frame, tuple)) [[likely]]
    return true;
  return five_tuple(frame, parse(frame), tuple);
}

}  // namespace starocean::net
