#include "starocean/net/parse.h"

#include <algorithm>
#include <cstddef>

#include "starocean/net/icmp.h"
#include "starocean/net/ipv6_extensions.h"
#include "starocean/net/transport.h"

namespace starocean::net {
namespace {

constexpr uint16_t narrow(size_t offset) {
  return static_cast<uint16_t>(offset);
}

// The first thing wrong is the one reported.
void note(ParsedPacket& packet, ParseStatus status) {
  if (packet.status == ParseStatus::kOk) packet.status = status;
}

// Offsets are passed by value beside the packet that records them: reading them back from memory
// just written would put its latency between any two headers.
//
// The transport parsers get `bytes` cut at the end of the IP packet, so that padding is not read.

inline void parse_tcp(ConstBytes bytes, size_t l4, ParsedPacket& packet) {
  const auto* tcp = view<TcpHeader>(bytes, l4);
  if (tcp == nullptr) return note(packet, ParseStatus::kTruncatedTransport);
  packet.has_ports = true;
  packet.src_port = tcp->src_port.host();
  packet.dst_port = tcp->dst_port.host();
  packet.tcp_flags = tcp->flags;
  const size_t length = tcp->header_length();
  if (length < sizeof(TcpHeader)) return note(packet, ParseStatus::kBadTransport);
  if (!fits(bytes.size(), l4, length)) {
    return note(packet, ParseStatus::kTruncatedTransport);
  }
  packet.payload_offset = narrow(l4 + length);
}

inline void parse_udp(ConstBytes bytes, size_t l4, ParsedPacket& packet) {
  const auto* udp = view<UdpHeader>(bytes, l4);
  if (udp == nullptr) return note(packet, ParseStatus::kTruncatedTransport);
  packet.has_ports = true;
  packet.src_port = udp->src_port.host();
  packet.dst_port = udp->dst_port.host();
  packet.payload_offset = narrow(l4 + sizeof(UdpHeader));
  const uint16_t length = udp->length.host();
  // The length in a first fragment is that of the whole datagram.
  const bool too_long = packet.fragment == Fragment::kNone && length > packet.l4_length();
  if (length < sizeof(UdpHeader) || too_long) note(packet, ParseStatus::kBadTransport);
}

void parse_icmp(ConstBytes bytes, size_t l4, size_t header_length, ParsedPacket& packet) {
  if (!fits(bytes.size(), l4, header_length)) {
    return note(packet, ParseStatus::kTruncatedTransport);
  }
  const auto* icmp = view<IcmpHeader>(bytes, l4);
  packet.icmp_type = icmp->type;
  packet.icmp_code = icmp->code;
  packet.payload_offset = narrow(l4 + header_length);
}

[[gnu::always_inline]] inline void parse_transport(ConstBytes bytes, size_t l4, uint8_t protocol,
                                                   uint8_t version, ParsedPacket& packet) {
  packet.protocol = protocol;
  packet.l4_offset = narrow(l4);
  if (packet.fragment == Fragment::kLater) return;
  if (protocol == kProtoTcp) return parse_tcp(bytes, l4, packet);
  if (protocol == kProtoUdp) return parse_udp(bytes, l4, packet);
  if (version == 4 && protocol == kProtoIcmp) return parse_icmp(bytes, l4, kIcmpMinLength, packet);
  if (version == 6 && protocol == kProtoIcmpv6) {
    return parse_icmp(bytes, l4, sizeof(IcmpHeader), packet);
  }
  if (version == 6 && protocol == kProtoNoNext) return;
  note(packet, ParseStatus::kUnknownProtocol);
}

Fragment classify_fragment(size_t offset, bool more) {
  if (offset != 0) return Fragment::kLater;
  return more ? Fragment::kFirst : Fragment::kNone;
}

// `bytes` up to the end that the IP header claims, or all when the claim goes beyond (noted).
ConstBytes cut_to_ip_length(ConstBytes bytes, size_t end, ParsedPacket& packet) {
  if (end > packet.frame_length) note(packet, ParseStatus::kBadIpLength);
  return bytes.first(std::min(end, bytes.size()));
}

void parse_ipv4(ConstBytes bytes, size_t l3, ParsedPacket& packet) {
  const auto* ip = view<Ipv4Header>(bytes, l3);
  if (ip == nullptr) return note(packet, ParseStatus::kTruncatedIpv4);
  const size_t header_length = ip->header_length();
  if (ip->version() != 4 || header_length < sizeof(Ipv4Header)) {
    return note(packet, ParseStatus::kBadIpHeader);
  }
  if (!fits(bytes.size(), l3, header_length)) return note(packet, ParseStatus::kTruncatedIpv4);
  packet.ip_version = 4;
  packet.ip_options = header_length > sizeof(Ipv4Header);
  const uint16_t length = ip->total_length.host();
  packet.l3_length = length;
  if (length < header_length) return note(packet, ParseStatus::kBadIpLength);
  packet.pseudo_dst_offset = narrow(l3 + offsetof(Ipv4Header, dst));
  const uint32_t fragment_offset = ip->fragment_offset_bytes();
  packet.fragment_offset = narrow(fragment_offset);
  packet.fragment = classify_fragment(fragment_offset, ip->more_fragments());
  const ConstBytes cut = cut_to_ip_length(bytes, l3 + length, packet);
  parse_transport(cut, l3 + header_length, ip->protocol, 4, packet);
}

// Where the packet's final destination lies when a routing header still has segments to go; 0 when
// the header is of an unknown type or too short.
uint16_t final_destination(ConstBytes header, size_t offset) {
  const auto* routing = view<Ipv6RoutingHeader>(header);
  if (routing == nullptr) return 0;
  size_t place = sizeof(Ipv6RoutingHeader);
  if (routing->type == kRoutingType0) {
    place = header.size() - sizeof(Ipv6Address);  // the last address
  } else if (routing->type != kRoutingType2 && routing->type != kRoutingTypeSegment) {
    return 0;
  }
  if (header.size() < sizeof(Ipv6RoutingHeader) + sizeof(Ipv6Address)) return 0;
  return narrow(offset + place);
}

void parse_ipv6_extension(ConstBytes bytes, const Ipv6Extensions& chain, ParsedPacket& packet) {
  packet.ip_options = true;
  if (chain.type() == kProtoRouting) {
    const auto* routing = view<Ipv6RoutingHeader>(bytes, chain.offset());
    if (routing->segments_left != 0) {
      packet.pseudo_dst_offset =
          final_destination(bytes.subspan(chain.offset(), chain.length()), chain.offset());
    }
  } else if (chain.type() == kProtoFragment) {
    const auto* fragment = view<Ipv6FragmentHeader>(bytes, chain.offset());
    packet.fragment_offset = narrow(fragment->fragment_offset_bytes());
    packet.fragment = classify_fragment(packet.fragment_offset, fragment->more_fragments());
  }
}

// Not inlined: it would make the common path slower for the sake of the rare one.
[[gnu::noinline]] void parse_after_extensions(ConstBytes bytes, size_t offset, uint8_t first,
                                              ParsedPacket& packet) {
  Ipv6Extensions chain(bytes, offset, first);
  while (chain.next()) parse_ipv6_extension(bytes, chain, packet);
  if (chain.problem() != Ipv6Extensions::Problem::kNone) {
    const bool truncated = chain.problem() == Ipv6Extensions::Problem::kTruncated;
    return note(packet,
                truncated ? ParseStatus::kTruncatedExtension : ParseStatus::kTooManyExtensions);
  }
  parse_transport(bytes, chain.end_offset(), chain.next_header(), 6, packet);
}

void parse_ipv6(ConstBytes bytes, size_t l3, ParsedPacket& packet) {
  const auto* ip = view<Ipv6Header>(bytes, l3);
  if (ip == nullptr) return note(packet, ParseStatus::kTruncatedIpv6);
  if (ip->version() != 6) return note(packet, ParseStatus::kBadIpHeader);
  packet.ip_version = 6;
  packet.l3_length = uint32_t{sizeof(Ipv6Header)} + ip->payload_length.host();
  packet.pseudo_dst_offset = narrow(l3 + offsetof(Ipv6Header, dst));
  const ConstBytes cut = cut_to_ip_length(bytes, l3 + packet.l3_length, packet);
  const size_t end = l3 + sizeof(Ipv6Header);
  if (Ipv6Extensions::is_extension(ip->next_header)) [[unlikely]] {
    return parse_after_extensions(cut, end, ip->next_header, packet);
  }
  parse_transport(cut, end, ip->next_header, 6, packet);
}

void parse_arp(ConstBytes bytes, size_t l3, ParsedPacket& packet) {
  const auto* arp = view<ArpHeader>(bytes, l3);
  if (arp == nullptr) return note(packet, ParseStatus::kTruncatedArp);
  packet.l3_length = sizeof(ArpHeader);
  if (!arp->is_ipv4_over_ethernet()) note(packet, ParseStatus::kBadArp);
}

// Returns where the tags end; 0 when the frame ends inside one. `ethertype` becomes what follows
// them.
size_t parse_vlan_tags(ConstBytes bytes, uint16_t& ethertype, ParsedPacket& packet) {
  size_t offset = sizeof(EthernetHeader);
  while (is_vlan_ethertype(ethertype) && packet.vlan_count < kMaxVlanTags) {
    const auto* tag = view<VlanHeader>(bytes, offset);
    if (tag == nullptr) {
      note(packet, ParseStatus::kTruncatedVlan);
      return 0;
    }
    packet.vlan[packet.vlan_count++] = {ethertype, tag->tci.host()};
    ethertype = tag->ethertype.host();
    offset += sizeof(VlanHeader);
  }
  return offset;
}

}  // namespace

ParsedPacket parse_ip(ConstBytes head, size_t packet_length) {
  ParsedPacket packet;
  packet.frame_length = static_cast<uint32_t>(packet_length);
  const bool v6 = !head.empty() && static_cast<uint8_t>(head[0]) >> 4 == 6;
  packet.ethertype = v6 ? kEtherTypeIpv6 : kEtherTypeIpv4;
  v6 ? parse_ipv6(head, 0, packet) : parse_ipv4(head, 0, packet);
  return packet;
}

ParsedPacket parse(ConstBytes head, size_t frame_length) {
  ParsedPacket packet;
  packet.frame_length = static_cast<uint32_t>(frame_length);
  const auto* ethernet = view<EthernetHeader>(head);
  if (ethernet == nullptr) {
    packet.status = ParseStatus::kTruncatedEthernet;
    return packet;
  }
  uint16_t ethertype = ethernet->ethertype.host();
  const size_t l3 = parse_vlan_tags(head, ethertype, packet);
  packet.ethertype = ethertype;
  packet.l3_offset = narrow(l3);
  if (l3 == 0) return packet;
  switch (ethertype) {
    case kEtherTypeIpv4:
      parse_ipv4(head, l3, packet);
      break;
    case kEtherTypeIpv6:
      parse_ipv6(head, l3, packet);
      break;
    case kEtherTypeArp:
      parse_arp(head, l3, packet);
      break;
    default:
      packet.status = ParseStatus::kUnknownEtherType;
  }
  return packet;
}

const char* to_string(ParseStatus status) {
  switch (status) {
    case ParseStatus::kOk:
      return "ok";
    case ParseStatus::kUnknownEtherType:
      return "unknown EtherType";
    case ParseStatus::kUnknownProtocol:
      return "unknown IP protocol";
    case ParseStatus::kTruncatedEthernet:
      return "truncated Ethernet header";
    case ParseStatus::kTruncatedVlan:
      return "truncated VLAN tag";
    case ParseStatus::kTruncatedArp:
      return "truncated ARP";
    case ParseStatus::kTruncatedIpv4:
      return "truncated IPv4 header";
    case ParseStatus::kTruncatedIpv6:
      return "truncated IPv6 header";
    case ParseStatus::kTruncatedExtension:
      return "truncated IPv6 extension header";
    case ParseStatus::kTruncatedTransport:
      return "truncated transport header";
    case ParseStatus::kBadIpLength:
      return "bad IP length";
    case ParseStatus::kBadArp:
      return "ARP not for IPv4 over Ethernet";
    case ParseStatus::kBadIpHeader:
      return "bad IP version or header length";
    case ParseStatus::kTooManyExtensions:
      return "too many IPv6 extension headers";
    case ParseStatus::kBadTransport:
      return "bad TCP or UDP length";
    case ParseStatus::kCount:
      break;
  }
  return "unknown status";
}

}  // namespace starocean::net
