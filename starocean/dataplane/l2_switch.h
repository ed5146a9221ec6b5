// The learning switch: IEEE 802.1Q-2018 clause 8.6 to 8.8 for bridges without VLAN filtering. Tags pass
// unchanged. Bridges that have rules (bridge_rules.h) are the FilteringSwitch's.
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

#include <cstdint>

#include "starocean/base/ids.h"
#include "starocean/dataplane/egress.h"
#include "starocean/dataplane/filtering_switch.h"
#include "starocean/dataplane/packet.h"
#include "starocean/dataplane/snapshot.h"
#include "starocean/dataplane/snooping.h"
#include "starocean/dataplane/station_learner.h"
#include "starocean/ring/snapshot.h"

namespace starocean::dataplane {

class L2Switch {
 public:
  L2Switch(Egress& egress, MacMoveRing& moves, GroupEventRing& group_events,
           const ring::SnapshotPublisher<SnoopingTables>& snooping)
      : egress_(egress),
        learner_(egress, moves),
        snooping_(snooping),
        filtering_(egress, learner_, group_events) {}

  // Sends every packet of the batch somewhere; those for the router are added to `to_router`, which has room
  // for a batch. `now_ns` is the monotonic time.
  void process(Batch& batch, const Snapshot& snapshot, xsk::Umem& umem, uint64_t now_ns,
               RoutedBatch& to_router);
  // Sends what the router, or Linux on a TAP device, gives out by a routed interface: into its bridge's VLAN
  // as if it came from there, or out of its device with its tag. The frames bear no tag of ours. Empties it.
  void forward_routed(RoutedBatch& batch, const Snapshot& snapshot, xsk::Umem& umem,
                      uint64_t now_ns);

 private:
  void forward(Packet& packet, const Port& in, const Bridge& bridge, const Snapshot& snapshot,
               uint32_t now_ms);
  void send_by_device(Packet& packet, PortId account, const RoutedInterface& interface,
                      const SwitchTurn& turn);

  Egress& egress_;
  StationLearner learner_;
  const ring::SnapshotPublisher<SnoopingTables>& snooping_;
  FilteringSwitch filtering_;
};

}  // namespace starocean::dataplane
