// Views of the four rings that an AF_XDP socket shares with the kernel.
//
// The kernel lays a ring out as: producer index, consumer index, flags, descriptors. Indices are
// free-running uint32: only the array index is masked, and `producer - consumer` is the fill level right
// through the overflow at 2^32 (Documentation/networking/af_xdp.rst, "Rings"). We are the producer of
// fill and tx and the consumer of rx and completion:
//
//                     we produce                               we consume
//        consumer ─▶ ┌───┬───┬───┬───┐ ◀─ producer   consumer ─▶ ┌───┬───┬───┬───┐ ◀─ producer
//        (kernel)    └───┴───┴───┴───┘     (we)        (we)       └───┴───┴───┴───┘    (kernel)
//                      fill, tx                                   rx, completion
//
// The API cannot leak or send a stale descriptor: what was pushed, and only that, is published. One
// thread owns a view; the memory orders pair with the kernel's smp_load_acquire/smp_store_release.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "starocean/base/check.h"
#include "starocean/xsk/uapi.h"

namespace starocean::xsk {

// Where a ring lies in memory. `size` is a power of two.
template <class Desc>
struct RingMemory {
  uint32_t* producer = nullptr;
  uint32_t* consumer = nullptr;
  uint32_t* flags = nullptr;
  Desc* descriptors = nullptr;
  uint32_t size = 0;
};

template <class Desc>
class ProducerRing {
 public:
  ProducerRing() = default;
  explicit ProducerRing(const RingMemory<Desc>& memory)
      : memory_(memory), mask_(memory.size - 1), next_(*memory.producer), published_(next_) {
    cached_consumer_ = load_consumer();
  }

  // Free descriptors, at least `wanted` if there are that many. Reads the kernel's index only when the
  // cached one does not suffice.
  uint32_t room(uint32_t wanted) {
    uint32_t free = memory_.size - (next_ - cached_consumer_);
    if (free < wanted) {
      cached_consumer_ = load_consumer();
      free = memory_.size - (next_ - cached_consumer_);
    }
    return free;
  }

  // Precondition: room(1) > 0. The kernel does not see it before publish().
  void push(const Desc& descriptor) {
    SO_DCHECK(next_ - cached_consumer_ < memory_.size, "push into a full ring");
    memory_.descriptors[next_++ & mask_] = descriptor;
  }

  // Shows the kernel everything pushed so far.
  void publish() {
    if (published_ == next_) return;
    std::atomic_ref(*memory_.producer).store(next_, std::memory_order_release);
    published_ = next_;
  }

  uint32_t unpublished() const { return next_ - published_; }
  // Free-running, as all indices: so many since the ring was made.
  uint32_t published() const { return published_; }
  // Published, and not yet consumed by the kernel.
  uint32_t pending() { return published_ - (cached_consumer_ = load_consumer()); }
  // The kernel asks to be woken by a system call (XDP_USE_NEED_WAKEUP).
  bool needs_wakeup() const {
    return (std::atomic_ref(*memory_.flags).load(std::memory_order_relaxed) &
            XDP_RING_NEED_WAKEUP) != 0;
  }
  uint32_t size() const { return memory_.size; }

 private:
  uint32_t load_consumer() const {
    return std::atomic_ref(*memory_.consumer).load(std::memory_order_acquire);
  }

  RingMemory<Desc> memory_;
  uint32_t mask_ = 0;
  uint32_t next_ = 0;
  uint32_t published_ = 0;
  uint32_t cached_consumer_ = 0;
};

template <class Desc>
class ConsumerRing {
 public:
  ConsumerRing() = default;
  explicit ConsumerRing(const RingMemory<Desc>& memory)
      : memory_(memory), mask_(memory.size - 1), next_(*memory.consumer) {
    cached_producer_ = load_producer();
  }

  // Descriptors that can be read, at least `wanted` if there are that many.
  uint32_t available(uint32_t wanted) {
    uint32_t ready = cached_producer_ - next_;
    if (ready < wanted) {
      cached_producer_ = load_producer();
      ready = cached_producer_ - next_;
    }
    return ready;
  }

  // The i-th unread descriptor. Precondition: i < available(i + 1).
  const Desc& peek(uint32_t i) const {
    SO_DCHECK(i < cached_producer_ - next_, "peek past the end of a ring");
    return memory_.descriptors[(next_ + i) & mask_];
  }

  // Gives the first `count` descriptors back to the kernel; they must not be read afterwards.
  void release(uint32_t count) {
    SO_DCHECK(count <= cached_producer_ - next_, "release of descriptors never received");
    next_ += count;
    std::atomic_ref(*memory_.consumer).store(next_, std::memory_order_release);
  }

  // Of the fill level only; exact at the time of the call.
  bool empty() { return available(1) == 0; }
  uint32_t size() const { return memory_.size; }

 private:
  uint32_t load_producer() const {
    return std::atomic_ref(*memory_.producer).load(std::memory_order_acquire);
  }

  RingMemory<Desc> memory_;
  uint32_t mask_ = 0;
  uint32_t next_ = 0;
  uint32_t cached_producer_ = 0;
};

}  // namespace starocean::xsk
