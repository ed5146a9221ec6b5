// IPv4 fragmentation (RFC 791, 3.2): where a packet is cut, and the header of each piece. The caller copies the
// bytes. The last piece is as long as the MTU lets it be, a multiple of 8 or not. Headers without options only: a
// packet with options is Linux's to forward. Pure; any thread.
#pragma once

#include <cstdint>

#include "starocean/net/ip_header.h"

namespace starocean::net {

struct FragmentPlan {
  uint16_t piece_bytes = 0;    // of payload in each but the last, a multiple of 8
  uint16_t payload_bytes = 0;  // of the whole
  uint16_t count = 0;          // 0: cannot be cut: too small an MTU, or it lies beyond 64 KiB
};

// `header` has 20 bytes and allows it (DF is clear). It may be a fragment itself.
FragmentPlan plan_fragments(const Ipv4Header& header, uint32_t mtu_bytes);

// The header of piece `number`, from 0, with length, offset and checksum.
Ipv4Header fragment_header(const Ipv4Header& header, const FragmentPlan& plan, uint16_t number);

}  // namespace starocean::net
