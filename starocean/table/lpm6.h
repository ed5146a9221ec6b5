// Longest prefix match for IPv6: an array of 2^24 words for the first 24 bits, then a node for each eight bits
// that longer prefixes lie in. See lpm_trie.h for shape and concurrency, lpm_table.h for what the writer calls.
// Values have 24 bits, 0 is none.
//
// Memory: 64 MiB of address space, of which what is in use (2000::/3) takes 8; 64 bytes for most nodes; and 27
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

// Level by level: what one address waits for, the next ones' loads overlap. Those that have arrived drop out.
inline void Lpm6::lookup_lanes(const net::Ipv6Address* addresses, uint32_t* values,
                               size_t count) const {
  const std::atomic<lpm::Word>* const first = trie().first();
  const lpm::Word otherwise = trie().default_word();
  uint8_t open[kLanes];
  size_t left = 0;
  for (size_t i = 0; i < count; ++i) {
    const auto& bytes = addresses[i].bytes();
    const uint32_t top = uint32_t{bytes[0]} << 16 | uint32_t{bytes[1]} << 8 | bytes[2];
    values[i] = first[top].load(std::memory_order_acquire);
    open[left] = static_cast<uint8_t>(i);
    left += lpm::is_node(values[i]);
  }
  for (size_t byte = lpm::Trie::kFirstBits / 8; left > 0; ++byte) {
    size_t still = 0;
    for (size_t k = 0; k < left; ++k) {
      const uint8_t i = open[k];
      values[i] = lpm::Trie::step(trie().arena(), values[i], addresses[i].bytes()[byte]);
      open[still] = i;
      still += lpm::is_node(values[i]);
    }
    left = still;
  }
  for (size_t i = 0; i < count; ++i) {
    values[i] = lpm::value_of(values[i] != 0 ? values[i] : otherwise);
  }
  if (otherwise == trie().default_word()) [[likely]]
    return;
  for (size_t i = 0; i < count; ++i) values[i] = lookup(addresses[i]);
}

}  // namespace starocean::table
