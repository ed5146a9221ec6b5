// Longest prefix match for IPv6: a word for each value of the first 24 bits (lpm_root.h), then nodes: one for the next
// eight bits, and mostly one for sixteen at a time after that. See lpm_trie.h for shape and concurrency, lpm_table.h
// for what the writer calls. Values have 24 bits, 0 is none.
//
// Memory: 96 MiB of address space, of which what is in use (2000::/3) takes 4; 64 bytes for most nodes; and 27
// to 54 bytes a route for the writer's map.
#pragma once

#include <array>
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
  // Some of the addresses of a batch.
  struct Lanes {
    void add(size_t lane, bool really) {
      lanes[count] = static_cast<uint8_t>(lane);
      count += really;
    }
    size_t count = 0;
    std::array<uint8_t, kLanes + 1> lanes;
  };

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

// Level by level, so that what one address waits for overlaps with what the others do. An address that has not arrived
// is in one of two lists, by the kind of node that it is at; without branches, which nobody could predict.
inline void Lpm6::lookup_lanes(const net::Ipv6Address* addresses, uint32_t* values,
                               size_t count) const {
  using lpm::Trie;
  const lpm::Root::View root = trie().root();
  const lpm::Arena& arena = trie().arena();
  const lpm::Word otherwise = trie().default_word();
  std::array<uint64_t, kLanes> high;
  std::array<lpm::Word, kLanes> words;
  Lanes pairs, bytes, late;
  for (size_t i = 0; i < count; ++i) {
    high[i] = bits(addresses[i]).high;
    root.prefetch(static_cast<uint32_t>(high[i] >> 40));
  }
  for (size_t i = 0; i < count; ++i) {
    words[i] = root[static_cast<uint32_t>(high[i] >> 40)];
    bytes.add(i, lpm::is_node(words[i]));
    Trie::prefetch8(arena, words[i], static_cast<uint8_t>(high[i] >> 32));
  }
  const size_t first = std::exchange(bytes.count, 0);
  for (size_t k = 0; k < first; ++k) {
    const size_t i = bytes.lanes[k];
    words[i] = Trie::step8(arena, words[i], static_cast<uint8_t>(high[i] >> 32));
    pairs.add(i, lpm::tag_of(words[i]) == lpm::kPairTag);
    bytes.add(i, lpm::tag_of(words[i]) > lpm::kPairTag);
    Trie::prefetch8(arena, words[i], static_cast<uint8_t>(high[i] >> 24));
  }
  for (size_t k = 0; k < bytes.count; ++k) {
    const size_t i = bytes.lanes[k];
    words[i] = Trie::step8(arena, words[i], static_cast<uint8_t>(high[i] >> 24));
    late.add(i, lpm::is_node(words[i]));
    Trie::prefetch8(arena, words[i], static_cast<uint8_t>(high[i] >> 16));
  }
  for (size_t k = 0; k < pairs.count; ++k) {
    const size_t i = pairs.lanes[k];
    words[i] = Trie::step16(arena, words[i], static_cast<uint16_t>(high[i] >> 16));
  }
  for (size_t k = 0; k < late.count; ++k) {
    const size_t i = late.lanes[k];
    words[i] = Trie::step8(arena, words[i], static_cast<uint8_t>(high[i] >> 16));
  }
  uint64_t left = 0;  // beyond 48 bits: few
  for (size_t i = 0; i < count; ++i) {
    left |= uint64_t{lpm::is_node(words[i])} << i;
    values[i] = lpm::value_of(words[i] != 0 ? words[i] : otherwise);
  }
  for (; left != 0; left &= left - 1) {
    const auto i = static_cast<uint32_t>(__builtin_ctzll(left));
    values[i] = lookup(addresses[i]);
  }
  if (otherwise == trie().default_word()) [[likely]]
    return;
  for (size_t i = 0; i < count; ++i) values[i] = lookup(addresses[i]);
}

}  // namespace starocean::table
