// How full a worker keeps the fill rings of its queues.
//
// A packet is received into the frame that has been in the fill ring longest, so that all frames in it take turns.
// With few of them each is still in the caches and the TLB when its turn comes; with 16384 on a veth the rate was up to
// an eighth lower than with 4096 (docs/benchmarks/speed.md). But what the ring holds is also all that can be received
// while the worker's CPU is taken away, by a hypervisor or by another thread, and 4096 are 4 ms at a million packets a
// second. So the rings are kept at calm_level() until the worker finds that it was away and that one of them ran empty
// meanwhile; from then on they are kept at deep_level(), until that has not happened for kDeepNs.
//
// To a worker that cannot keep up more frames would be of no use, they would only make the queue in the receive ring
// longer: it is one whose last turn took all that a turn may.
//
// Threads: a FillDepth belongs to its worker; the functions are for any.
#pragma once

#include <algorithm>
#include <cstdint>

#include "starocean/base/clock.h"

namespace starocean::dataplane {

class FillDepth {
 public:
  // Frames in a fill ring of `ring_size` that is larger, as long as nothing is wrong.
  static constexpr uint32_t kCalmFrames = 4096;
  static constexpr uint64_t kAwayNs = kNsPerMs;
  // A turn takes longer the more packets it finds; none takes that long for each.
  static constexpr uint64_t kPacketNs = 10'000;
  static constexpr uint64_t kDeepNs = 600 * kNsPerSecond;
  // What a worker has in hand besides rings: a batch of 64 being received, one being processed, and two handed over to
  // or from another worker.
  static constexpr uint32_t kInHandFrames = 256;

  // What the rings of one queue must be able to hold for it to work at all.
  static constexpr uint32_t calm_level(uint32_t fill_size) {
    return std::min(fill_size, kCalmFrames);
  }
  static constexpr uint64_t frames_needed(uint32_t fill_size, uint32_t tx_size) {
    return uint64_t{calm_level(fill_size)} + tx_size;
  }
  // `spare_frames`: what is left when each of `queues` queues and each worker has what it needs. Half of that may lie in
  // fill rings; the rest is for packets that wait for a neighbour or in an egress queue.
  static constexpr uint32_t deep_level(uint32_t fill_size, uint64_t spare_frames, size_t queues) {
    if (queues == 0) return calm_level(fill_size);
    const uint64_t share = spare_frames / 2 / queues;
    return static_cast<uint32_t>(std::min<uint64_t>(fill_size, calm_level(fill_size) + share));
  }

  // At the beginning of each turn; `packets` is what the one before found, `most_packets` what it would have taken.
  // True: the worker was away, or slept; if a fill ring is empty, deepen().
  bool begin_turn(uint64_t now_ns, uint32_t packets, uint64_t most_packets) {
    const uint64_t gap_ns = last_ns_ == 0 ? 0 : now_ns - last_ns_;
    last_ns_ = now_ns;
    return gap_ns > kAwayNs && gap_ns > packets * kPacketNs && packets < most_packets;
  }
  // True: the levels are to be raised.
  bool deepen(uint64_t now_ns) {
    const bool was_deep = deep_until_ns_ != 0;
    deep_until_ns_ = now_ns + kDeepNs;
    return !was_deep;
  }
  // True, once: the levels are to be lowered.
  bool relax(uint64_t now_ns) {
    if (deep_until_ns_ == 0 || now_ns < deep_until_ns_) return false;
    deep_until_ns_ = 0;
    return true;
  }
  bool is_deep() const { return deep_until_ns_ != 0; }

 private:
  uint64_t last_ns_ = 0;
  uint64_t deep_until_ns_ = 0;  // 0: it is calm
};

}  // namespace starocean::dataplane
