// The building blocks of the longest-prefix-match tables: words, and compressed nodes of 2^8 or 2^16 words.
//
// Word. What becomes of the addresses that it stands for: a value (24 bits) and the length of the prefix
// that it comes from; or 0, no prefix; or the node in which the next bits of the address are looked up. Values are pushed to the leaves: a reader needs the last word only. That the words know the
// prefix's length is what lets the writer insert and erase in place, without knowing what else there is:
// an insertion replaces shorter prefixes' words, an erasure its own (as in DPDK's rte_lpm).
//
// Node. Words are kept as runs of equal ones. A node over eight bits has a bitmap of where runs begin: how many bits
// are set up to the address's place says which run it lies in (as in Lulea tries and Poptrie: Degermark et al., SIGCOMM
// 1997; Asai and Ohara, SIGCOMM 2015). Up to seven runs are one cache line. A node over sixteen bits, which IPv6 begins
// with at each multiple of 16, has the starts of up to ten runs, compared all at once: a line as well. The word that
// leads to a node says which kind it is.
//
// Concurrency. A published node's shape never changes, its words do, each by one store. A change of shape
// makes another node, and replaces the word that led to the old one.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "starocean/base/cpu.h"

namespace starocean::table::lpm {

using Word = uint32_t;

inline constexpr uint32_t kMaxValue = 0xffffff;
inline constexpr uint32_t kNodeTag = 0xff;
inline constexpr uint32_t kPairTag = 0xfe;

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

// Over eight bits. Followed by as many words as there are runs.
struct alignas(kCacheLine) Node {
  static constexpr size_t kHeaderBytes = 36;

  std::array<uint64_t, 4> starts;  // bit i: place i begins a run; bit 0 does
  std::array<uint8_t, 4> before;   // runs that begin before each of those
  std::array<std::atomic<Word>, 7> first_words;

  // Inlined always, that the popcount is the instruction where the caller is compiled for it.
  [[gnu::always_inline]] uint32_t run_of(uint8_t place) const {
    const uint64_t up_to = starts[place / 64] << (~place & 63);
    return before[place / 64] + static_cast<uint32_t>(__builtin_popcountll(up_to)) - 1;
  }
  uint32_t run_count() const { return run_of(255) + 1; }
  const std::atomic<Word>* words() const {
    return reinterpret_cast<const std::atomic<Word>*>(reinterpret_cast<const char*>(this) +
                                                      kHeaderBytes);
  }
  std::atomic<Word>* words() {
    return reinterpret_cast<std::atomic<Word>*>(reinterpret_cast<char*>(this) + kHeaderBytes);
  }
};
static_assert(sizeof(Node) == kCacheLine && offsetof(Node, first_words) == Node::kHeaderBytes);

// Over two bytes. Of fewer than kRuns runs, those that there are not begin at 65535, which lies in the last one: they
// repeat its word.
struct alignas(kCacheLine) PairNode {
  static constexpr uint32_t kRuns = 10;
  std::array<uint16_t, kRuns> starts;  // ascending, the first 0
  std::array<std::atomic<Word>, kRuns> words;

  uint32_t run_of(uint16_t place) const;
};
static_assert(sizeof(PairNode) == kCacheLine);

inline uint32_t PairNode::run_of(uint16_t place) const {
#ifdef __SSE2__
  const __m128i eight = _mm_load_si128(reinterpret_cast<const __m128i*>(starts.data()));
  const __m128i key = _mm_set1_epi16(static_cast<int16_t>(place));
  // Unsigned, with saturation: start - place is 0 exactly when start <= place.
  const __m128i not_above = _mm_cmpeq_epi16(_mm_subs_epu16(eight, key), _mm_setzero_si128());
  const int mask = _mm_movemask_epi8(_mm_packs_epi16(not_above, _mm_setzero_si128()));
  const auto count = static_cast<uint32_t>(__builtin_ctz(~static_cast<uint32_t>(mask)));
  return count + (starts[8] <= place) + (starts[9] <= place) - 1;
#else
  uint32_t count = 0;
  for (const uint16_t start : starts) count += start <= place;
  return count - 1;
#endif
}

}  // namespace starocean::table::lpm
