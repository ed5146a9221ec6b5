// How many ICMP errors a worker makes: so many a second altogether, and of those only some for each network that
// causes them, so that a flood of one does not silence the answers to others (RFC 1812, 4.3.2.8; RFC 4443, 2.4 f; as
// Linux's icmp_msgs_per_sec and icmp_ratelimit). One per worker, on its thread.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "starocean/base/clock.h"

namespace starocean::dataplane {

class IcmpLimiter {
 public:
  // `network` stands for who caused it. `per_second` 0: always.
  bool allow(uint32_t network, uint32_t per_second, uint64_t now_ns) {
    if (per_second == 0) return true;
    Bucket& theirs = networks_[network % networks_.size()];
    const uint64_t cost_ns = kNsPerSecond / per_second;
    return theirs.take(now_ns, kNetworkCostNs, kNetworkBurst) &&
           all_.take(now_ns, cost_ns, std::max<uint64_t>(per_second / 20, 1));
  }

 private:
  static constexpr uint64_t kNetworkCostNs = 10'000'000;  // a hundred a second
  static constexpr uint64_t kNetworkBurst = 50;

  struct Bucket {
    uint64_t free_ns = 0;  // up to when what was taken has been paid for
    bool take(uint64_t now_ns, uint64_t cost_ns, uint64_t burst) {
      const uint64_t begin_ns =
          std::max(free_ns, now_ns > burst * cost_ns ? now_ns - burst * cost_ns : 0);
      if (begin_ns + cost_ns > now_ns) return false;
      free_ns = begin_ns + cost_ns;
      return true;
    }
  };

  Bucket all_;
  std::array<Bucket, 1024> networks_;
};

}  // namespace starocean::dataplane
