// The learning switch: IEEE 802.1Q-2018 clause 8.6 to 8.8 for bridges without VLAN filtering. Tags pass
// unchanged.
//
// For each frame of a batch, in order:
//   shorter than a header, or sent from a group or zero address  → dropped by name
//   to 01:80:c2:00:00:00–0f (802.1Q table 8-1: never forwarded)  → Linux
//   to the address of the interface that received it             → Linux
//   to a group address                                           → flooded
//   to an address learned behind another port                    → that port
//   to an address learned behind the port it came from           → dropped
//   to an address not known, or known no longer                  → flooded
// The source address is learned for every frame but those dropped as malformed. An address that turns
// up behind another port moves there at once; moves are reported to the control thread, which tells a
// loop from a host that has been plugged in elsewhere.
//
// One L2Switch per worker, on its thread. A bridge's MAC table is shared by all workers.
#pragma once

#include <atomic>
#include <cstdint>

#include "starocean/base/ids.h"
#include "starocean/dataplane/egress.h"
#include "starocean/dataplane/packet.h"
#include "starocean/dataplane/snapshot.h"
#include "starocean/net/mac_address.h"
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

// The inverse of net::MacAddress::as_u64().
net::MacAddress mac_from_u64(uint64_t mac);

class L2Switch {
 public:
  L2Switch(Egress& egress, MacMoveRing& moves) : egress_(egress), moves_(moves) {}

  // Sends every packet of the batch somewhere. `now_ms` is the low part of the monotonic time.
  void process(Batch& batch, const Snapshot& snapshot, xsk::Umem& umem, uint32_t now_ms);

 private:
  void learn(const Packet& packet, const Port& in, const Bridge& bridge, uint32_t now_ms);
  void forward(Packet& packet, const Port& in, const Bridge& bridge, const Snapshot& snapshot,
               uint32_t now_ms);

  Egress& egress_;
  MacMoveRing& moves_;
};

}  // namespace starocean::dataplane
