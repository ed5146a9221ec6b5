// Tells a loop from a move. A host that is plugged in elsewhere moves once; an address that jumps
// between ports again and again within a second is seen by several paths: a loop. Control thread only.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "starocean/dataplane/l2_switch.h"

namespace starocean::dataplane {

class LoopDetector {
 public:
  // Moves of one address within kWindowMs that make a loop.
  static constexpr uint32_t kMovesForLoop = 5;
  static constexpr uint64_t kWindowMs = 1000;
  // A loop not seen for this long is forgotten.
  static constexpr uint64_t kForgetMs = 60'000;
  // Addresses watched at a time; beyond, new ones are not.
  static constexpr size_t kMaxWatched = 4096;

  struct Loop {
    BridgeId bridge;
    uint64_t mac = 0;
    std::set<PortId> ports;
    uint64_t moves = 0;  // all that were seen; the data path may have had more
    uint64_t last_seen_ms = 0;
  };

  // True when this move makes a loop out of an address that was none: time to say so.
  bool observe(const MacMove& move, uint64_t now_ms);
  // Drops what is old.
  void expire(uint64_t now_ms);
  std::vector<Loop> loops() const;

 private:
  struct Watched {
    Loop loop;
    uint64_t window_start_ms = 0;
    uint32_t moves_in_window = 0;
    bool is_loop = false;
  };
  std::map<std::pair<BridgeId, uint64_t>, Watched> watched_;
};

}  // namespace starocean::dataplane
