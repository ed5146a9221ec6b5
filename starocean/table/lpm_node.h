// The building blocks of the longest-prefix-match tables: words, and compressed nodes of 2^8 or 2^16 words.
//
// Word. What becomes of the addresses that it stands for: a value (24 bits) and the length of the prefix
// that it comes from; or 0, no prefix; or the node in which the next bits of the address are looked up. Values are pushed to the leaves: a reader needs the last word only. That the words know the
// prefix's length is what lets the writer insert and erase in place, without knowing what else there is:
// an insertion replaces shorter prefixes' words, an erasure its own (as in DPDK's rte_lpm).
//
// Node. Most nodes hold a few prefixes: their words are a few runs of equal ones. Those that fit are one cache line,
// the starts of the runs compared all at once: twelve runs over eight bits, or ten over sixteen, which IPv6 begins
// with at each multiple of 16 bits. All other nodes have an index from eight bits to their distinct words. The word
// that leads to a node says which kind it is.
//
// Concurrency. A published node's shape never changes, its words do, each by one store. A change of shape
// makes another node, and replaces the word that led to the old one.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "starocean/base/cpu.h"

namespace starocean::table::lpm {

using Word = uint32_t;

inline constexpr uint32_t kMaxValue = 0xffffff;
inline constexpr uint32_t kSmallTag = 0xff;
inline constexpr uint32_t kIndexedTag = 0xfe;
inline constexpr uint32_t kPairTag = 0xfd;

constexpr Word make_word(uint32_t tag, uint32_t value) {
  return tag << 24 | value;
}
constexpr uint32_t value_of(Word word) {
  return word & kMaxValue;
}
constexpr uint32_t tag_of(Word word) {
  return word >> 24;
}
constexpr bool is_node(Word word) {
  return tag_of(word) >= kPairTag;
}

struct alignas(kCacheLine) Line {
  std::array<std::byte, kCacheLine> bytes;
};

// Of fewer than kRuns runs, those that there are not begin at 255, which lies in the last one: they repeat
// its word.
struct alignas(kCacheLine) SmallNode {
  static constexpr uint32_t kRuns = 12;
  std::array<uint8_t, 16> starts;  // ascending, the first 0; kRuns are used
  std::array<std::atomic<Word>, kRuns> words;

  uint32_t run_of(uint8_t byte) const;
};
static_assert(sizeof(SmallNode) == kCacheLine);

// The same over two bytes.
struct alignas(kCacheLine) PairNode {
  static constexpr uint32_t kRuns = 10;
  std::array<uint16_t, kRuns> starts;  // unused ones 65535
  std::array<std::atomic<Word>, kRuns> words;

  uint32_t run_of(uint16_t bytes) const;
};
static_assert(sizeof(PairNode) == kCacheLine);

// Followed by as many words as the index names.
struct alignas(kCacheLine) IndexedNode {
  std::array<uint8_t, 256> index;

  uint32_t word_count() const { return *std::max_element(index.begin(), index.end()) + 1u; }

  const std::atomic<Word>* words() const {
    return reinterpret_cast<const std::atomic<Word>*>(this + 1);
  }
  std::atomic<Word>* words() { return reinterpret_cast<std::atomic<Word>*>(this + 1); }
};
static_assert(sizeof(IndexedNode) == 4 * kCacheLine);

// The run that `byte` lies in: how many starts are not above it, less one.
inline uint32_t SmallNode::run_of(uint8_t byte) const {
#ifdef __SSE2__
  const __m128i all = _mm_load_si128(reinterpret_cast<const __m128i*>(starts.data()));
  const __m128i key = _mm_set1_epi8(static_cast<char>(byte));
  // Unsigned: start <= byte exactly when min(start, byte) == start.
  const int not_above = _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(all, key), all));
  const auto runs = static_cast<uint32_t>(not_above) & ((1u << kRuns) - 1);
  return static_cast<uint32_t>(__builtin_ctz(~runs)) - 1;
#else
  uint32_t count = 0;
  for (uint32_t i = 0; i < kRuns; ++i) count += starts[i] <= byte;
  return count - 1;
#endif
}

inline uint32_t PairNode::run_of(uint16_t bytes) const {
#ifdef __SSE2__
  const __m128i eight = _mm_load_si128(reinterpret_cast<const __m128i*>(starts.data()));
  const __m128i key = _mm_set1_epi16(static_cast<int16_t>(bytes));
  // Unsigned, with saturation: start - bytes is 0 exactly when start <= bytes.
  const __m128i not_above = _mm_cmpeq_epi16(_mm_subs_epu16(eight, key), _mm_setzero_si128());
  const int mask = _mm_movemask_epi8(_mm_packs_epi16(not_above, _mm_setzero_si128()));
  const auto count = static_cast<uint32_t>(__builtin_ctz(~static_cast<uint32_t>(mask)));
  return count + (starts[8] <= bytes) + (starts[9] <= bytes) - 1;
#else
  uint32_t count = 0;
  for (const uint16_t start : starts) count += start <= bytes;
  return count - 1;
#endif
}

}  // namespace starocean::table::lpm
