// What one direction of the emulated link counts. Conservation, at any time but for packets in the middle
// of a turn:
//
//   rx_packets + duplicated = tx_packets + sum of drop_* + held
//
// One writer, the emulator's thread; any thread reads.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>

#include "starocean/base/clock.h"
#include "starocean/base/counters.h"

namespace starocean::wan {

#define SO_WAN_COUNTERS(X)                                                                     \
  X(rx_packets, "packets", "arrived at the link")                                              \
  X(rx_bytes, "bytes", "arrived at the link")                                                  \
  X(tx_packets, "packets", "departed at the far end, copies included")                         \
  X(tx_bytes, "bytes", "departed at the far end, copies included")                             \
  X(duplicated, "packets", "copies made on the wire")                                          \
  X(corrupted, "packets", "one bit flipped on the wire; a copy made of it is not counted")     \
  X(reordered, "packets", "sent ahead, or held back, on purpose")                              \
  X(checksums_finished, "packets",                                                             \
    "arrived with an unfinished TCP or UDP checksum, now completed")                           \
  X(late, "packets", "departed more than 0.1 ms after their time: the machine was busy")       \
  X(drop_loss, "packets", "lost on the wire, outside bursts")                                  \
  X(drop_burst_loss, "packets", "lost on the wire, within bursts")                             \
  X(drop_queue_full, "packets", "the queue before the transmitter was full")                   \
  X(drop_no_room, "packets", "more under way than there are frames for: raise --frames")       \
  X(drop_egress_mtu, "packets", "longer than the egress interface's MTU allows")               \
  X(drop_fragments, "packets", "of more buffers than the egress interface sends in one frame") \
  X(drop_egress_down, "packets", "the egress interface was down at the time of departure")     \
  X(drop_tx_full, "packets", "transmit ring still full after bounded retries")                 \
  X(drop_ended, "packets", "still under way when the emulator ended")

SO_DECLARE_COUNTERS(WanCounter, kWanCounters, SO_WAN_COUNTERS)
using WanCounters = CounterBlock<WanCounter>;

// How long after its time each packet departed: until the kernel had taken it, which on veth includes what
// the peer's Linux does on reception. The emulator's own measure of its precision.
class alignas(kNoSharing) Lateness {
 public:
  // Upper ends of the buckets; the last bucket has none.
  static constexpr std::array<uint64_t, 13> kBoundsNs = {
      5 * kNsPerUs,   10 * kNsPerUs,  20 * kNsPerUs, 50 * kNsPerUs, 100 * kNsPerUs,
      200 * kNsPerUs, 500 * kNsPerUs, kNsPerMs,      2 * kNsPerMs,  5 * kNsPerMs,
      10 * kNsPerMs,  20 * kNsPerMs,  50 * kNsPerMs};
  static constexpr uint64_t kLateNs = 100 * kNsPerUs;

  struct Values {
    std::array<uint64_t, kBoundsNs.size() + 1> packets{};
    uint64_t sum_ns = 0;
    uint64_t max_ns = 0;
  };

  void add(uint64_t late_ns) {
    size_t bucket = 0;
    while (bucket < kBoundsNs.size() && late_ns > kBoundsNs[bucket]) ++bucket;
    bump(packets_[bucket], 1);
    bump(sum_ns_, late_ns);
    if (late_ns > max_ns_.load(std::memory_order_relaxed)) {
      max_ns_.store(late_ns, std::memory_order_relaxed);
    }
  }
  Values values() const {
    Values values;
    for (size_t i = 0; i < packets_.size(); ++i) {
      values.packets[i] = packets_[i].load(std::memory_order_relaxed);
    }
    values.sum_ns = sum_ns_.load(std::memory_order_relaxed);
    values.max_ns = max_ns_.load(std::memory_order_relaxed);
    return values;
  }

 private:
  static void bump(std::atomic<uint64_t>& value, uint64_t amount) {
    value.store(value.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }

  std::array<std::atomic<uint64_t>, kBoundsNs.size() + 1> packets_{};
  std::atomic<uint64_t> sum_ns_{0};
  std::atomic<uint64_t> max_ns_{0};
};

}  // namespace starocean::wan
