// Longest prefix match for IPv6: a word for each value of the first 24 bits (lpm_root.h), then nodes: one for the next
// eight bits, and mostly one for sixteen at a time after that. See lpm_trie.h for shape and concurrency, lpm_table.h
// for what the writer calls. Values have 24 bits, 0 is none.
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
    return Table::create(arena, lpm::Root::Form::kWide, "an IPv6 route table")
        .map([](Table&& table) { return Lpm6(std::move(table)); });
  }
  static lpm::Bits128 bits(const net::Ipv6Address& address);

  uint32_t lookup(const net::Ipv6Address& address) const { return trie().lookup(bits(address)); }
  // Of equal lengths.
  void lookup(std::span<const net::Ipv6Address> addresses, std::span<uint32_t> values) const;

 private:
  explicit Lpm6(Table&& table) : Table(std::move(table)) {}
  struct Lanes;
  void lookup_lanes(const net::Ipv6Address* addresses, uint32_t* values, size_t count) const;
  void lookup_popcnt(const net::Ipv6Address* addresses, uint32_t* values, size_t count) const;
};

inline lpm::Bits128 Lpm6::bits(const net::Ipv6Address& address) {
  be64 high, low;
  std::memcpy(&high, address.bytes().data(), sizeof(high));
  std::memcpy(&low, address.bytes().data() + sizeof(high), sizeof(low));
  return {high.host(), low.host()};
}

}  // namespace starocean::table
