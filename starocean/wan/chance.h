// One kind of dice: each thing that may happen to a packet has its own, so that turning one option does
// not change what another one decides. The same seed and the same packets give the same decisions.
#pragma once

#include <cmath>
#include <cstdint>
#include <random>

namespace starocean::wan {

// What the dice of a link are for; part of their seeds.
enum class Dice : uint32_t {
  kLoss,
  kBurstLoss,
  kFirstPeriod,
  kEnterBad,
  kLeaveBad,
  kDuplicate,
  kCorrupt,
  kCorruptPlace,
  kReorder,
  kJitter
};

inline std::mt19937_64 make_dice(uint64_t seed, Dice dice) {
  std::seed_seq words{static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32),
                      static_cast<uint32_t>(dice)};
  return std::mt19937_64(words);
}

class Chance {
 public:
  Chance(uint64_t seed, Dice dice) : dice_(make_dice(seed, dice)) {}

  // 0 to 1, exact to 2^-53.
  void set(double share) {
    always_ = share >= 1;
    below_ = always_ || !(share > 0) ? 0 : static_cast<uint64_t>(std::ldexp(share, 64));
  }
  bool happens() {
    if (always_ || below_ == 0) return always_;
    return dice_() < below_;
  }

 private:
  std::mt19937_64 dice_;
  uint64_t below_ = 0;
  bool always_ = false;
};

}  // namespace starocean::wan
