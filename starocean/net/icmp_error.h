// ICMP errors about a packet, made of the packet itself: it becomes the quote (RFC 792; RFC 1812, 4.3; RFC 4443, 2.4
// and 3). As Linux makes them, byte for byte where a receiver can tell: what is quoted, lengths, TOS, TTL.
//
// Pure; any thread; no allocation. Packets begin with the IP header: no Ethernet header before it, no padding
// behind.
#pragma once

#include <cstdint>

#include "starocean/net/ip_address.h"
#include "starocean/net/packet_buffer.h"
#include "starocean/net/parse.h"

namespace starocean::net {

// Quotes end where the whole error is so long (RFC 1812, 4.3.2.3; RFC 4443, 2.4 c).
inline constexpr size_t kMaxIcmpErrorBytes = 576;
inline constexpr size_t kMaxIcmpv6ErrorBytes = 1280;

// Codes of "destination unreachable".
inline constexpr uint8_t kIcmpNetUnreachable = 0;
inline constexpr uint8_t kIcmpHostUnreachable = 1;
inline constexpr uint8_t kIcmpFragmentationNeeded = 4;
inline constexpr uint8_t kIcmpProhibited = 13;  // RFC 1812, 5.2.7.1
inline constexpr uint8_t kIcmpv6NoRoute = 0;
inline constexpr uint8_t kIcmpv6Prohibited = 1;
inline constexpr uint8_t kIcmpv6BeyondScope = 2;
inline constexpr uint8_t kIcmpv6AddressUnreachable = 3;

struct IcmpErrorFields {
  uint8_t type = 0;
  uint8_t code = 0;
  uint32_t info = 0;  // the MTU of "fragmentation needed" and "packet too big"
};

// Whether there may be this error about this packet (RFC 1812, 4.3.2.7; RFC 4443, 2.4 e): it is none itself, it is
// from one station, and to one ("packet too big" to a group is allowed, for path MTU discovery). IPv4: no fragment
// but the first; of IPv6 any, as Linux has it. `frame` is what `parsed` speaks of; its Ethernet destination is for
// the caller to look at.
bool may_cause_icmp_error(ConstBytes frame, const ParsedPacket& parsed,
                          const IcmpErrorFields& fields);

// `packet` begins with an IPv4 header and has 28 bytes of room before it. `id` of the new header. False, with the
// packet unchanged, when there is no room.
bool make_icmp_error(PacketBuffer& packet, const IcmpErrorFields& fields, Ipv4Address source,
                     uint16_t id);
// The same with an IPv6 header and 48 bytes.
bool make_icmpv6_error(PacketBuffer& packet, const IcmpErrorFields& fields,
                       const Ipv6Address& source);

}  // namespace starocean::net
