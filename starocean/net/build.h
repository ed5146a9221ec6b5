// Builds packets from the inside out, in place: payload first, then each header pushed before it.
//
//   PacketBuffer packet(frame, headroom);
//   … append the payload …
//   push_udp(packet, {.src_port = 5000, .dst_port = 53}, src, dst) &&
//       push_ipv4(packet, {.src = src, .dst = dst, .protocol = kProtoUdp}) &&
//       push_ethernet(packet, {.dst = peer, .src = own, .ethertype = kEtherTypeIpv4});
//
// Each returns false, with the packet unchanged, when there is no room for the header or a length
// does not fit its field. Checksums and lengths are filled in. No allocation; pure; not thread-safe
// on one buffer.
#pragma once

#include <cstdint>
#include <optional>

#include "starocean/net/ethernet.h"
#include "starocean/net/ip_header.h"
#include "starocean/net/packet_buffer.h"
#include "starocean/net/view.h"

namespace starocean::net {

inline constexpr uint8_t kDefaultTtl = 64;  // recommended by IANA's registry of IP parameters

struct EthernetFields {
  MacAddress dst{};
  MacAddress src{};
  uint16_t ethertype = 0;
};
bool push_ethernet(PacketBuffer& packet, const EthernetFields& fields);

// Puts a tag between the MAC addresses and the type: the outermost. False also when the packet is
// shorter than an Ethernet header.
bool push_vlan(PacketBuffer& packet, VlanTag tag);
// Takes the outermost tag off; nothing, with the packet unchanged, when there is none.
std::optional<VlanTag> pop_vlan(PacketBuffer& packet);

struct ArpFields {
  uint16_t operation = kArpRequest;
  MacAddress sender_mac{};
  Ipv4Address sender_ip{};
  MacAddress target_mac{};  // zero in a request
  Ipv4Address target_ip{};
};
// The packet must be empty; a whole frame is made, to broadcast for a request, else to target_mac.
bool build_arp(PacketBuffer& packet, const ArpFields& fields);

struct Ipv4Fields {
  Ipv4Address src{};
  Ipv4Address dst{};
  uint8_t protocol = 0;
  uint8_t ttl = kDefaultTtl;
  uint8_t dscp_ecn = 0;
  uint16_t id = 0;
  bool dont_fragment = true;
};
bool push_ipv4(PacketBuffer& packet, const Ipv4Fields& fields);

struct Ipv6Fields {
  Ipv6Address src{};
  Ipv6Address dst{};
  uint8_t next_header = 0;
  uint8_t hop_limit = kDefaultTtl;
  uint8_t traffic_class = 0;
  uint32_t flow_label = 0;  // 20 bits
};
bool push_ipv6(PacketBuffer& packet, const Ipv6Fields& fields);

struct UdpFields {
  uint16_t src_port = 0;
  uint16_t dst_port = 0;
  bool checksum = true;  // false: 0, which IPv6 allows for tunnels only (RFC 6935)
};
bool push_udp(PacketBuffer& packet, const UdpFields& fields, Ipv4Address src, Ipv4Address dst);
bool push_udp(PacketBuffer& packet, const UdpFields& fields, const Ipv6Address& src,
              const Ipv6Address& dst);

struct TcpFields {
  uint16_t src_port = 0;
  uint16_t dst_port = 0;
  uint32_t sequence = 0;
  uint32_t acknowledgment = 0;
  uint8_t flags = 0;
  uint16_t window = 0;
  ConstBytes options{};  // at most 40 bytes, a multiple of 4; must not overlap the buffer
};
bool push_tcp(PacketBuffer& packet, const TcpFields& fields, Ipv4Address src, Ipv4Address dst);
bool push_tcp(PacketBuffer& packet, const TcpFields& fields, const Ipv6Address& src,
              const Ipv6Address& dst);

struct EchoFields {
  bool reply = false;
  uint16_t id = 0;
  uint16_t sequence = 0;
};
bool push_icmp_echo(PacketBuffer& packet, const EchoFields& fields);
bool push_icmpv6_echo(PacketBuffer& packet, const EchoFields& fields, const Ipv6Address& src,
                      const Ipv6Address& dst);

// The VXLAN header alone. `vni` at most kVxlanMaxVni.
bool push_vxlan(PacketBuffer& packet, uint32_t vni);

// All of the outer headers. The source port should be derived from the inner flow, 49152 to 65535
// (RFC 7348, section 5); the UDP checksum is 0 (the same place).
struct VxlanFields {
  uint32_t vni = 0;
  uint16_t src_port = 49152;
  uint16_t dst_port = 4789;
  MacAddress src_mac{};
  MacAddress dst_mac{};
};
bool encapsulate_vxlan(PacketBuffer& packet, const VxlanFields& tunnel, const Ipv4Fields& outer);
bool encapsulate_vxlan(PacketBuffer& packet, const VxlanFields& tunnel, const Ipv6Fields& outer);

}  // namespace starocean::net
