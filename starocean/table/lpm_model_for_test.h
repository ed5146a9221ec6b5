// The plainest possible longest prefix match: a map of prefixes, and a look-up for each length. And random
// prefixes that overlap. For tests.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <random>
#include <utility>

#include "starocean/table/lpm_trie.h"

namespace starocean::table {

class LpmModel {
 public:
  using Key = std::pair<std::pair<uint64_t, uint64_t>, uint32_t>;

  static Key key(const lpm::Bits128& bits, uint32_t length) {
    return {{bits.high, bits.low}, length};
  }
  // What was there before, or 0.
  uint32_t set(const lpm::Bits128& bits, uint32_t length, uint32_t value) {
    longest = std::max(longest, length);
    return std::exchange(routes[key(bits, length)], value);
  }
  uint32_t erase(const lpm::Bits128& bits, uint32_t length) {
    const auto found = routes.find(key(bits, length));
    if (found == routes.end()) return 0;
    const uint32_t before = found->second;
    routes.erase(found);
    return before;
  }
  uint32_t lookup(const lpm::Bits128& address) const {
    for (uint32_t length = longest + 1; length-- > 0;) {
      const auto found = routes.find(key(address.cut(length), length));
      if (found != routes.end()) return found->second;
    }
    return 0;
  }

  std::map<Key, uint32_t> routes;
  uint32_t longest = 0;
};

// Addresses that share long beginnings, so that random prefixes of them lie in one another.
class ClusteredBits {
 public:
  explicit ClusteredBits(uint64_t seed) : random_(seed) {}

  // The first `width` bits are random, in clusters.
  lpm::Bits128 address(uint32_t width) {
    lpm::Bits128 bits{0x2001'0db8'0000'0000, 0};
    // Each step keeps what there is up to some bit, and goes on with a few others.
    for (uint32_t at = static_cast<uint32_t>(random_() % 24); at < width;
         at += 1 + static_cast<uint32_t>(random_() % 24)) {
      flip(bits, at);
    }
    return bits.cut(width);
  }
  uint64_t operator()() { return random_(); }

 private:
  static void flip(lpm::Bits128& bits, uint32_t at) {
    if (at < 64) {
      bits.high ^= uint64_t{1} << (63 - at);
    } else {
      bits.low ^= uint64_t{1} << (127 - at);
    }
  }
  std::mt19937_64 random_;
};

}  // namespace starocean::table
