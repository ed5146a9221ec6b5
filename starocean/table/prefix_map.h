// The routes of a table as they were set, prefix → value: the writer's own, compact. It knows what lies under
// a route that goes, and what `show route` shows. Longest-prefix-match tables keep one each.
//
// Open addressing with linear probing; erasing closes the gap, so that nothing is left behind. A slot of IPv4
// is 8 bytes, of IPv6 20; at most three quarters are taken. One thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "starocean/table/lpm_trie.h"

namespace starocean::table::lpm {

struct Slot4 {
  static constexpr uint32_t kMaxLength = 32;
  uint32_t prefix = 0;
  uint32_t length_value = 0;  // as a Word; value 0: empty

  void set_prefix(const Bits128& bits) { prefix = static_cast<uint32_t>(bits.high >> 32); }
  Bits128 bits() const { return Bits128::v4(prefix); }
};
static_assert(sizeof(Slot4) == 8);

struct Slot6 {
  static constexpr uint32_t kMaxLength = 128;
  std::array<uint32_t, 4> prefix{};  // not of 64 bits each: padding would cost a sixth
  uint32_t length_value = 0;

  void set_prefix(const Bits128& bits) {
    prefix = {static_cast<uint32_t>(bits.high >> 32), static_cast<uint32_t>(bits.high),
              static_cast<uint32_t>(bits.low >> 32), static_cast<uint32_t>(bits.low)};
  }
  Bits128 bits() const {
    return {uint64_t{prefix[0]} << 32 | prefix[1], uint64_t{prefix[2]} << 32 | prefix[3]};
  }
};
static_assert(sizeof(Slot6) == 20);

struct PrefixMatch {
  Bits128 prefix;
  uint32_t length = 0;
  uint32_t value = 0;
};

template <class Slot>
class PrefixMap {
 public:
  PrefixMap() : slots_(kLeastSlots) {}

  size_t size() const { return size_; }
  size_t memory_bytes() const { return slots_.size() * sizeof(Slot); }

  // 0: none.
  uint32_t find(const Bits128& prefix, uint32_t length) const {
    return value_of(slots_[place_of(prefix, length)].length_value);
  }
  // Inserts or replaces. Returns what was there, or 0.
  uint32_t set(const Bits128& prefix, uint32_t length, uint32_t value) {
    if ((size_ + 1) * 4 > slots_.size() * 3) grow();
    Slot& slot = slots_[place_of(prefix, length)];
    const uint32_t before = value_of(slot.length_value);
    if (before == 0) {
      ++size_;
      ++of_length_[length];
      slot.set_prefix(prefix);
    }
    slot.length_value = make_word(length, value);
    return before;
  }
  // Returns what was there, or 0.
  uint32_t erase(const Bits128& prefix, uint32_t length) {
    size_t gap = place_of(prefix, length);
    const uint32_t before = value_of(slots_[gap].length_value);
    if (before == 0) return 0;
    --size_;
    --of_length_[length];
    for (size_t next = gap;;) {
      next = (next + 1) & mask();
      const Slot& slot = slots_[next];
      if (value_of(slot.length_value) == 0) break;
      // It may move to the gap unless its home lies between the two.
      const size_t home = home_of(slot.bits(), tag_of(slot.length_value));
      if (((next - home) & mask()) < ((next - gap) & mask())) continue;
      slots_[gap] = slot;
      gap = next;
    }
    slots_[gap] = Slot();
    return before;
  }
  // The longest prefix of at most `longest` bits that `address` lies in.
  std::optional<PrefixMatch> cover(const Bits128& address, uint32_t longest) const {
    for (uint32_t length = longest + 1; length-- > 0;) {
      if (of_length_[length] == 0) continue;
      const Bits128 prefix = address.cut(length);
      if (const uint32_t value = find(prefix, length); value != 0) {
        return PrefixMatch{prefix, length, value};
      }
    }
    return std::nullopt;
  }
  // Calls f(const PrefixMatch&) for each, in no order; the map must not change meanwhile.
  template <class F>
  void for_each(F&& f) const {
    for (const Slot& slot : slots_) {
      if (const uint32_t value = value_of(slot.length_value); value != 0) {
        f(PrefixMatch{slot.bits(), tag_of(slot.length_value), value});
      }
    }
  }

 private:
  static constexpr size_t kLeastSlots = 16;

  size_t mask() const { return slots_.size() - 1; }
  size_t home_of(const Bits128& prefix, uint32_t length) const {
    uint64_t hash = (prefix.high ^ length) * 0x9e3779b97f4a7c15u;
    hash = (hash ^ hash >> 32 ^ prefix.low) * 0xd6e8feb86659fd93u;
    return static_cast<size_t>(hash ^ hash >> 32) & mask();
  }
  // Where it lies or would lie.
  size_t place_of(const Bits128& prefix, uint32_t length) const {
    for (size_t i = home_of(prefix, length);; i = (i + 1) & mask()) {
      const Slot& slot = slots_[i];
      if (value_of(slot.length_value) == 0) return i;
      if (tag_of(slot.length_value) == length && slot.bits() == prefix) return i;
    }
  }
  void grow() {
    std::vector<Slot> old(slots_.size() * 2);
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (value_of(slot.length_value) == 0) continue;
      slots_[place_of(slot.bits(), tag_of(slot.length_value))] = slot;
    }
  }

  std::vector<Slot> slots_;  // a power of two
  size_t size_ = 0;
  std::array<uint32_t, Slot::kMaxLength + 1> of_length_{};
};

}  // namespace starocean::table::lpm
