// Turns a request into its answer, in place: ARP, ping of both versions, Neighbour Solicitation.
//
// Each takes a whole frame, with or without VLAN tags (which stay), and answers whatever address is
// asked for: that the address is ours is for the caller to know. Unless the result is kMade the
// frame is unchanged. Pure; any thread; no allocation.
#pragma once

#include <cstdint>

#include "starocean/net/mac_address.h"
#include "starocean/net/packet_buffer.h"
#include "starocean/net/view.h"

namespace starocean::net {

enum class Reply : uint8_t {
  kMade,
  kNotARequest,  // something else, or a request that must not be answered (to or from a multicast)
  kMalformed,    // truncated, wrong lengths, fields that the RFC forbids
  kBadChecksum,  // of IPv4, ICMP or ICMPv6
  kFragment,     // only the whole message can be answered
  kOptions,      // IPv4 options (which an answer would have to act on) or IPv6 extension headers
  kNoRoom,       // the answer is longer, and the buffer has no tailroom for it
};

// An ARP request becomes the reply that its target address is at `mac` (RFC 826). A probe, whose
// sender address is 0.0.0.0 (RFC 5227, 1.1), is answered too. The frame keeps its length.
Reply make_arp_reply(MutableBytes frame, MacAddress mac);

// An ICMP echo request becomes the echo reply (RFC 792; RFC 1122, 3.2.2.6). Both checksums must be
// right, that of ICMP over what the IP total length says; they are updated by RFC 1624, not
// computed anew. Addresses are swapped, the TTL is kDefaultTtl.
Reply make_icmp_echo_reply(MutableBytes frame);

// The same for ICMPv6 (RFC 4443, 4.2).
Reply make_icmpv6_echo_reply(MutableBytes frame);

// A Neighbour Solicitation that is valid by RFC 4861, 7.1.1 becomes the Neighbour Advertisement
// that its target is at `mac` (7.2.4): solicited and overriding; to all nodes when the asker has no
// address yet. It goes to the MAC address that the frame came from. The packet becomes 32 bytes of
// ICMPv6: up to 8 bytes longer than it was.
Reply make_neighbor_advertisement(PacketBuffer& packet, MacAddress mac);

}  // namespace starocean::net
