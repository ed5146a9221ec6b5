// The words of the first 24 bits of all addresses, 2^24 of them: the one place of an IPv4 table that random
// destinations read from all over, so that its size decides the speed.
//
// Few of them differ: a full Internet table has some thousand different words. So they are kept as numbers of
// 16 bits into a palette of words: 32 MiB, of which a full table touches 28, and a palette of which the part in use
// stays in the first-level cache. A table with more than 2^16 different words (each /24 with longer prefixes in it
// counts) goes over to the words themselves, 64 MiB, once and for all; readers look first which it is. An IPv6 table
// has them from the start: it touches little of either.
//
// Memory is reserved, and resident where words are set. Concurrency: one writer; a word changes by one store, of the
// number or, when one node replaces another, in the palette. A number is used again after a grace period.
#pragma once

#include <atomic>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "starocean/base/reserved_memory.h"
#include "starocean/base/result.h"
#include "starocean/ring/qsbr.h"
#include "starocean/table/grace_list.h"
#include "starocean/table/lpm_node.h"

namespace starocean::table::lpm {

class Root {
 public:
  static constexpr uint32_t kWords = 1u << 24;
  static constexpr uint32_t kPalette = 1u << 16;

  enum class Form { kNumbers, kWide };
  static Result<Root> create(ring::Qsbr& qsbr, Form form, const char* what);
  Root(Root&& other) noexcept;

  // What a reader looks at, good until its next quiescent state.
  class View {
   public:
    Word operator[](uint32_t i) const {
      if (wide != nullptr) [[unlikely]]
        return wide[i].load(std::memory_order_acquire);
      return palette[numbers[i].load(std::memory_order_acquire)].load(std::memory_order_acquire);
    }
    // Inlined always: GCC 12 takes a function that only prefetches for one without effect.
    [[gnu::always_inline]] void prefetch(uint32_t i) const {
      __builtin_prefetch(wide != nullptr ? static_cast<const void*>(wide + i) : numbers + i);
    }
    const std::atomic<uint16_t>* numbers;
    const std::atomic<Word>* palette;
    const std::atomic<Word>* wide;  // null: by numbers
  };
  View view() const { return {numbers_, palette_, wide_.load(std::memory_order_acquire)}; }

  // --- Writer ---
  Word operator[](uint32_t i) const { return view()[i]; }
  // Of a word that was `old`. Nodes are never in two places.
  void set(uint32_t i, Word old, Word next);
  // Calls f(Word) for each node.
  template <class F>
  void for_each_node(F&& f) const;
  bool is_wide() const { return view().wide != nullptr; }
  // 0 for one that was moved from.
  size_t memory_bytes() const;

 private:
  static constexpr size_t kBlockWords = 4096;

  Root(ring::Qsbr& qsbr, ReservedMemory numbers, ReservedMemory palette, ReservedMemory wide);
  bool take_number(Word word, uint16_t& number);
  void release_number(uint16_t number);
  void collect();
  void widen();

  ring::Qsbr* qsbr_;
  ReservedMemory numbers_memory_, palette_memory_, wide_memory_;
  std::atomic<uint16_t>* numbers_;
  std::atomic<Word>* palette_;  // 0 is no prefix
  std::atomic<std::atomic<Word>*> wide_{nullptr};
  // The writer's.
  std::vector<uint32_t> uses_;                    // of each number
  std::unordered_map<Word, uint16_t> number_of_;  // but for nodes
  Word last_word_ = 0;                            // with its number: for many in a row
  uint16_t last_number_ = 0;
  std::vector<bool> has_nodes_;  // of each block of the wide form: perhaps
  std::vector<uint16_t> free_;
  GraceList<uint16_t> retired_;
};

template <class F>
void Root::for_each_node(F&& f) const {
  if (!is_wide()) {
    for (size_t number = 1; number < uses_.size(); ++number) {
      const Word word = palette_[number].load(std::memory_order_relaxed);
      if (uses_[number] != 0 && is_node(word)) f(word);
    }
    return;
  }
  for (size_t block = 0; block < has_nodes_.size(); ++block) {
    if (!has_nodes_[block]) continue;
    for (size_t i = 0; i < kBlockWords; ++i) {
      const Word word = (*this)[static_cast<uint32_t>(block * kBlockWords + i)];
      if (is_node(word)) f(word);
    }
  }
}

}  // namespace starocean::table::lpm
