#include "starocean/wan/wire.h"

#include <algorithm>
#include <cmath>

namespace starocean::wan {
namespace {

constexpr uint32_t kEthernetHeaderBytes = 14;

}  // namespace

void LossProcess::set(const LinkOptions& options) {
  const PeriodOdds odds = period_odds(options);
  if (odds.bad_share != odds_.bad_share || odds.leave_bad != odds_.leave_bad) {
    bad_ = std::bernoulli_distribution(std::clamp(odds.bad_share, 0.0, 1.0))(first_);
  }
  odds_ = odds;
  enter_bad_.set(odds.enter_bad);
  leave_bad_.set(odds.leave_bad);
  lost_.set(options.loss_burst == 0 ? options.loss : options.gap_loss);
  lost_in_bad_.set(options.burst_loss);
}

Loss LossProcess::next() {
  if (odds_.bad_share == 0) return lost_.happens() ? Loss::kAtRandom : Loss::kNone;
  if (bad_) {
    const bool lost = lost_in_bad_.happens();
    bad_ = !leave_bad_.happens();
    return lost ? Loss::kInBurst : Loss::kNone;
  }
  const bool lost = lost_.happens();
  bad_ = enter_bad_.happens();
  return lost ? Loss::kAtRandom : Loss::kNone;
}

void Wire::set(const LinkOptions& options) {
  options_ = options;
  loss_.set(options);
  duplicate_.set(options.duplicate);
  corrupt_.set(options.corrupt);
  reorder_.set(options.reorder);
}

uint64_t Wire::travel_ns() {
  if (options_.jitter_ns == 0) return options_.delay_ns;
  if (options_.jitter_shape == JitterShape::kUniform) {
    std::uniform_int_distribution<uint64_t> extra(0, 2 * options_.jitter_ns);
    return options_.delay_ns - options_.jitter_ns + extra(jitter_);
  }
  const double travel = static_cast<double>(options_.delay_ns) +
                        static_cast<double>(options_.jitter_ns) * normal_(jitter_);
  return travel > 0 ? static_cast<uint64_t>(std::llround(travel)) : 0;
}

Crossing Wire::cross(uint64_t sent_ns) {
  Crossing crossing;
  crossing.loss = loss_.next();
  crossing.duplicate = duplicate_.happens();
  crossing.corrupt = corrupt_.happens();
  crossing.reordered = reorder_.happens();
  const uint64_t travel = travel_ns();
  if (crossing.loss != Loss::kNone) return crossing;
  if (crossing.corrupt) crossing.corrupt_draw = place_();
  if (crossing.reordered) {
    crossing.ordered = false;
    crossing.due_ns =
        options_.reorder_by_ns == 0 ? sent_ns : sent_ns + travel + options_.reorder_by_ns;
    return crossing;
  }
  crossing.due_ns = sent_ns + travel;
  if (options_.jitter_order == JitterOrder::kKeep) {
    crossing.due_ns = std::max(crossing.due_ns, last_due_ns_);
    last_due_ns_ = crossing.due_ns;
  } else {
    crossing.ordered = false;
    last_due_ns_ = std::max(last_due_ns_, crossing.due_ns);
  }
  return crossing;
}

uint64_t bit_to_flip(uint64_t draw, uint32_t frame_bytes) {
  if (frame_bytes <= kEthernetHeaderBytes) return 0;
  constexpr uint64_t kFirst = uint64_t{kEthernetHeaderBytes} * 8;
  return kFirst + draw % ((uint64_t{frame_bytes} - kEthernetHeaderBytes) * 8);
}

}  // namespace starocean::wan
