// What happens to a packet between the transmitter and the far end: the dice of one direction, and when the
// packet arrives. Pure; one thread.
#pragma once

#include <cstdint>
#include <random>

#include "starocean/wan/chance.h"
#include "starocean/wan/link_options.h"

namespace starocean::wan {

enum class Loss : uint8_t { kNone, kAtRandom, kInBurst };

// Which packets are lost: the Gilbert-Elliott model (link_options.h), of which independent losses are
// the case without bad periods. Periods begin as likely as they are in the long run, so that the share is
// right from the first packet on.
class LossProcess {
 public:
  explicit LossProcess(uint64_t seed)
      : first_(make_dice(seed, Dice::kFirstPeriod)),
        enter_bad_(seed, Dice::kEnterBad),
        leave_bad_(seed, Dice::kLeaveBad),
        lost_(seed, Dice::kLoss),
        lost_in_bad_(seed, Dice::kBurstLoss) {}

  void set(const LinkOptions& options);
  Loss next();

 private:
  std::mt19937_64 first_;
  Chance enter_bad_;
  Chance leave_bad_;
  Chance lost_;
  Chance lost_in_bad_;
  PeriodOdds odds_;
  bool bad_ = false;
};

// The fate of one packet.
struct Crossing {
  Loss loss = Loss::kNone;  // if lost, nothing else is of interest
  bool duplicate = false;
  bool corrupt = false;
  bool reordered = false;     // sent ahead, or held back, on purpose
  bool ordered = true;        // leaves no earlier than the ordered packets before it
  uint64_t corrupt_draw = 0;  // of which bit_to_flip() makes a place
  uint64_t due_ns = 0;        // when it departs
};

class Wire {
 public:
  explicit Wire(uint64_t seed)
      : loss_(seed),
        duplicate_(seed, Dice::kDuplicate),
        corrupt_(seed, Dice::kCorrupt),
        reorder_(seed, Dice::kReorder),
        place_(make_dice(seed, Dice::kCorruptPlace)),
        jitter_(make_dice(seed, Dice::kJitter)) {}

  // Holds for the packets that cross() sees afterwards; those under way keep their time, and with
  // JitterOrder::kKeep later ones stay behind them.
  void set(const LinkOptions& options);
  // The transmitter has sent the packet's last bit at `sent_ns`.
  Crossing cross(uint64_t sent_ns);

 private:
  uint64_t travel_ns();

  LinkOptions options_;
  LossProcess loss_;
  Chance duplicate_;
  Chance corrupt_;
  Chance reorder_;
  std::mt19937_64 place_;
  std::mt19937_64 jitter_;
  std::normal_distribution<double> normal_;
  uint64_t last_due_ns_ = 0;
};

// The bit that a corrupted frame has flipped, counted from its first; every bit after the Ethernet header
// (14 bytes) is as likely. 0, which no frame gets, when there is none.
uint64_t bit_to_flip(uint64_t draw, uint32_t frame_bytes);

}  // namespace starocean::wan
