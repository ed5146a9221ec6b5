// Limits on what a member of a bridge may have flooded, in packets per second.
//
// One bucket for each kind, shared by all workers that receive from the member, so that the limit holds in
// total however many there are: in any t seconds at most rate·t + burst packets pass, the burst being a tenth
// of a second's worth, and at least 10. It is the generic cell rate algorithm (ITU-T I.371, A.1): one number,
// the time at which the bucket is empty again, moved by compare-and-swap. Only packets that are to be flooded
// get here.
//
// Threads: any. A change of the configuration begins with full buckets.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>

#include "starocean/base/cpu.h"

namespace starocean::dataplane {

class alignas(kNoSharing) PacketRateLimit {
 public:
  static constexpr uint32_t kMostPerSecond = 1'000'000'000;

  // 0: nothing passes.
  explicit PacketRateLimit(uint32_t packets_per_s);
  // Whether one more packet may pass now. `now_ns`: monotonic; workers may differ by a turn.
  bool admit(uint64_t now_ns);
  uint32_t packets_per_s() const { return packets_per_s_; }
  uint32_t burst() const { return burst_; }

 private:
  // Times are kept in 1/64 ns, modulo 2^64 (9 years), so that the highest rates stay exact enough.
  static constexpr uint32_t kFractionBits = 6;

  uint32_t packets_per_s_;
  uint32_t burst_;
  int64_t interval_ = 0;           // between two packets
  int64_t tolerance_ = 0;          // how far ahead of now the bucket may be filled
  std::atomic<uint64_t> next_{0};  // 0: not used yet
};

enum class StormKind : uint8_t { kBroadcast, kMulticast, kUnknownUnicast };

class StormControl {
 public:
  void limit(StormKind kind, uint32_t packets_per_s) {
    limits_[static_cast<size_t>(kind)].emplace(packets_per_s);
  }
  bool admit(StormKind kind, uint64_t now_ns) {
    auto& limit = limits_[static_cast<size_t>(kind)];
    return !limit || limit->admit(now_ns);
  }

 private:
  std::array<std::optional<PacketRateLimit>, 3> limits_;
};

}  // namespace starocean::dataplane
