// The parts of a MacTable: how an entry is laid into two 64-bit words, and a bucket of four
// entries. For the table itself see mac_table.h.
//
// Key word:   bridge (16 bits) and MAC (48), complemented.
// Value word: stamp_ms (32) | port (16) | generation (14) | state (2).
//
// Life of a slot. All transitions are compare-and-swaps on the value word, so that of several
// threads one succeeds:
//
//   free ──claim──> busy ──write key, publish──> dynamic | static
//     ^               ^                                │      │
//     │               └────────claim (expired)─────────┘      │
//     └────────clear key──────── busy <──────────take─────────┘   (either kind)
//
// The key is written only by the thread that holds the slot busy. Each claim or take increments
// the generation; hence a value word that a thread has read together with a key, and still finds in
// place (as an unchanged word, or by a successful compare-and-swap), belongs to that key: for this
// to fail, the slot would have to change hands thousands of times (2^14 claims and takes) and get
// the same port and stamp between two adjacent instructions. A free slot has key 0, which stands
// for the broadcast address on no bridge, and is never looked up.
//
// All-zero memory is a table of free slots.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "starocean/base/cpu.h"
#include "starocean/base/ids.h"

namespace starocean::table::mac {

enum State : uint32_t { kFree, kBusy, kDynamic, kStatic };

inline constexpr uint64_t kStateMask = 3;
inline constexpr uint64_t kGenerationOne = 1u << 2;
inline constexpr uint64_t kGenerationMask = 0xfffc;

constexpr uint64_t make_word(uint64_t generation_of, uint32_t stamp_ms, PortId port, State state) {
  return uint64_t{stamp_ms} << 32 | uint64_t{port.value()} << 16 |
         (generation_of & kGenerationMask) | state;
}
constexpr State state_of(uint64_t word) {
  return static_cast<State>(word & kStateMask);
}
constexpr bool is_live(uint64_t word) {
  return state_of(word) >= kDynamic;
}
constexpr PortId port_of(uint64_t word) {
  return PortId(static_cast<uint16_t>(word >> 16));
}
constexpr uint32_t stamp_of(uint64_t word) {
  return static_cast<uint32_t>(word >> 32);
}

// What a slot becomes when a thread takes it, and when its entry has gone.
constexpr uint64_t claimed(uint64_t word) {
  return ((word + kGenerationOne) & kGenerationMask) | kBusy;
}
constexpr uint64_t freed(uint64_t busy) {
  return (busy & kGenerationMask) | kFree;
}

inline constexpr uint64_t kNoKey = 0;

// Signed, because workers read the clock at different moments: a stamp may lie ahead of `now_ms`.
constexpr int32_t age_of(uint64_t word, uint32_t now_ms) {
  return static_cast<int32_t>(now_ms - stamp_of(word));
}
constexpr bool is_expired(uint64_t word, uint32_t now_ms, uint32_t aging_ms) {
  const int32_t age = age_of(word, now_ms);
  return state_of(word) == kDynamic && age >= 0 && static_cast<uint32_t>(age) >= aging_ms;
}

inline constexpr uint64_t kMacMask = (uint64_t{1} << 48) - 1;

constexpr uint64_t make_key(BridgeId bridge, uint64_t mac) {
  return ~(uint64_t{bridge.value()} << 48 | (mac & kMacMask));
}
constexpr BridgeId bridge_of(uint64_t key) {
  return BridgeId(static_cast<uint16_t>(~key >> 48));
}
constexpr uint64_t mac_of(uint64_t key) {
  return ~key & kMacMask;
}

inline constexpr uint32_t kSlotsPerBucket = 4;

struct alignas(kCacheLine) Bucket {
  std::atomic<uint64_t> keys[kSlotsPerBucket];
  std::atomic<uint64_t> words[kSlotsPerBucket];

  // Bit i is set when slot i has this key; a hint, to be confirmed by read().
  uint32_t candidates(uint64_t key) const {
    // Written out, because GCC 12 does not unroll loops over atomics.
    const auto is_key = [&](uint32_t i) {
      return uint32_t{keys[i].load(std::memory_order_relaxed) == key};
    };
    return is_key(0) | is_key(1) << 1 | is_key(2) << 2 | is_key(3) << 3;
  }
  // True when slot i holds a live entry of `key`; `word` is then its value.
  bool read(uint32_t i, uint64_t key, uint64_t& word) const {
    uint64_t before = words[i].load(std::memory_order_acquire);
    for (;;) {
      if (!is_live(before) || keys[i].load(std::memory_order_acquire) != key) return false;
      const uint64_t after = words[i].load(std::memory_order_acquire);
      if (after == before) [[likely]]
        break;
      before = after;
    }
    word = before;
    return true;
  }
};
static_assert(sizeof(Bucket) == kCacheLine);

}  // namespace starocean::table::mac
