// Longest prefix match for IPv4: a word per /24, and a node for each /24 that longer prefixes lie in. A look-up
// reads two bytes of 32 MiB and a small palette (lpm_root.h), or a line more. See lpm_trie.h for shape and
// concurrency, lpm_table.h for what the writer calls. Addresses are in host order; values 24 bits, 0 is none.
//
// Memory: 96 MiB of address space, of which a full Internet table uses 28 (the default route needs none); 64 bytes
// for most /24s with longer prefixes in them; and 11 to 21 bytes a route for the writer's map.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "starocean/base/check.h"
#include "starocean/table/lpm_table.h"

namespace starocean::table {

class Lpm4 : public lpm::Table<lpm::Slot4> {
 public:
  // `arena` outlives it.
  static Result<Lpm4> create(lpm::Arena& arena) {
    return Table::create(arena, lpm::Root::Form::kNumbers, "an IPv4 route table")
        .map([](Table&& table) { return Lpm4(std::move(table)); });
  }

  uint32_t lookup(uint32_t address) const { return trie().lookup(lpm::Bits128::v4(address)); }
  // Of equal lengths.
  void lookup(std::span<const uint32_t> addresses, std::span<uint32_t> values) const;

 private:
  static constexpr size_t kLanes = 64;

  explicit Lpm4(Table&& table) : Table(std::move(table)) {}
  void lookup_lanes(const uint32_t* addresses, uint32_t* values, size_t count) const;
};

inline void Lpm4::lookup(std::span<const uint32_t> addresses, std::span<uint32_t> values) const {
  SO_DCHECK(addresses.size() == values.size(), "a value for each address");
  for (size_t at = 0; at < addresses.size(); at += kLanes) {
    const size_t rest = addresses.size() - at;
    lookup_lanes(addresses.data() + at, values.data() + at, rest < kLanes ? rest : kLanes);
  }
}

// Prefetches wait for nothing: all words are under way at once. Nothing is read again that has just been stored, so that
// the CPU goes on to the next batch meanwhile. Few addresses are in a node.
inline void Lpm4::lookup_lanes(const uint32_t* addresses, uint32_t* values, size_t count) const {
  const lpm::Root::View root = trie().root();
  const lpm::Word otherwise = trie().default_word();
  uint64_t in_node = 0;
  for (size_t i = 0; i < count; ++i) root.prefetch(addresses[i] >> 8);
  for (size_t i = 0; i < count; ++i) {
    const lpm::Word word = root[addresses[i] >> 8];
    in_node |= uint64_t{lpm::is_node(word)} << i;
    values[i] = lpm::value_of(word != 0 ? word : otherwise);
  }
  for (; in_node != 0; in_node &= in_node - 1) {
    const auto i = static_cast<uint32_t>(__builtin_ctzll(in_node));
    values[i] = lookup(addresses[i]);
  }
  if (otherwise == trie().default_word()) [[likely]]
    return;
  for (size_t i = 0; i < count; ++i) values[i] = lookup(addresses[i]);
}

}  // namespace starocean::table
