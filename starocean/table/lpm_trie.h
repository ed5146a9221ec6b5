// Longest prefix match over addresses of up to 128 bits: a word for each value of the first 24 bits (lpm_root.h),
// then nodes (lpm_node.h). The shape of DIR-24-8 (Gupta, Lin, McKeown, INFOCOM 1998), with a compressed first level
// and compressed nodes. Nodes are over eight bits; from the 32nd bit on over sixteen, if the prefixes there are so few
// that one line is enough. Lpm4 and Lpm6 are its faces.
//
// Addresses are 128 bits from the left: an IPv4 address is the first 32. The route of length 0 is a word aside
// (the array would have to be written all over); it is what a reader takes that finds no word.
//
// Concurrency: one writer, any number of readers, without locks. Each address changes from the word before to the
// word after by one store. A reader that is at a node which is being replaced sees it as it was at that moment.
// Only the answer "no word, so the default" comes of two: the reader makes sure that the default was the same before
// it found no word and after, and begins anew otherwise; or a route that takes over from the default might be
// missed, and the default as well. Every answer was true at some moment of the look-up.
#pragma once

#include <atomic>
#include <cstdint>

#include "starocean/base/result.h"
#include "starocean/table/lpm_arena.h"
#include "starocean/table/lpm_node.h"
#include "starocean/table/lpm_root.h"

namespace starocean::table::lpm {

struct Bits128 {
  uint64_t high = 0, low = 0;

  static constexpr Bits128 v4(uint32_t host) { return {uint64_t{host} << 32, 0}; }
  // Eight bits from `offset` on, a multiple of 8.
  constexpr uint8_t byte(uint32_t offset) const {
    return static_cast<uint8_t>((offset < 64 ? high : low) >> ((56 - offset) & 63));
  }
  // Sixteen, of a multiple of 16.
  constexpr uint16_t pair(uint32_t offset) const {
    return static_cast<uint16_t>((offset < 64 ? high : low) >> ((48 - offset) & 63));
  }
  constexpr uint32_t first24() const { return static_cast<uint32_t>(high >> 40); }
  // With all but the first `length` bits zero.
  constexpr Bits128 cut(uint32_t length) const {
    if (length == 0) return {};
    if (length <= 64) return {high & ~uint64_t{0} << (64 - length), 0};
    return {high, low & ~uint64_t{0} << (128 - length)};
  }
  constexpr bool operator==(const Bits128&) const = default;
};

class Trie {
 public:
  static constexpr uint32_t kFirstBits = 24;

  // `arena` outlives it.
  static Result<Trie> create(Arena& arena, Root::Form form, const char* what);
  Trie(Trie&&) noexcept = default;
  ~Trie();  // retires its nodes: no reader may hold it

  // Inserts or replaces. False when there may not be enough memory; then nothing has changed. Bits of
  // `prefix` behind `length` are zero; `value` is not 0.
  bool insert(const Bits128& prefix, uint32_t length, uint32_t value);
  // The prefix is there; `cover` of `cover_length` is what it lies in now: 0 and 0 if nothing but perhaps the
  // prefix of length 0.
  void erase(const Bits128& prefix, uint32_t length, uint32_t cover, uint32_t cover_length);

  uint32_t lookup(const Bits128& address) const;
  // Its own; nodes are the arena's.
  size_t memory_bytes() const { return root_.memory_bytes(); }

  // For look-ups of many.
  Root::View root() const { return root_.view(); }
  const Arena& arena() const { return *arena_; }
  // The default's value, and a count of its changes in the high byte.
  Word default_word() const { return default_.load(std::memory_order_acquire); }
  // The word of an address's next bits in the node that `word` leads to: one over eight bits, or over 16.
  static Word step8(const Arena& arena, Word word, uint8_t byte);
  static Word step16(const Arena& arena, Word word, uint16_t pair);

 private:
  struct Change;
  Trie(Arena& arena, Root root);
  void set_default(uint32_t value);
  void apply(const Bits128& prefix, const Change& change);
  Word descend(Word old, const Bits128& prefix, uint32_t offset, const Change& change);
  Word descend8(Word old, const Bits128& prefix, uint32_t offset, const Change& change);
  Word descend16(Word old, const Bits128& prefix, uint32_t offset, const Change& change);
  Word paint(Word old, const Change& change);
  void retire_all(Word word);

  struct Default : std::atomic<uint32_t> {
    Default() : std::atomic<uint32_t>(0) {}
    Default(Default&& other) noexcept : std::atomic<uint32_t>(other.load()) {}
  };

  Arena* arena_;
  Root root_;
  Default default_;
};

[[gnu::always_inline]] inline Word Trie::step8(const Arena& arena, Word word, uint8_t byte) {
  const auto* node = reinterpret_cast<const Node*>(arena.line(value_of(word)));
  return node->words()[node->run_of(byte)].load(std::memory_order_acquire);
}

[[gnu::always_inline]] inline Word Trie::step16(const Arena& arena, Word word, uint16_t pair) {
  const auto* node = reinterpret_cast<const PairNode*>(arena.line(value_of(word)));
  return node->words[node->run_of(pair)].load(std::memory_order_acquire);
}

inline uint32_t Trie::lookup(const Bits128& address) const {
  for (;;) {
    const Word otherwise = default_word();
    Word word = root_.view()[address.first24()];
    for (uint32_t offset = kFirstBits; is_node(word);) {
      if (tag_of(word) == kPairTag) {
        word = step16(*arena_, word, address.pair(offset));
        offset += 16;
      } else {
        word = step8(*arena_, word, address.byte(offset));
        offset += 8;
      }
    }
    if (word != 0) return value_of(word);
    if (otherwise == default_word()) [[likely]]
      return value_of(otherwise);
  }
}

}  // namespace starocean::table::lpm
