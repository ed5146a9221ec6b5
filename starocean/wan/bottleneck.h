// The slow end of a link: a queue of bounded length before a transmitter of a given rate. Pure, in virtual
// time: whoever asks late gets the same answers, so that the rate is exact however busy the machine is.
// One thread; allocates at construction only.
//
//   push(packet)      arrived: waits, or finds the queue full
//   pop(now, packet)  the next one whose transmission has begun by `now`; says when its last bit is out
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "starocean/wan/link_options.h"

namespace starocean::wan {

inline constexpr uint64_t kNever = UINT64_MAX;

struct Waiting {
  uint64_t arrival_ns = 0;
  uint32_t frame = 0;  // the caller's
  uint32_t len_bytes = 0;
};

struct Sent {
  Waiting packet;
  uint64_t sent_ns = 0;
};

class Bottleneck {
 public:
  // At most `capacity` packets wait, whatever the limit says.
  explicit Bottleneck(uint32_t capacity);

  // A new rate holds from the next packet sent on, those that wait already included; the one that is being
  // sent keeps its time.
  void set(const LinkOptions& options);

  // False: full. Pop what has begun by packet.arrival_ns first, or the queue seems longer than it is.
  // With several receive queues arrivals may go back in time a little; the order is that of the calls.
  bool push(const Waiting& packet);
  std::optional<Sent> pop(uint64_t now_ns);
  // When the first that waits begins; kNever when none waits.
  uint64_t next_ns() const { return count_ == 0 ? kNever : begin_of(front()); }
  uint32_t waiting() const { return count_; }

 private:
  const Waiting& front() const { return ring_[first_ & mask_]; }
  uint64_t begin_of(const Waiting& packet) const {
    return packet.arrival_ns > free_ns_ ? packet.arrival_ns : free_ns_;
  }
  uint64_t bits(uint32_t len_bytes) const {
    return (uint64_t{len_bytes} + options_.overhead_bytes) * 8;
  }
  bool is_full(const Waiting& packet) const;

  LinkOptions options_;
  std::vector<Waiting> ring_;
  uint32_t mask_;
  uint32_t capacity_;
  uint32_t first_ = 0;  // free-running
  uint32_t count_ = 0;
  uint64_t waiting_bytes_ = 0;
  uint64_t free_ns_ = 0;    // when the transmitter has sent all that it has begun
  uint64_t remainder_ = 0;  // of free_ns_, in units of 1 / rate ns
};

}  // namespace starocean::wan
