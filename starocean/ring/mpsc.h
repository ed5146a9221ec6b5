// A bounded queue from any number of threads to one.
//
//   reserved ──────────────┐  moved by producers, by compare-and-swap
//                          v
//   slots   . [A A A][B B] C .      the slot of index i is slots[i & mask]
//   marks   .  3      2    .        of a batch's first slot: (its index, its length), once complete
//              ^
//   consumed ──┘  moved by the consumer (release)
//
// A producer (1) reserves consecutive slots, as many as it needs or as there are, by moving
// `reserved`; (2) fills them; (3) stores index and length of the batch, with release, in the mark that
// belongs to the first. The consumer acquires the mark at its index: if it names that index, that many
// slots are ready; any other is left from an earlier round and says that there is nothing (yet). It
// copies the slots and releases its index. So only producers write marks: the line with the newest does
// not travel back and forth. A batch costs one compare-and-swap and one store, however long it is, and
// producers never wait for one another (rings that keep one common tail, such as DPDK's rte_ring, spin
// until earlier producers are done, which is a scheduler's time slice when one of those has been
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
// Indices are 64 bits wide and never come back, so that a compare-and-swap on `reserved` vouches for the
// room that was computed before it. Producers share their view of `consumed`; one that is too old only
// makes them look again. A mark has room for 44 bits of the
// index. (To be misled, the consumer would have to meet a mark that is exactly 2^44 elements old, two days
// at 10^8 elements/s, in a slot where no batch has begun since.)
//
// Threads: push() and room() any number of threads; pop() and ready() one; size() and empty()
// anyone. Capacity: a power of two, at most 2^20.
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
  static constexpr size_t kMaxMpscCapacity = size_t{1} << 20;

  // `start` is the first index used; it exists for tests, which begin just below 2^32 and 2^44.
  explicit MpscRing(size_t capacity, uint64_t start = 0)
      : MpscRing(RingStorage<T>(capacity), start) {}
  // Elements in the caller's memory, which must outlive the ring; its size is the capacity. The
  // marks (8 bytes a slot) are the ring's own in any case.
  explicit MpscRing(std::span<T> slots, uint64_t start = 0)
      : MpscRing(RingStorage<T>(slots), start) {}
  MpscRing(const MpscRing&) = delete;
  MpscRing& operator=(const MpscRing&) = delete;

  // Any producer. Pushes the first elements of `items`, as many as fit, and returns their number.
  size_t push(std::span<const T> items) {
    const Reservation got = reserve(items.size());
    if (got.count == 0) return 0;
    copy_in(producer_.slots, producer_.mask, slot_of(got.index), items.data(), got.count);
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
    uint64_t index = consumer_.index.load(std::memory_order_relaxed);
    uint32_t pending = consumer_.pending;
    size_t taken = 0;
    while (taken < out.size()) {
      if (pending == 0) pending = ready_at(index);
      if (pending == 0) break;
      const auto count = static_cast<uint32_t>(std::min<size_t>(pending, out.size() - taken));
      copy_out(consumer_.slots, consumer_.mask, slot_of(index), out.data() + taken, count);
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
    const uint64_t index = consumer_.index.load(std::memory_order_relaxed);
    if (consumer_.pending == 0) {
      const uint32_t count = ready_at(index);
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
    return consumer_.pending != 0 || ready_at(consumer_.index.load(std::memory_order_relaxed)) != 0;
  }

  // Anyone: elements pushed or being pushed. So a ring may be neither empty() nor ready().
  size_t size() const {
    // The consumer's index first: it never passes `reserved`, so the difference is not negative.
    const uint64_t consumed = consumer_.index.load(std::memory_order_acquire);
    const uint64_t level = producer_.reserved.load(std::memory_order_acquire) - consumed;
    return static_cast<size_t>(std::min<uint64_t>(level, capacity()));
  }
  bool empty() const { return size() == 0; }
  size_t capacity() const { return storage_.capacity(); }

 private:
  using Mark = std::atomic<uint64_t>;
  struct Reservation {
    uint64_t index;
    uint32_t count;
  };
  static constexpr uint32_t kLengthBits = 20;
  static constexpr uint64_t kLengthMask = (uint64_t{1} << kLengthBits) - 1;

  MpscRing(RingStorage<T> storage, uint64_t start)
      : storage_(std::move(storage)),
        marks_(std::make_unique<Mark[]>(storage_.capacity())),
        producer_{start, start, storage_.mask(), storage_.data(), marks_.get()},
        consumer_{start, 0, storage_.mask(), storage_.data(), marks_.get()} {
    SO_CHECK(capacity() <= kMaxMpscCapacity, "an MPSC ring holds at most 2^20 elements");
    for (size_t i = 0; i < capacity(); ++i)
      marks_[i].store(mark(start - 1, 1), std::memory_order_relaxed);
  }

  // A length is 1 … 2^20, stored less 1.
  static constexpr uint64_t mark(uint64_t index, uint32_t count) {
    return index << kLengthBits | (count - 1);
  }
  static constexpr uint32_t slot_of(uint64_t index) { return static_cast<uint32_t>(index); }

  Reservation reserve(size_t wanted) {
    const uint64_t all = uint64_t{producer_.mask} + 1;
    // Acquire, and release below: whoever sees how far others have reserved, sees at least as far as
    // they what the consumer had freed by then.
    uint64_t index = producer_.reserved.load(std::memory_order_acquire);
    for (;;) {
      uint64_t level = index - producer_.consumed.load(std::memory_order_acquire);
      if (level > all || all - level < wanted) [[unlikely]] {
        const uint64_t consumed = consumer_.index.load(std::memory_order_acquire);
        producer_.consumed.store(consumed, std::memory_order_release);
        level = index - consumed;
      }
      if (level >= all) {
        // Full, unless `index` is so old that the consumer has passed it.
        const uint64_t again = producer_.reserved.load(std::memory_order_acquire);
        if (again == index) return {index, 0};
        index = again;
        continue;
      }
      const auto count = static_cast<uint32_t>(std::min<uint64_t>(all - level, wanted));
      if (count == 0) return {index, 0};
      if (producer_.reserved.compare_exchange_weak(index, index + count, std::memory_order_acq_rel,
                                                   std::memory_order_acquire)) {
        return {index, count};
      }
    }
  }
  void publish(Reservation got) {
    producer_.marks[got.index & producer_.mask].store(mark(got.index, got.count),
                                                      std::memory_order_release);
  }

  // The length of the batch that begins at `index`; 0 if it is not complete.
  uint32_t ready_at(uint64_t index) const {
    const uint64_t seen = consumer_.marks[index & consumer_.mask].load(std::memory_order_acquire);
    if ((seen ^ mark(index, 1)) > kLengthMask) return 0;
    return static_cast<uint32_t>(seen & kLengthMask) + 1;
  }

  struct alignas(kNoSharing) Producers {
    std::atomic<uint64_t> reserved;
    std::atomic<uint64_t> consumed;  // as last seen by any producer; may go back a little
    uint32_t mask;
    T* slots;
    Mark* marks;
  };
  struct alignas(kNoSharing) Consumer {
    std::atomic<uint64_t> index;
    uint32_t pending;  // what is left of a batch already begun
    uint32_t mask;
    T* slots;
    const Mark* marks;
  };

  RingStorage<T> storage_;
  std::unique_ptr<Mark[]> marks_;
  Producers producer_;
  Consumer consumer_;
};

}  // namespace starocean::ring
