// Routes and destinations of the rough shape of the Internet's default-free zone. For benchmarks. The shares below
// are chosen, not taken from a feed.
//
// Lengths. IPv4: 60 % /24, 0.2 % longer, the rest /23 to /8, the fewer the shorter; IPv6: 46 % /48, 13 % /32, then
// /44, /40, /36, /29, /33 and others. Places. An allocation (/14 to /20, or /28 to /32 in the registries' blocks of
// 2000::/3) is drawn at random and routed; more prefixes lie in it, few in most and up to 400 in some, often near its
// beginning.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include "starocean/table/lpm_trie.h"

namespace starocean::table {

struct BenchRoute {
  lpm::Bits128 prefix;
  uint32_t length;
  uint32_t next_hop;  // 1 to kNextHops
};

class InternetRoutes {
 public:
  static constexpr uint32_t kNextHops = 200;

  static std::vector<BenchRoute> v4(size_t count) {
    // Of 1000.
    return InternetRoutes({{24, 600},
                           {23, 100},
                           {22, 110},
                           {21, 55},
                           {20, 50},
                           {19, 30},
                           {18, 16},
                           {17, 10},
                           {16, 15},
                           {15, 3},
                           {14, 3},
                           {13, 2},
                           {12, 1},
                           {11, 1},
                           {10, 1},
                           {8, 1},
                           {28, 1},
                           {32, 1}})
        .make(count, [](std::mt19937_64& random) {
          for (;;) {
            const uint32_t top = 1 + static_cast<uint32_t>(random() % 223);
            if (top == 10 || top == 127) continue;
            const auto length = static_cast<uint32_t>(14 + random() % 7);
            const uint64_t bits = uint64_t{top} << 56 | (random() & 0x00ffffff00000000);
            return std::pair(lpm::Bits128{bits, 0}.cut(length), length);
          }
        });
  }
  static std::vector<BenchRoute> v6(size_t count) {
    return InternetRoutes({{48, 460},
                           {32, 130},
                           {44, 90},
                           {40, 80},
                           {36, 55},
                           {29, 45},
                           {33, 30},
                           {46, 25},
                           {47, 20},
                           {34, 15},
                           {45, 12},
                           {42, 10},
                           {38, 10},
                           {28, 5},
                           {30, 5},
                           {31, 3},
                           {64, 3},
                           {20, 1},
                           {128, 1}})
        .make(count, [](std::mt19937_64& random) {
          static constexpr std::array<uint64_t, 7> kBlocks = {0x2001, 0x2400, 0x2600, 0x2800,
                                                              0x2a00, 0x2a0f, 0x2c00};
          const auto length = static_cast<uint32_t>(random() % 4 == 0 ? 28 + random() % 4 : 32);
          // A block is filled from its beginning: a /12 here has 2^16 allocations in it.
          const uint64_t bits =
              (kBlocks[random() % kBlocks.size()] << 48) + ((random() & 0xffff) << 32);
          return std::pair(lpm::Bits128{bits, 0}.cut(length), length);
        });
  }
  // Evenly over routes, anywhere in them.
  static std::vector<lpm::Bits128> destinations(const std::vector<BenchRoute>& routes,
                                                size_t count) {
    std::mt19937_64 random(5);
    std::vector<lpm::Bits128> all(count);
    for (auto& address : all) {
      const BenchRoute& route = routes[random() % routes.size()];
      const lpm::Bits128 noise{random(), random()};
      const lpm::Bits128 mask = lpm::Bits128{~uint64_t{0}, ~uint64_t{0}}.cut(route.length);
      address = {route.prefix.high | (noise.high & ~mask.high),
                 route.prefix.low | (noise.low & ~mask.low)};
    }
    return all;
  }

 private:
  using Share = std::pair<uint32_t, uint32_t>;  // length, of how many
  explicit InternetRoutes(std::vector<Share> shares) : shares_(std::move(shares)) {}

  uint32_t random_length() {
    uint32_t sum = 0;
    for (const Share& share : shares_) sum += share.second;
    uint32_t at = static_cast<uint32_t>(random_() % sum);
    for (const Share& share : shares_) {
      if (at < share.second) return share.first;
      at -= share.second;
    }
    return shares_.front().first;
  }
  void add(const lpm::Bits128& prefix, uint32_t length) {
    if (!known_.insert({{prefix.high, prefix.low}, length}).second) return;
    routes_.push_back({prefix, length, static_cast<uint32_t>(1 + random_() % kNextHops)});
  }
  template <class Allocate>
  std::vector<BenchRoute> make(size_t count, Allocate&& allocate) {
    while (routes_.size() < count) {
      const auto [block, block_length] = allocate(random_);
      // 1, mostly; a few have hundreds.
      const auto inside = static_cast<uint32_t>(
          std::min(400.0, 1.2 / std::max(1e-3, std::uniform_real_distribution<>(0, 1)(random_))));
      for (uint32_t i = 0; i <= inside && routes_.size() < count; ++i) {
        const uint32_t length = random_length();
        if (length <= block_length) {
          add(block.cut(length), length);
          continue;
        }
        // Often near the block's beginning, as people number their networks.
        const uint32_t free_bits = std::min<uint32_t>(length - block_length, 1 + random_() % 16);
        const uint64_t number = random_() & ((uint64_t{1} << free_bits) - 1);
        lpm::Bits128 prefix = block;
        if (length <= 64) {
          prefix.high |= number << (64 - length);
        } else {
          prefix.low |= number << (128 - length);
        }
        add(prefix, length);
      }
    }
    std::shuffle(routes_.begin(), routes_.end(), random_);
    return std::move(routes_);
  }

  std::vector<Share> shares_;
  std::mt19937_64 random_{3};
  std::set<std::pair<std::pair<uint64_t, uint64_t>, uint32_t>> known_;
  std::vector<BenchRoute> routes_;
};

}  // namespace starocean::table
