// ICMP, ICMPv6 and Neighbour Discovery messages.
// Sources: RFC 792; RFC 4443 section 2; RFC 4861 sections 4.1–4.4 and 4.6.
#pragma once

#include <cstdint>

#include "starocean/base/endian.h"
#include "starocean/net/ip_address.h"
#include "starocean/net/view.h"

namespace starocean::net {

inline constexpr uint8_t kIcmpEchoReply = 0;
inline constexpr uint8_t kIcmpDestinationUnreachable = 3;
inline constexpr uint8_t kIcmpEchoRequest = 8;
inline constexpr uint8_t kIcmpTimeExceeded = 11;
inline constexpr uint8_t kIcmpParameterProblem = 12;

inline constexpr uint8_t kIcmpv6DestinationUnreachable = 1;
inline constexpr uint8_t kIcmpv6PacketTooBig = 2;
inline constexpr uint8_t kIcmpv6TimeExceeded = 3;
inline constexpr uint8_t kIcmpv6ParameterProblem = 4;
inline constexpr uint8_t kIcmpv6EchoRequest = 128;
inline constexpr uint8_t kIcmpv6EchoReply = 129;
inline constexpr uint8_t kNdRouterSolicitation = 133;
inline constexpr uint8_t kNdRouterAdvertisement = 134;
inline constexpr uint8_t kNdNeighborSolicitation = 135;
inline constexpr uint8_t kNdNeighborAdvertisement = 136;

// What every ICMP and ICMPv6 message begins with.
struct IcmpHeader {
  uint8_t type;
  uint8_t code;
  be16 checksum;
};
static_assert(sizeof(IcmpHeader) == 4);

// Every ICMP message of RFC 792 is at least this long.
inline constexpr size_t kIcmpMinLength = 8;

// Echo request and reply, the same in ICMP (types 8, 0) and ICMPv6 (128, 129).
struct IcmpEcho {
  uint8_t type;
  uint8_t code;
  be16 checksum;
  be16 id;
  be16 sequence;
};
static_assert(sizeof(IcmpEcho) == 8);

// An error message; the packet that caused it follows. `info` holds the next-hop MTU of
// "fragmentation needed" (RFC 1191, section 4: its low 16 bits) and "packet too big" (RFC
// 4443, 3.2).
struct IcmpError {
  uint8_t type;
  uint8_t code;
  be16 checksum;
  be32 info;
};
static_assert(sizeof(IcmpError) == 8);

// Neighbour Discovery. Options follow each: see NdOptions in options.h.
struct NdRouterSolicitation {
  uint8_t type;
  uint8_t code;
  be16 checksum;
  be32 reserved;
};
static_assert(sizeof(NdRouterSolicitation) == 8);

struct NdRouterAdvertisement {
  uint8_t type;
  uint8_t code;
  be16 checksum;
  uint8_t hop_limit;
  uint8_t flags;
  be16 router_lifetime_s;
  be32 reachable_time_ms;
  be32 retransmit_timer_ms;
};
static_assert(sizeof(NdRouterAdvertisement) == 16);

struct NdNeighborSolicitation {
  uint8_t type;
  uint8_t code;
  be16 checksum;
  be32 reserved;
  Ipv6Address target;
};
static_assert(sizeof(NdNeighborSolicitation) == 24);

inline constexpr uint32_t kNdRouterFlag = 0x80000000;
inline constexpr uint32_t kNdSolicitedFlag = 0x40000000;
inline constexpr uint32_t kNdOverrideFlag = 0x20000000;

struct NdNeighborAdvertisement {
  uint8_t type;
  uint8_t code;
  be16 checksum;
  be32 flags;
  Ipv6Address target;
};
static_assert(sizeof(NdNeighborAdvertisement) == 24);

inline constexpr uint8_t kNdSourceLinkAddress = 1;
inline constexpr uint8_t kNdTargetLinkAddress = 2;
inline constexpr uint8_t kNdPrefixInformation = 3;
inline constexpr uint8_t kNdRedirectedHeader = 4;
inline constexpr uint8_t kNdMtu = 5;

// Source or target link-layer address, over Ethernet (RFC 4861, 4.6.1; RFC 2464, section 6).
struct NdLinkAddressOption {
  uint8_t type;
  uint8_t length;  // in units of 8 bytes: 1
  MacAddress mac;
};
static_assert(sizeof(NdLinkAddressOption) == 8);

struct NdPrefixOption {
  uint8_t type;
  uint8_t length;  // 4
  uint8_t prefix_length;
  uint8_t flags;
  be32 valid_lifetime_s;
  be32 preferred_lifetime_s;
  be32 reserved;
  Ipv6Address prefix;
};
static_assert(sizeof(NdPrefixOption) == 32);

struct NdMtuOption {
  uint8_t type;
  uint8_t length;  // 1
  be16 reserved;
  be32 mtu;
};
static_assert(sizeof(NdMtuOption) == 8);

}  // namespace starocean::net
