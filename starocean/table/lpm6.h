// Longest prefix match for IPv6: a word for each value of the first 24 bits (lpm_root.h), then nodes: one for the next
// eight bits, and mostly one for sixteen at a time after that. See lpm_trie.h for shape and concurrency, lpm_table.h
// for what the writer calls. Values have 24 bits, 0 is none.
//
// Memory: 96 MiB of address space, of which what is in use (2000::/3) takes 4; 64 bytes for most nodes; and 27
// to 54 bytes a route for the writer's map.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>

#include "starocean/base/check.h"
#include "starocean/net/ip_address.h"
#include "starocean/table/lpm_table.h"

namespace starocean::table {

class Lpm6 : public lpm::Table<lpm::Slot6> {
 public:
  // How many look-ups go side by side.
  static constexpr size_t kLanes = 64;

  // `arena` outlives it.
  static Result<Lpm6> create(lpm::Arena& arena) {
    return Table::create(arena, "an IPv6 route table").map([](Table&& table) {
      return Lpm6(std::move(table));
    });
  }
  static lpm::Bits128 bits(const net::Ipv6Address& address);

  uint32_t lookup(const net::Ipv6Address& address) const { return trie().lookup(bits(address)); }
  // Of equal lengths.
  void lookup(std::span<const net::Ipv6Address> addresses, std::span<uint32_t> values) const;

 private:
  explicit Lpm6(Table&& table) : Table(std::move(table)) {}
  void lookup_lanes(const net::Ipv6Address* addresses, uint32_t* values, size_t count) const;
};

inline lpm::Bits128 Lpm6::bits(const net::Ipv6Address& address) {
  be64 high, low;
  std::memcpy(&high, address.bytes().data(), sizeof(high));
  std::memcpy(&low, address.bytes().data() + sizeof(high), sizeof(low));
  return {high.host(), low.host()};
}

inline void Lpm6::lookup(std::span<const net::Ipv6Address> addresses,
                         std::span<uint32_t> values) const {
  SO_DCHECK(addresses.size() == values.size(), "a value for each address");
  for (size_t at = 0; at < addresses.size(); at += kLanes) {
    const size_t rest = addresses.size() - at;
    lookup_lanes(addresses.data() + at, values.data() + at, rest < kLanes ? rest : kLanes);
  }
}

// Level by level, so that what one address waits for overlaps with what the others do. Those that have arrived drop
// out. Where a node over 16 bits has been too small, there are two over eight.
inline void Lpm6::lookup_lanes(const net::Ipv6Address* addresses, uint32_t* values,
                               size_t count) const {
  const lpm::Root::View root = trie().root();
  const lpm::Arena& arena = trie().arena();
  const lpm::Word otherwise = trie().default_word();
  uint8_t open[kLanes];
  size_t left = 0;
  const auto keep_if_open = [&](uint8_t lane, lpm::Word word, size_t& kept) {
    values[lane] = word;
    open[kept] = lane;
    kept += lpm::is_node(word);
  };
  for (size_t i = 0; i < count; ++i) {
    const auto& bytes = addresses[i].bytes();
    const uint32_t top = uint32_t{bytes[0]} << 16 | uint32_t{bytes[1]} << 8 | bytes[2];
    keep_if_open(static_cast<uint8_t>(i), root[top], left);
  }
  size_t still = 0;
  for (size_t k = 0; k < left; ++k) {
    const uint8_t i = open[k];
    const lpm::Word word = lpm::Trie::step8(arena, values[i], addresses[i].bytes()[3]);
    __builtin_prefetch(arena.line(lpm::value_of(word)));
    keep_if_open(i, word, still);
  }
  for (size_t byte = 4; still > 0; byte += 2) {
    left = std::exchange(still, 0);
    for (size_t k = 0; k < left; ++k) {
      const uint8_t i = open[k];
      const auto& bytes = addresses[i].bytes();
      lpm::Word word = values[i];
      if (lpm::tag_of(word) == lpm::kPairTag) [[likely]] {
        const auto pair = static_cast<uint16_t>(bytes[byte] << 8 | bytes[byte + 1]);
        word = lpm::Trie::step16(arena, word, pair);
      } else {
        word = lpm::Trie::step8(arena, word, bytes[byte]);
        if (lpm::is_node(word)) word = lpm::Trie::step8(arena, word, bytes[byte + 1]);
      }
      keep_if_open(i, word, still);
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
