#include "starocean/dataplane/storm_control.h"

#include <algorithm>

#include "starocean/base/clock.h"

namespace starocean::dataplane {

PacketRateLimit::PacketRateLimit(uint32_t packets_per_s)
    : packets_per_s_(std::min(packets_per_s, kMostPerSecond)),
      burst_(std::max(packets_per_s_ / 10, 10u)) {
  if (packets_per_s_ == 0) return;
  interval_ = static_cast<int64_t>((kNsPerSecond << kFractionBits) / packets_per_s_);
  tolerance_ = interval_ * (burst_ - 1);
}

bool PacketRateLimit::admit(uint64_t now_ns) {
  if (packets_per_s_ == 0) return false;
  const uint64_t now = now_ns << kFractionBits;
  uint64_t next = next_.load(std::memory_order_relaxed);
  for (;;) {
    const auto ahead = next == 0 ? 0 : static_cast<int64_t>(next - now);
    if (ahead > tolerance_) return false;
    const uint64_t after = (ahead <= 0 ? now : next) + static_cast<uint64_t>(interval_);
    if (next_.compare_exchange_weak(next, after, std::memory_order_relaxed)) return true;
  }
}

}  // namespace starocean::dataplane
