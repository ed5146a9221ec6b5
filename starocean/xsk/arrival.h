// When a frame reached the machine, however late user space came to look at it.
//
// An XdpProgram with stamp_arrival writes the time (CLOCK_MONOTONIC, as monotonic_ns()) in front of each
// frame that it sends to user space, as XDP metadata; the kernel copies that along into the UMEM, right in
// front of the packet (bpf-helpers(7), bpf_xdp_adjust_meta; Linux, net/xdp/xsk.c, __xsk_rcv). Nothing tells
// user space whether a frame bears a stamp, and a driver may refuse metadata. So the stamp is wiped when
// it is taken, and what is no time of the recent past is none.
#pragma once

#include <cstdint>
#include <cstring>

#include "starocean/base/clock.h"
#include "starocean/xsk/umem.h"

namespace starocean::xsk {

// Older is not believed: no frame waits so long in a ring that is being read.
inline constexpr uint64_t kOldestArrivalNs = 10 * kNsPerSecond;

// Of a buffer as receive() gave it, the first one of its packet; `now_ns` where there is no stamp. Never
// later than `now_ns`, a time read after receive().
inline uint64_t take_arrival_ns(Umem& umem, const Buffer& buffer, uint64_t now_ns) {
  uint64_t stamp = 0;
  if (buffer.offset_bytes < sizeof stamp) return now_ns;
  std::byte* const at = umem.data(buffer) - sizeof stamp;
  std::memcpy(&stamp, at, sizeof stamp);
  std::memset(at, 0, sizeof stamp);
  return stamp <= now_ns && now_ns - stamp < kOldestArrivalNs ? stamp : now_ns;
}

}  // namespace starocean::xsk
