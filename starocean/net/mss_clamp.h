// Lowering TCP's maximum segment size where a link carries less than the ends believe and ICMP gets lost on the way
// (RFC 9293, 3.7.1; the practice is that of RFC 4459, 3.2). Pure; any thread.
#pragma once

#include <cstdint>

#include "starocean/net/parse.h"
#include "starocean/net/view.h"

namespace starocean::net {

// The largest segment that fits a link of this MTU with headers without options (RFC 6691).
constexpr uint16_t mss_for_mtu(uint8_t ip_version, uint32_t mtu_bytes) {
  const uint32_t headers = (ip_version == 4 ? 20u : 40u) + 20u;
  const uint32_t mss = mtu_bytes > headers ? mtu_bytes - headers : 0;
  return static_cast<uint16_t>(mss > 0xffff ? 0xffff : mss);
}

// If the packet is a SYN whose MSS option says more than `mss`, writes `mss` there and corrects the checksum; true if
// it did. Options that end before they say so are left alone, as are all when `mss` is 0: a link too narrow for any
// segment.
bool clamp_mss(MutableBytes frame, const ParsedPacket& parsed, uint16_t mss);

}  // namespace starocean::net
