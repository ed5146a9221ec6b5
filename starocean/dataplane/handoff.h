// How a buffer travels to another worker (for transmission) or to the control thread (for Linux). Plain
// data: the frame's ownership moves with it. The buffers of a packet follow each other in one ring, all
// but the last with `more`.
#pragma once

#include <cstdint>
#include <utility>

#include "starocean/base/ids.h"
#include "starocean/xsk/frame.h"

namespace starocean::dataplane {

// The pipeline stage at which the receiver goes on.
enum class Stage : uint8_t {
  kTransmit,       // out of `port`
  kPunt,           // control thread: to Linux, as received on `port`
  kDeliver,        // control thread: to Linux, on the TAP device of `interface`
  kFromInterface,  // worker: Linux sent it on the TAP device of `interface`, untagged
};

struct HandoffItem {
  xsk::FrameIndex frame = xsk::kNoFrame;
  uint16_t offset_bytes = 0;
  uint16_t len_bytes = 0;
  PortId port;  // egress for kTransmit, ingress for kPunt and kDeliver
  Stage stage = Stage::kTransmit;
  bool more = false;
  uint32_t packet_bytes = 0;  // of the whole packet
  InterfaceId interface;      // for kDeliver and kFromInterface
  uint32_t peer = 0;          // tunnel peer, for stages that keep order per peer
  uint64_t sequence = 0;      // position within the peer's flow
};
static_assert(sizeof(HandoffItem) == 32, "two to a cache line");

inline HandoffItem to_item(xsk::Buffer& buffer, PortId port, Stage stage, bool more,
                           uint32_t packet_bytes) {
  HandoffItem item;
  item.frame = buffer.frame.release();
  item.offset_bytes = buffer.offset_bytes;
  item.len_bytes = buffer.len_bytes;
  item.port = port;
  item.stage = stage;
  item.more = more;
  item.packet_bytes = packet_bytes;
  return item;
}

inline xsk::Buffer to_buffer(const HandoffItem& item) {
  return {xsk::Frame::adopt(item.frame), item.offset_bytes, item.len_bytes};
}

}  // namespace starocean::dataplane
