// A bounded queue from one thread to one other.
//
//   producer index ──┐ written by the producer (release), read by the consumer (acquire)
//                    v
//   slots   . . X X X . . .      X = pushed, not yet popped; slot of index i is slots[i & mask]
//               ^
//   consumer index ── written by the consumer (release), read by the producer (acquire)
//
// Indices. Both run freely through uint32_t and wrap at 2^32; only the array subscript is masked.
// `producer - consumer` is then the fill level even while one has wrapped and the other has not,
// all slots can be used, and full (difference = capacity) differs from empty (difference = 0). The
// kernel's AF_XDP rings count in the same way (Documentation/networking/af_xdp.rst, "Rings").
//
// Ordering. The producer writes slots, then releases its index; a consumer that acquires the index
// sees the slots. The consumer reads slots, then releases its index; a producer that acquires it
// may overwrite them. Nothing stronger is needed, on any CPU.
//
// Cost. Each side keeps its last view of the other's index and looks again only when that view says
// "not enough": in steady state an operation touches the slots and one line of its own, and the
// lines with the indices travel between cores once per ring-full rather than once per element.
//
// Threads: one producer thread calls push() and room(), one consumer thread calls pop(). size() and
// empty() may be called by anyone: they are exact for whichever side asks about what it may do next
// (the consumer never sees fewer than it can pop, and so on), and a moment old for others.
// Both ends are wait-free. Nothing here blocks; to sleep on an empty ring see doorbell.h.
//
// A ring is neither copied nor moved. Capacity that is no power of two breaks an invariant
// (SO_CHECK).
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "starocean/base/cpu.h"
#include "starocean/ring/storage.h"

namespace starocean::ring {

template <class T>
class SpscRing {
 public:
  // `start` is the first index used; it exists for tests, which begin just below 2^32.
  explicit SpscRing(size_t capacity, uint32_t start = 0)
      : SpscRing(RingStorage<T>(capacity), start) {}
  // In the caller's memory, which must outlive the ring; its size is the capacity.
  explicit SpscRing(std::span<T> slots, uint32_t start = 0)
      : SpscRing(RingStorage<T>(slots), start) {}
  SpscRing(const SpscRing&) = delete;
  SpscRing& operator=(const SpscRing&) = delete;

  // Producer. Pushes the first elements of `items`, as many as fit, and returns their number.
  size_t push(std::span<const T> items) {
    const uint32_t index = producer_.index.load(std::memory_order_relaxed);
    const uint32_t count = reserve(index, items.size());
    if (count == 0) return 0;
    copy_in(producer_.slots, producer_.mask, index, items.data(), count);
    producer_.index.store(index + count, std::memory_order_release);
    return count;
  }
  // Producer. False when full.
  bool push(const T& item) {
    const uint32_t index = producer_.index.load(std::memory_order_relaxed);
    if (reserve(index, 1) == 0) return false;
    producer_.slots[index & producer_.mask] = item;
    producer_.index.store(index + 1, std::memory_order_release);
    return true;
  }
  // Producer. The number of elements that push() would take now; it can only grow meanwhile.
  size_t room() const {
    return capacity() - (producer_.index.load(std::memory_order_relaxed) -
                         consumer_.index.load(std::memory_order_acquire));
  }

  // Consumer. Fills `out` from its beginning, oldest element first, and returns how many there
  // were.
  size_t pop(std::span<T> out) {
    const uint32_t index = consumer_.index.load(std::memory_order_relaxed);
    const uint32_t count = available(index, out.size());
    if (count == 0) return 0;
    copy_out(consumer_.slots, consumer_.mask, index, out.data(), count);
    consumer_.index.store(index + count, std::memory_order_release);
    return count;
  }
  // Consumer. False when empty; `out` is then untouched.
  bool pop(T& out) {
    const uint32_t index = consumer_.index.load(std::memory_order_relaxed);
    if (available(index, 1) == 0) return false;
    out = consumer_.slots[index & consumer_.mask];
    consumer_.index.store(index + 1, std::memory_order_release);
    return true;
  }
  // Consumer. Whether pop() would return something: the question to ask before sleeping.
  bool ready() const {
    return producer_.index.load(std::memory_order_acquire) !=
           consumer_.index.load(std::memory_order_relaxed);
  }

  // Anyone.
  size_t size() const {
    // The consumer's index first: it never passes the producer's, so the difference is not
    // negative.
    const uint32_t consumed = consumer_.index.load(std::memory_order_acquire);
    const uint32_t level = producer_.index.load(std::memory_order_acquire) - consumed;
    return std::min<size_t>(level, capacity());
  }
  bool empty() const { return size() == 0; }
  size_t capacity() const { return storage_.capacity(); }

 private:
  SpscRing(RingStorage<T> storage, uint32_t start)
      : storage_(std::move(storage)),
        producer_{start, start, storage_.mask(), storage_.data()},
        consumer_{start, start, storage_.mask(), storage_.data()} {}

  uint32_t reserve(uint32_t index, size_t wanted) {
    const uint32_t all = producer_.mask + 1;
    uint32_t room = all - (index - producer_.other_index);
    if (room < wanted) {
      producer_.other_index = consumer_.index.load(std::memory_order_acquire);
      room = all - (index - producer_.other_index);
    }
    return static_cast<uint32_t>(std::min<size_t>(room, wanted));
  }
  uint32_t available(uint32_t index, size_t wanted) {
    uint32_t level = consumer_.other_index - index;
    if (level < wanted) {
      consumer_.other_index = producer_.index.load(std::memory_order_acquire);
      level = consumer_.other_index - index;
    }
    return static_cast<uint32_t>(std::min<size_t>(level, wanted));
  }

  // All that one side needs, on a line of its own; only `index` is read by the other.
  struct alignas(kNoSharing) Side {
    std::atomic<uint32_t> index;
    uint32_t other_index;  // the other side's index as last seen
    uint32_t mask;
    T* slots;
  };

  RingStorage<T> storage_;
  Side producer_;
  Side consumer_;
};

}  // namespace starocean::ring
