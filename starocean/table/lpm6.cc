#include "starocean/table/lpm6.h"

#include <array>
#include <utility>

namespace starocean::table {

using lpm::is_node;
using lpm::tag_of;
using lpm::Trie;
using lpm::Word;

// Some of the addresses of a batch.
struct Lpm6::Lanes {
  void add(size_t lane, bool really) {
    lanes[count] = static_cast<uint8_t>(lane);
    count += really;
  }
  size_t count = 0;
  std::array<uint8_t, kLanes + 1> lanes;
};

// Level by level, so that what one address waits for overlaps with what the others do. An address that has not arrived
// is in one of two lists, by the kind of node that it is at; without branches, which nobody could predict.
[[gnu::always_inline]] inline void Lpm6::lookup_lanes(const net::Ipv6Address* addresses,
                                                      uint32_t* values, size_t count) const {
  const std::atomic<Word>* const first24 = trie().root().wide;
  const lpm::Arena& arena = trie().arena();
  const Word otherwise = trie().default_word();
  std::array<uint64_t, kLanes> high;
  std::array<Word, kLanes> words;
  Lanes nodes, pairs, late;
  for (size_t i = 0; i < count; ++i) {
    high[i] = bits(addresses[i]).high;
    words[i] = first24[high[i] >> 40].load(std::memory_order_acquire);
    nodes.add(i, is_node(words[i]));
    __builtin_prefetch(arena.line(lpm::value_of(words[i])));
  }
  const size_t at24 = std::exchange(nodes.count, 0);
  for (size_t k = 0; k < at24; ++k) {
    const size_t i = nodes.lanes[k];
    words[i] = Trie::step8(arena, words[i], static_cast<uint8_t>(high[i] >> 32));
    pairs.add(i, tag_of(words[i]) == lpm::kPairTag);
    nodes.add(i, tag_of(words[i]) == lpm::kNodeTag);
    __builtin_prefetch(arena.line(lpm::value_of(words[i])));
  }
  for (size_t k = 0; k < nodes.count; ++k) {
    const size_t i = nodes.lanes[k];
    words[i] = Trie::step8(arena, words[i], static_cast<uint8_t>(high[i] >> 24));
    late.add(i, is_node(words[i]));
    __builtin_prefetch(arena.line(lpm::value_of(words[i])));
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
    left |= uint64_t{is_node(words[i])} << i;
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

// The instruction is younger than what x86-64 asks for (it came with SSE4.2).
#if defined(__x86_64__) && !defined(__POPCNT__)
[[gnu::target("popcnt")]] void Lpm6::lookup_popcnt(const net::Ipv6Address* addresses,
                                                   uint32_t* values, size_t count) const {
  lookup_lanes(addresses, values, count);
}
#endif

void Lpm6::lookup(std::span<const net::Ipv6Address> addresses, std::span<uint32_t> values) const {
  SO_DCHECK(addresses.size() == values.size(), "a value for each address");
  for (size_t at = 0; at < addresses.size(); at += kLanes) {
    const size_t rest = addresses.size() - at;
    const size_t count = rest < kLanes ? rest : kLanes;
#if defined(__x86_64__) && !defined(__POPCNT__)
    static const bool has_popcnt = __builtin_cpu_supports("popcnt");
    if (has_popcnt) [[likely]] {
      lookup_popcnt(addresses.data() + at, values.data() + at, count);
      continue;
    }
#endif
    lookup_lanes(addresses.data() + at, values.data() + at, count);
  }
}

}  // namespace starocean::table
