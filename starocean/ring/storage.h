// Where the elements of a ring lie: memory of the ring's own, or memory that the caller provides,
// for example a slice of the huge-page mapping that also holds the frames, so that a hand-off
// touches no other TLB entry. Set-up only; single thread. The caller's memory must outlive the
// ring.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <type_traits>

#include "starocean/base/check.h"
#include "starocean/base/cpu.h"

namespace starocean::ring {

// Indices run freely through uint32_t and are told apart by their difference, so a ring holds at
// most half of their range.
inline constexpr size_t kMaxCapacity = size_t{1} << 31;

// What a ring can be made of: power of two, not zero, at most kMaxCapacity.
constexpr bool valid_capacity(size_t capacity) {
  return std::has_single_bit(capacity) && capacity <= kMaxCapacity;
}

template <class T>
class RingStorage {
 public:
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);

  // Owned: begins on a cache line.
  explicit RingStorage(size_t capacity) {
    SO_CHECK(valid_capacity(capacity), "a ring's capacity is a power of two from 1 to 2^31");
    void* memory = ::operator new(capacity * sizeof(T), kAlignment);
    owned_.reset(static_cast<T*>(memory));
    std::uninitialized_value_construct_n(owned_.get(), capacity);
    slots_ = {owned_.get(), capacity};
  }
  // Borrowed.
  explicit RingStorage(std::span<T> slots) : slots_(slots) {
    SO_CHECK(valid_capacity(slots.size()), "a ring's capacity is a power of two from 1 to 2^31");
  }

  T* data() const { return slots_.data(); }
  uint32_t capacity() const { return static_cast<uint32_t>(slots_.size()); }
  uint32_t mask() const { return capacity() - 1; }

 private:
  static constexpr std::align_val_t kAlignment{alignof(T) > kCacheLine ? alignof(T) : kCacheLine};
  struct Free {
    void operator()(T* memory) const { ::operator delete(memory, kAlignment); }
  };

  std::unique_ptr<T, Free> owned_;
  std::span<T> slots_;
};

// Copies between a flat array and the slots from `index` on, in the one or two pieces that the end
// of the array makes of them.
template <class T>
inline void copy_in(T* slots, uint32_t mask, uint32_t index, const T* from, uint32_t count) {
  const uint32_t first = index & mask;
  const uint32_t until_end = mask + 1 - first;
  if (count <= until_end) [[likely]] {
    std::memcpy(slots + first, from, size_t{count} * sizeof(T));
  } else {
    std::memcpy(slots + first, from, size_t{until_end} * sizeof(T));
    std::memcpy(slots, from + until_end, size_t{count - until_end} * sizeof(T));
  }
}

template <class T>
inline void copy_out(const T* slots, uint32_t mask, uint32_t index, T* to, uint32_t count) {
  const uint32_t first = index & mask;
  const uint32_t until_end = mask + 1 - first;
  if (count <= until_end) [[likely]] {
    std::memcpy(to, slots + first, size_t{count} * sizeof(T));
  } else {
    std::memcpy(to, slots + first, size_t{until_end} * sizeof(T));
    std::memcpy(to + until_end, slots, size_t{count - until_end} * sizeof(T));
  }
}

}  // namespace starocean::ring
