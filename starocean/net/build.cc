#include "starocean/net/build.h"

#include <cstring>

#include "starocean/net/checksum.h"
#include "starocean/net/icmp.h"
#include "starocean/net/transport.h"

namespace starocean::net {
namespace {

constexpr size_t kMaxLengthField = 0xffff;
constexpr size_t kMacPair = 2 * MacAddress::kSize;

// UDP and TCP differ between the IP versions only in the pseudo-header.
template <class Address>
bool push_udp_over(PacketBuffer& packet, const UdpFields& fields, const Address& src,
                   const Address& dst) {
  const size_t length = packet.size() + sizeof(UdpHeader);
  if (length > kMaxLengthField) return false;
  auto* udp = packet.push_header<UdpHeader>();
  if (udp == nullptr) return false;
  udp->src_port = be16(fields.src_port);
  udp->dst_port = be16(fields.dst_port);
  udp->length = be16(static_cast<uint16_t>(length));
  if (!fields.checksum) return true;
  auto builder = pseudo_header(src, dst, kProtoUdp, static_cast<uint32_t>(length));
  builder.add(packet.bytes());
  const be16 checksum = builder.checksum();
  udp->checksum = checksum.raw() == 0 ? be16(0xffff) : checksum;
  return true;
}

template <class Address>
bool push_tcp_over(PacketBuffer& packet, const TcpFields& fields, const Address& src,
                   const Address& dst) {
  const size_t header_length = sizeof(TcpHeader) + fields.options.size();
  if (header_length > kTcpMaxHeaderLength || header_length % 4 != 0) return false;
  if (packet.size() + header_length > kMaxLengthField) return false;
  std::byte* at = packet.push(header_length);
  if (at == nullptr) return false;
  auto* tcp = new (at) TcpHeader{};
  tcp->src_port = be16(fields.src_port);
  tcp->dst_port = be16(fields.dst_port);
  tcp->sequence = be32(fields.sequence);
  tcp->acknowledgment = be32(fields.acknowledgment);
  tcp->data_offset_reserved = static_cast<uint8_t>(header_length / 4 << 4);
  tcp->flags = fields.flags;
  tcp->window = be16(fields.window);
  if (!fields.options.empty()) {
    std::memcpy(at + sizeof(TcpHeader), fields.options.data(), fields.options.size());
  }
  auto builder = pseudo_header(src, dst, kProtoTcp, static_cast<uint32_t>(packet.size()));
  builder.add(packet.bytes());
  tcp->checksum = builder.checksum();
  return true;
}

IcmpEcho* push_echo(PacketBuffer& packet, const EchoFields& fields, uint8_t type) {
  auto* echo = packet.push_header<IcmpEcho>();
  if (echo == nullptr) return nullptr;
  echo->type = type;
  echo->id = be16(fields.id);
  echo->sequence = be16(fields.sequence);
  return echo;
}

size_t outer_length(size_t ip_header_length) {
  return sizeof(EthernetHeader) + ip_header_length + sizeof(UdpHeader) + sizeof(VxlanHeader);
}

}  // namespace

bool push_ethernet(PacketBuffer& packet, const EthernetFields& fields) {
  auto* ethernet = packet.push_header<EthernetHeader>();
  if (ethernet == nullptr) return false;
  *ethernet = {fields.dst, fields.src, be16(fields.ethertype)};
  return true;
}

bool push_vlan(PacketBuffer& packet, VlanTag tag) {
  if (packet.size() < sizeof(EthernetHeader)) return false;
  std::byte* front = packet.push(sizeof(VlanHeader));
  if (front == nullptr) return false;
  // The addresses move to the new front; the old type field becomes the type inside the tag.
  std::memmove(front, front + sizeof(VlanHeader), kMacPair);
  mutable_view<EthernetHeader>(packet.bytes())->ethertype = be16(tag.tpid);
  mutable_view<VlanHeader>(packet.bytes(), sizeof(EthernetHeader))->tci = be16(tag.tci);
  return true;
}

std::optional<VlanTag> pop_vlan(PacketBuffer& packet) {
  const auto* ethernet = view<EthernetHeader>(packet.bytes());
  const auto* vlan = view<VlanHeader>(packet.bytes(), sizeof(EthernetHeader));
  if (vlan == nullptr || !is_vlan_ethertype(ethernet->ethertype.host())) return std::nullopt;
  const VlanTag tag{ethernet->ethertype.host(), vlan->tci.host()};
  std::memmove(packet.data() + sizeof(VlanHeader), packet.data(), kMacPair);
  packet.pull(sizeof(VlanHeader));
  return tag;
}

bool build_arp(PacketBuffer& packet, const ArpFields& fields) {
  constexpr size_t kFrame = sizeof(EthernetHeader) + sizeof(ArpHeader);
  if (packet.size() != 0) return false;
  std::byte* at = packet.append(kFrame);
  if (at == nullptr) return false;
  const bool request = fields.operation == kArpRequest;
  new (at) EthernetHeader{request ? MacAddress::broadcast() : fields.target_mac, fields.sender_mac,
                          be16(kEtherTypeArp)};
  new (at + sizeof(EthernetHeader)) ArpHeader{be16(kArpHardwareEthernet),
                                              be16(kEtherTypeIpv4),
                                              uint8_t{MacAddress::kSize},
                                              uint8_t{sizeof(Ipv4Address)},
                                              be16(fields.operation),
                                              fields.sender_mac,
                                              fields.sender_ip,
                                              fields.target_mac,
                                              fields.target_ip};
  return true;
}

bool push_ipv4(PacketBuffer& packet, const Ipv4Fields& fields) {
  const size_t length = packet.size() + sizeof(Ipv4Header);
  if (length > kMaxLengthField) return false;
  auto* ip = packet.push_header<Ipv4Header>();
  if (ip == nullptr) return false;
  ip->version_ihl = 0x45;
  ip->dscp_ecn = fields.dscp_ecn;
  ip->total_length = be16(static_cast<uint16_t>(length));
  ip->id = be16(fields.id);
  ip->flags_offset = be16(fields.dont_fragment ? kIpv4DontFragment : uint16_t{0});
  ip->ttl = fields.ttl;
  ip->protocol = fields.protocol;
  ip->src = fields.src;
  ip->dst = fields.dst;
  set_ipv4_checksum(packet.bytes().first(sizeof(Ipv4Header)));
  return true;
}

bool push_ipv6(PacketBuffer& packet, const Ipv6Fields& fields) {
  const size_t length = packet.size();
  if (length > kMaxLengthField) return false;
  auto* ip = packet.push_header<Ipv6Header>();
  if (ip == nullptr) return false;
  ip->version_class_label =
      be32(6u << 28 | uint32_t{fields.traffic_class} << 20 | (fields.flow_label & 0xfffff));
  ip->payload_length = be16(static_cast<uint16_t>(length));
  ip->next_header = fields.next_header;
  ip->hop_limit = fields.hop_limit;
  ip->src = fields.src;
  ip->dst = fields.dst;
  return true;
}

bool push_udp(PacketBuffer& packet, const UdpFields& fields, Ipv4Address src, Ipv4Address dst) {
  return push_udp_over(packet, fields, src, dst);
}

bool push_udp(PacketBuffer& packet, const UdpFields& fields, const Ipv6Address& src,
              const Ipv6Address& dst) {
  return push_udp_over(packet, fields, src, dst);
}

bool push_tcp(PacketBuffer& packet, const TcpFields& fields, Ipv4Address src, Ipv4Address dst) {
  return push_tcp_over(packet, fields, src, dst);
}

bool push_tcp(PacketBuffer& packet, const TcpFields& fields, const Ipv6Address& src,
              const Ipv6Address& dst) {
  return push_tcp_over(packet, fields, src, dst);
}

bool push_icmp_echo(PacketBuffer& packet, const EchoFields& fields) {
  auto* echo = push_echo(packet, fields, fields.reply ? kIcmpEchoReply : kIcmpEchoRequest);
  if (echo == nullptr) return false;
  echo->checksum = compute_checksum(packet.bytes());
  return true;
}

bool push_icmpv6_echo(PacketBuffer& packet, const EchoFields& fields, const Ipv6Address& src,
                      const Ipv6Address& dst) {
  auto* echo = push_echo(packet, fields, fields.reply ? kIcmpv6EchoReply : kIcmpv6EchoRequest);
  if (echo == nullptr) return false;
  auto builder = pseudo_header(src, dst, kProtoIcmpv6, static_cast<uint32_t>(packet.size()));
  builder.add(packet.bytes());
  echo->checksum = builder.checksum();
  return true;
}

bool push_vxlan(PacketBuffer& packet, uint32_t vni) {
  if (vni > kVxlanMaxVni) return false;
  auto* vxlan = packet.push_header<VxlanHeader>();
  if (vxlan == nullptr) return false;
  vxlan->flags = be32(kVxlanValidVni);
  vxlan->vni_reserved = be32(vni << 8);
  return true;
}

bool encapsulate_vxlan(PacketBuffer& packet, const VxlanFields& tunnel, const Ipv4Fields& outer) {
  const size_t ip_length = sizeof(Ipv4Header) + sizeof(UdpHeader) + sizeof(VxlanHeader);
  if (packet.headroom() < outer_length(sizeof(Ipv4Header)) || tunnel.vni > kVxlanMaxVni ||
      packet.size() + ip_length > kMaxLengthField) {
    return false;
  }
  Ipv4Fields ip = outer;
  ip.protocol = kProtoUdp;
  const UdpFields udp{tunnel.src_port, tunnel.dst_port, false};
  return push_vxlan(packet, tunnel.vni) && push_udp(packet, udp, ip.src, ip.dst) &&
         push_ipv4(packet, ip) &&
         push_ethernet(packet, {tunnel.dst_mac, tunnel.src_mac, kEtherTypeIpv4});
}

bool encapsulate_vxlan(PacketBuffer& packet, const VxlanFields& tunnel, const Ipv6Fields& outer) {
  const size_t payload_length = sizeof(UdpHeader) + sizeof(VxlanHeader);
  if (packet.headroom() < outer_length(sizeof(Ipv6Header)) || tunnel.vni > kVxlanMaxVni ||
      packet.size() + payload_length > kMaxLengthField) {
    return false;
  }
  Ipv6Fields ip = outer;
  ip.next_header = kProtoUdp;
  const UdpFields udp{tunnel.src_port, tunnel.dst_port, false};
  return push_vxlan(packet, tunnel.vni) && push_udp(packet, udp, ip.src, ip.dst) &&
         push_ipv6(packet, ip) &&
         push_ethernet(packet, {tunnel.dst_mac, tunnel.src_mac, kEtherTypeIpv6});
}

}  // namespace starocean::net
