// Finishes what Linux leaves for a network card to do.
//
// A packet that Linux itself sends into a veth carries an unfinished TCP or UDP checksum
// (CHECKSUM_PARTIAL; Linux, Documentation/networking/checksum-offloads.rst): the field holds the
// folded, not inverted, sum of the pseudo-header. A veth peer in the same kernel takes it so;
// anybody else drops it.
//
// Only TCP and UDP, plain or in VXLAN. Linux leaves unfinished also SCTP's CRC32c and what it sends
// through other tunnels (GRE, IPIP, Geneve): that is for the sender to switch off (ethtool -K DEV tx off).
//
// A finished checksum equals that sum by chance once in 65536 packets. It is then computed again,
// which changes nothing if it was right; so no packet is harmed, but a damaged one may pass for
// sound.
#pragma once

#include <cstddef>
#include <span>

#include "starocean/net/parse.h"
#include "starocean/net/view.h"

namespace starocean::net {

// If the TCP or UDP checksum of the packet is unfinished, computes and stores it. `pieces` are the
// whole frame, in order, of any lengths; the first holds all the headers, and `packet` is what
// parse() said of it. In VXLAN (UDP port 4789) the inner packet is finished first, then the outer.
//
// True: something was stored. False: there was nothing to do, or the packet is malformed, a
// fragment (Linux finishes the checksum before it fragments), or of another protocol; it is then
// unchanged. Pure; any thread; a few ns when there is nothing to do.
bool finish_transport_checksum(std::span<const MutableBytes> pieces, const ParsedPacket& packet);

// The same for a frame in one piece.
inline bool finish_transport_checksum(MutableBytes frame, const ParsedPacket& packet) {
  return finish_transport_checksum(std::span<const MutableBytes>(&frame, 1), packet);
}

}  // namespace starocean::net
