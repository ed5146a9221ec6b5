// IPv4 and IPv6 headers, IPv6 extension headers, and protocol numbers.
// Sources: RFC 791 3.1; RFC 8200 sections 3 and 4; RFC 4302 2.2 (AH); IANA protocol numbers.
#pragma once

#include <cstdint>

#include "starocean/base/endian.h"
#include "starocean/net/ip_address.h"
#include "starocean/net/view.h"

namespace starocean::net {

inline constexpr uint8_t kProtoHopByHop = 0;
inline constexpr uint8_t kProtoIcmp = 1;
inline constexpr uint8_t kProtoTcp = 6;
inline constexpr uint8_t kProtoUdp = 17;
inline constexpr uint8_t kProtoRouting = 43;
inline constexpr uint8_t kProtoFragment = 44;
inline constexpr uint8_t kProtoEsp = 50;
inline constexpr uint8_t kProtoAuthentication = 51;
inline constexpr uint8_t kProtoIcmpv6 = 58;
inline constexpr uint8_t kProtoNoNext = 59;
inline constexpr uint8_t kProtoDestinationOptions = 60;

inline constexpr uint16_t kIpv4DontFragment = 0x4000;
inline constexpr uint16_t kIpv4MoreFragments = 0x2000;
inline constexpr uint16_t kIpv4OffsetMask = 0x1fff;  // in units of 8 bytes

struct Ipv4Header {
  uint8_t version_ihl;
  uint8_t dscp_ecn;
  be16 total_length;  // header and payload, bytes
  be16 id;
  be16 flags_offset;
  uint8_t ttl;
  uint8_t protocol;
  be16 checksum;
  Ipv4Address src;
  Ipv4Address dst;

  constexpr uint8_t version() const { return version_ihl >> 4; }
  // Options counted; less than 20 in a malformed header.
  constexpr size_t header_length() const { return size_t{version_ihl & 0xfu} * 4; }
  constexpr bool more_fragments() const { return (flags_offset.host() & kIpv4MoreFragments) != 0; }
  constexpr bool dont_fragment() const { return (flags_offset.host() & kIpv4DontFragment) != 0; }
  constexpr uint32_t fragment_offset_bytes() const {
    return (uint32_t{flags_offset.host()} & kIpv4OffsetMask) * 8;
  }
};
static_assert(sizeof(Ipv4Header) == 20);

// The header with its options, 20 to 60 bytes; empty when it is not IPv4, is truncated, or its
// length field is below 20.
inline ConstBytes ipv4_header_bytes(ConstBytes bytes, size_t offset = 0) {
  const auto* header = view<Ipv4Header>(bytes, offset);
  if (header == nullptr || header->version() != 4) return {};
  const size_t length = header->header_length();
  if (length < sizeof(Ipv4Header) || !fits(bytes.size(), offset, length)) return {};
  return bytes.subspan(offset, length);
}

struct Ipv6Header {
  be32 version_class_label;
  be16 payload_length;  // what follows this header, extension headers included, bytes
  uint8_t next_header;
  uint8_t hop_limit;
  Ipv6Address src;
  Ipv6Address dst;

  constexpr uint8_t version() const {
    return static_cast<uint8_t>(version_class_label.host() >> 28);
  }
  constexpr uint8_t traffic_class() const {
    return static_cast<uint8_t>(version_class_label.host() >> 20);
  }
  constexpr uint32_t flow_label() const { return version_class_label.host() & 0xfffff; }
};
static_assert(sizeof(Ipv6Header) == 40);

// The common start of hop-by-hop options, destination options and routing headers (RFC
// 8200, 4.3–4.6), and of AH, which counts its length differently.
struct Ipv6ExtensionHeader {
  uint8_t next_header;
  uint8_t length;

  constexpr size_t length_bytes() const { return (size_t{length} + 1) * 8; }
  constexpr size_t authentication_length_bytes() const { return (size_t{length} + 2) * 4; }
};
static_assert(sizeof(Ipv6ExtensionHeader) == 2);

inline constexpr uint8_t kRoutingType0 = 0;        // deprecated by RFC 5095
inline constexpr uint8_t kRoutingType2 = 2;        // Mobile IPv6, RFC 6275 6.4
inline constexpr uint8_t kRoutingTypeSegment = 4;  // SRH, RFC 8754

struct Ipv6RoutingHeader {
  uint8_t next_header;
  uint8_t length;
  uint8_t type;
  uint8_t segments_left;
  be32 type_specific;
};
static_assert(sizeof(Ipv6RoutingHeader) == 8);

struct Ipv6FragmentHeader {
  uint8_t next_header;
  uint8_t reserved;
  be16 offset_flags;
  be32 id;

  constexpr uint32_t fragment_offset_bytes() const { return offset_flags.host() & 0xfff8u; }
  constexpr bool more_fragments() const { return (offset_flags.host() & 1) != 0; }
};
static_assert(sizeof(Ipv6FragmentHeader) == 8);

}  // namespace starocean::net
