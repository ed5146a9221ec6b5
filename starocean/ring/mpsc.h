// A bounded queue from any number of threads to one.
//
//   reserved ──────────────┐  moved by producers, by compare-and-swap
//                          v
//   slots   . [A A A][B B] C .      the slot of index i is slots[i & mask]
//   count   .  3      2    0        of a batch's first slot: its length, once complete
//              ^
//   consumed ──┘  moved by the consumer (release)
//
// A producer (1) reserves consecutive slots, as many as it needs or as there are, by moving
// `reserved`; (2) fills them; (3) stores the number of them, with release, in the count that
// belongs to the first. The consumer acquires the count at its index: 0 says that there is nothing
// (yet), n that n slots are ready; it zeroes the count, copies the slots and releases its index.
// Hence a batch costs one compare-and-swap and one store, however long it is, and producers never
// wait for one another (rings that keep one common tail, such as DPDK's rte_ring, spin until
// earlier producers are done, which is a scheduler's time slice when one of those has been
// preempted).
//
// Progress. Producers are lock-free: a push fails to move `reserved` only because another one did.
// The consumer is wait-free. What is not lock-free is the queue as a whole: a producer that is
// stopped between (1) and (3) hides what others pushed behind its slots, and, when the ring has
// filled up behind them, makes pushes return 0. Nothing is lost, and nobody spins; it ends when
// that producer runs again. A reliable wake-up follows from ringing after push() (doorbell.h): the
// late producer rings too.
//
// Order. What one producer pushes is popped in that order, and the elements of one push() call are
// adjacent. Between producers, the order is that of their reservations.
//
// Indices run freely through uint32_t, as in spsc.h. `reserved` and the producers' common, possibly
// old view of `consumed` share one 64-bit word, so that a compare-and-swap vouches for both: room
// computed from an out-of-date pair is never acted upon. (To defeat that, a producer would have to
// be stopped between a load and its compare-and-swap while exactly a multiple of 2^32 elements pass
// and both halves come back to their values: at 10^8 elements/s no sooner than 43 s, then one
// chance in billions.)
//
// Threads: push() and room() any number of threads; pop() and ready() one; size() and empty()
// anyone.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "starocean/base/cpu.h"
#include "starocean/ring/storage.h"

namespace starocean::ring {

template <class T>
class MpscRing {
 public:
  // `start` is the first index used; it exists for tests, which begin just below 2^32.
  explicit MpscRing(size_t capacity, uint32_t start = 0)
      : MpscRing(RingStorage<T>(capacity), start) {}
  // Elements in the caller's memory, which must outlive the ring; its size is the capacity. The
  // counts (4 bytes a slot) are the ring's own in any case.
  explicit MpscRing(std::span<T> slots, uint32_t start = 0)
      : MpscRing(RingStorage<T>(slots), start) {}
  MpscRing(const MpscRing&) = delete;
  MpscRing& operator=(const MpscRing&) = delete;

  // Any producer. Pushes the first elements of `items`, as many as fit, and returns their number.
  size_t push(std::span<const T> items) {
    const Reservation got = reserve(items.size());
    if (got.count == 0) return 0;
    copy_in(producer_.slots, producer_.mask, got.index, items.data(), got.count);
    publish(got);
    return got.count;
  }
  // Any producer. False when full.
  bool push(const T& item) {
    const Reservation got = reserve(1);
    if (got.count == 0) return false;
    producer_.slots[got.index & producer_.mask] = item;
    publish(got);
    return true;
  }
  // What push() would have taken a moment ago; other producers may have been quicker.
  size_t room() const { return capacity() - size(); }

  // Consumer. Fills `out` from its beginning and returns how many elements there were.
  size_t pop(std::span<T> out) {
    uint32_t index = consumer_.index.load(std::memory_order_relaxed);
    uint32_t pending = consumer_.pending;
    size_t taken = 0;
    while (taken < out.size()) {
      if (pending == 0) pending = take_count(index);
      if (pending == 0) break;
      const auto count = static_cast<uint32_t>(std::min<size_t>(pending, out.size() - taken));
      copy_out(consumer_.slots, consumer_.mask, index, out.data() + taken, count);
      index += count;
      taken += count;
      pending -= count;
    }
    consumer_.pending = pending;
    if (taken != 0) consumer_.index.store(index, std::memory_order_release);
    return taken;
  }
  // Consumer. False when nothing is ready; `out` is then untouched.
  bool pop(T& out) {
    const uint32_t index = consumer_.index.load(std::memory_order_relaxed);
    if (consumer_.pending == 0) {
      const uint32_t count = take_count(index);
      if (count == 0) return false;
      if (count != 1) consumer_.pending = count - 1;  // a store less for each batch of one
    } else {
      --consumer_.pending;
    }
    out = consumer_.slots[index & consumer_.mask];
    consumer_.index.store(index + 1, std::memory_order_release);
    return true;
  }
  // Consumer. Whether pop() would return something: the question to ask before sleeping.
  bool ready() const {
    const uint32_t index = consumer_.index.load(std::memory_order_relaxed);
    return consumer_.pending != 0 ||
           consumer_.counts[index & consumer_.mask].load(std::memory_order_acquire) != 0;
  }

  // Anyone: elements pushed or being pushed. So a ring may be neither empty() nor ready().
  size_t size() const {
    const uint32_t consumed = consumer_.index.load(std::memory_order_acquire);
    const uint32_t level = reserved_of(producer_.state.load(std::memory_order_acquire)) - consumed;
    return std::min<size_t>(level, capacity());
  }
  bool empty() const { return size() == 0; }
  size_t capacity() const { return storage_.capacity(); }

 private:
  using Count = std::atomic<uint32_t>;
  struct Reservation {
    uint32_t index;
    uint32_t count;
  };

  MpscRing(RingStorage<T> storage, uint32_t start)
      : storage_(std::move(storage)),
        counts_(std::make_unique<Count[]>(storage_.capacity())),
        producer_{pack(start, start), storage_.mask(), storage_.data(), counts_.get()},
        consumer_{start, 0, storage_.mask(), storage_.data(), counts_.get()} {}

  // `reserved` is the high half: adding to it wraps as it should and leaves the low half alone.
  static constexpr uint64_t pack(uint32_t reserved, uint32_t consumed) {
    return uint64_t{reserved} << 32 | consumed;
  }
  static constexpr uint32_t reserved_of(uint64_t state) {
    return static_cast<uint32_t>(state >> 32);
  }
  static constexpr uint32_t consumed_of(uint64_t state) { return static_cast<uint32_t>(state); }

  Reservation reserve(size_t wanted) {
    const uint32_t all = producer_.mask + 1;
    // Acquire and release also hand on what the producer that refreshed `consumed` had acquired:
    // that the consumer is done with those slots.
    uint64_t state = producer_.state.load(std::memory_order_acquire);
    for (;;) {
      const uint32_t index = reserved_of(state);
      uint64_t base = state;
      uint32_t room = all - (index - consumed_of(state));
      if (room < wanted) [[unlikely]] {
        base = pack(index, consumer_.index.load(std::memory_order_acquire));
        room = all - (index - consumed_of(base));
      }
      const auto count = static_cast<uint32_t>(std::min<size_t>(room, wanted));
      if (count == 0) {
        // Full, unless `index` is so old that the consumer has passed it.
        const uint64_t again = producer_.state.load(std::memory_order_acquire);
        if (again == state) return {index, 0};
        state = again;
        continue;
      }
      if (producer_.state.compare_exchange_weak(state, base + (uint64_t{count} << 32),
                                                std::memory_order_acq_rel,
                                                std::memory_order_acquire)) {
        return {index, count};
      }
    }
  }
  void publish(Reservation got) {
    producer_.counts[got.index & producer_.mask].store(got.count, std::memory_order_release);
  }

  // Takes over the batch that begins at `index`: its length, or 0 if it is not complete.
  uint32_t take_count(uint32_t index) {
    Count& slot = consumer_.counts[index & consumer_.mask];
    const uint32_t count = slot.load(std::memory_order_acquire);
    // Seen by the slot's next producer, who acquires the consumer's index, which is released later.
    if (count != 0) slot.store(0, std::memory_order_relaxed);
    return count;
  }

  struct alignas(kNoSharing) Producers {
    std::atomic<uint64_t> state;  // high half: reserved; low half: consumed, as last seen by any
    uint32_t mask;
    T* slots;
    Count* counts;
  };
  struct alignas(kNoSharing) Consumer {
    std::atomic<uint32_t> index;
    uint32_t pending;  // what is left of a batch whose count has been taken
    uint32_t mask;
    T* slots;
    Count* counts;
  };

  RingStorage<T> storage_;
  std::unique_ptr<Count[]> counts_;
  Producers producer_;
  Consumer consumer_;
};

}  // namespace starocean::ring
