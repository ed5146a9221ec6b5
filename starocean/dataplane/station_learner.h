// Learns source addresses, for bridges of all kinds. One per worker, on its thread.
#pragma once

#include <cstdint>

#include "starocean/base/ids.h"
#include "starocean/dataplane/egress.h"
#include "starocean/dataplane/snapshot.h"
#include "starocean/ring/mpsc.h"
#include "starocean/table/mac_table.h"

namespace starocean::dataplane {

struct MacMove {
  uint64_t mac = 0;  // net::MacAddress::as_u64()
  BridgeId bridge;
  PortId from;
  PortId to;
};
using MacMoveRing = ring::MpscRing<MacMove>;

class StationLearner {
 public:
  StationLearner(Egress& egress, MacMoveRing& moves) : egress_(egress), moves_(moves) {}

  // "`mac` was heard on `in` just now." `domain`: see learning_domain().
  void learn(uint64_t mac, PortId in, const Bridge& bridge, BridgeId domain, uint32_t now_ms) {
    table::MacTable& macs = bridge.macs->table();
    // At the limit only what is known may be refreshed or move.
    if (bridge.macs->full() && !macs.lookup(domain, mac, now_ms, bridge.aging_ms).found)
        [[unlikely]] {
      egress_.counters(in).add(PortCounter::mac_table_full);
      return;
    }
    const table::LearnResult result = macs.learn(domain, mac, in, now_ms, bridge.aging_ms);
    switch (result.kind) {
      case table::LearnResult::kKnown:
      case table::LearnResult::kRefreshed:
      case table::LearnResult::kStatic:
        return;
      case table::LearnResult::kLearned:
        egress_.counters(in).add(PortCounter::mac_learned);
        return;
      case table::LearnResult::kMoved:
        egress_.counters(in).add(PortCounter::mac_moved);
        // A full ring only means that the control thread has more than enough of them.
        moves_.push(MacMove{mac, bridge.id, result.previous, in});
        return;
      case table::LearnResult::kFull:
        egress_.counters(in).add(PortCounter::mac_table_full);
        return;
    }
  }

 private:
  Egress& egress_;
  MacMoveRing& moves_;
};

}  // namespace starocean::dataplane
