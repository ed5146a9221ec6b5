// What Lpm4 and Lpm6 have in common: the trie that packets are looked up in and the map of what was set,
// changed together. Values are 1 to 2^24 - 1; 0 is none. One writer; lookups are for any thread.
#pragma once

#include <optional>
#include <utility>

#include "starocean/table/lpm_trie.h"
#include "starocean/table/prefix_map.h"

namespace starocean::table::lpm {

template <class Slot>
class Table {
 public:
  static constexpr uint32_t kMaxLength = Slot::kMaxLength;

  static Result<Table> create(Arena& arena, Root::Form form, const char* what) {
    auto trie = Trie::create(arena, form, what);
    if (!trie) return fail(trie.error());
    return Table(std::move(*trie));
  }

  // Inserts or replaces: the value before, or 0; nothing, and nothing changed, without room for it. `prefix` has
  // no bits behind `length`.
  std::optional<uint32_t> set(const Bits128& prefix, uint32_t length, uint32_t value) {
    if (!trie_.insert(prefix, length, value)) return std::nullopt;
    return routes_.set(prefix, length, value);
  }
  // The value before, or 0.
  uint32_t erase(const Bits128& prefix, uint32_t length) {
    const uint32_t before = routes_.erase(prefix, length);
    if (before == 0) return 0;
    PrefixMatch cover;
    if (length > 0) cover = routes_.cover(prefix, length - 1).value_or(PrefixMatch{});
    trie_.erase(prefix, length, cover.value, cover.length);
    return before;
  }
  size_t size() const { return routes_.size(); }
  uint32_t find(const Bits128& prefix, uint32_t length) const {
    return routes_.find(prefix, length);
  }
  std::optional<PrefixMatch> longest_match(const Bits128& address) const {
    return routes_.cover(address, kMaxLength);
  }
  template <class F>
  void for_each(F&& f) const {
    routes_.for_each(std::forward<F>(f));
  }
  // Its own; the arena is shared.
  size_t memory_bytes() const { return trie_.memory_bytes() + routes_.memory_bytes(); }

 protected:
  const Trie& trie() const { return trie_; }

 private:
  explicit Table(Trie trie) : trie_(std::move(trie)) {}

  Trie trie_;
  PrefixMap<Slot> routes_;
};

}  // namespace starocean::table::lpm
