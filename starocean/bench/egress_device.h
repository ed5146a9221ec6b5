// The device that generated frames leave by. Any thread; speaks of the calling thread's network namespace.
#pragma once

#include <cstdint>
#include <string>

#include "starocean/base/result.h"
#include "starocean/xsk/link_info.h"

namespace starocean::bench {

// The longest frame, FCS included, that devices with this MTU send and receive: Linux leaves room for one tag
// (is_skb_forwardable and xdp_ok_fwd_dev, net/core/dev.c).
uint32_t longest_frame_for_mtu(uint32_t mtu);

// Refused: no such device, a device that is down or without carrier, and frames of `longest_bytes`, FCS
// included, that are longer than its MTU allows; 0: any length.
Result<xsk::LinkInfo> find_egress(const std::string& device, uint32_t longest_bytes);

}  // namespace starocean::bench
