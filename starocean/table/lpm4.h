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
    return Table::create(arena, "an IPv4 route table").map([](Table&& table) {
      return Lpm4(std::move(table));
    });
  }

  uint32_t lookup(uint32_t address) const { return trie().lookup(lpm::Bits128::v4(address)); }
  // Of equal lengths.
  void lookup(std::span<const uint32_t> addresses, std::span<uint32_t> values) const;

 private:
  explicit Lpm4(Table&& table) : Table(std::move(table)) {}
};

// The first loop's loads depend on nothing: the CPU has as many of them under way as it can. Few batches have an
// address in a node, and fewer go on to the last loop.
inline void Lpm4::lookup(std::span<const uint32_t> addresses, std::span<uint32_t> values) const {
  SO_DCHECK(addresses.size() == values.size(), "a value for each address");
  const lpm::Root::View root = trie().root();
  const lpm::Word otherwise = trie().default_word();
  const size_t count = addresses.size();
  lpm::Word highest = 0;
  for (size_t i = 0; i < count; ++i) {
    const lpm::Word word = root[addresses[i] >> 8];
    highest = word > highest ? word : highest;
    values[i] = word;
  }
  if (lpm::is_node(highest)) {
    for (size_t i = 0; i < count; ++i) {
      if (!lpm::is_node(values[i])) continue;
      const auto byte = static_cast<uint8_t>(addresses[i]);
      values[i] = lpm::Trie::step8(trie().arena(), values[i], byte);
    }
  }
  for (size_t i = 0; i < count; ++i) {
    values[i] = lpm::value_of(values[i] != 0 ? values[i] : otherwise);
  }
  if (otherwise == trie().default_word()) [[likely]]
    return;
  for (size_t i = 0; i < count; ++i) values[i] = lookup(addresses[i]);
}

}  // namespace starocean::table
