// The switch for bridges that do more than learn (bridge_rules.h): IEEE 802.1Q-2018 clause 8.6 to 8.8 with VLAN
// filtering, and storm control, sticky members, learning limits, multicast snooping, mirrors.
//
// For each frame of a batch, in order:
//   what the member's mirror is to see                           → a copy to it, as received
//   to 01:80:c2:00:00:00–0f, tagged or not                       → Linux, as in any bridge
//   too short, or of no VLAN that the member carries             → dropped by name (vlan_tag.h)
//   from a group or zero address, or one sticky elsewhere        → dropped by name
//   its source is learned in its VLAN, unless the member has its limit of addresses
//   to the address of the interface that received it             → Linux
//   to a group address: over the limit                           → dropped by name
//                       otherwise flooded, or sent to who asked for it; Linux's interface of the VLAN gets one
//   to the address of the VLAN's interface                       → the router, or Linux
//   to an address learned in its VLAN                            → that port
//   to one that is not known: over the limit                     → dropped by name; else flooded
// Each copy gets the tag of the port that it leaves by; the last port gets the original.
//
// One per worker, on its thread; a part of L2Switch.
#pragma once

#include <array>
#include <cstdint>

#include "starocean/dataplane/egress.h"
#include "starocean/dataplane/packet.h"
#include "starocean/dataplane/snapshot.h"
#include "starocean/dataplane/snooping.h"
#include "starocean/dataplane/station_learner.h"
#include "starocean/dataplane/vlan_tag.h"
#include "starocean/net/group_membership.h"

namespace starocean::dataplane {

// What a turn works with.
struct SwitchTurn {
  const Snapshot& snapshot;
  const xsk::Umem& umem;
  const SnoopingTables* snooping;  // null: nothing has been heard
  uint64_t now_ns;
  uint32_t now_ms;
};

// Who of a bridge gets a frame to a group: null for everybody. `message`: what it says, if it is one of IGMP or MLD.
// Pure; any thread that may read the tables (null: nothing has been heard).
const PortSet* group_receivers(const SnoopingTables* tables, BridgeId bridge, const FrameVlan& vlan,
                               uint64_t destination, net::ConstBytes frame, size_t packet_bytes,
                               net::GroupMessage& message);

class FilteringSwitch {
 public:
  FilteringSwitch(Egress& egress, StationLearner& learner, GroupEventRing& group_events)
      : egress_(egress), learner_(learner), group_events_(group_events) {}

  // Sends every packet of the batch somewhere; those for the router are added to `to_router`.
  void process(Batch& batch, const SwitchTurn& turn, RoutedBatch& to_router);
  // A frame without a tag that the router or Linux sends into a VLAN of a bridge that has rules. `account`:
  // whose counters are used.
  void enter(Packet& packet, PortId account, const RoutedInterface& from, const SwitchTurn& turn);

 private:
  // A frame on its way through a bridge.
  struct Transit {
    Packet& packet;
    const FrameVlan& vlan;
    const Bridge& bridge;
    const BridgeRules& rules;
    const SwitchTurn& turn;
    PortId from;      // the member that received it, or whose counters are used
    const Port* in;   // null: from the VLAN's own interface
    BridgeId domain;  // see learning_domain()
  };

  void classify_all(Batch& batch, const Port& in, const Bridge& bridge, const SwitchTurn& turn);
  bool learn(const Transit& transit);
  void forward(const Transit& transit, RoutedBatch& to_router);
  void forward_group(const Transit& transit, bool is_broadcast);
  void forward_unicast(const Transit& transit, RoutedBatch& to_router);
  void route(const Transit& transit, const RoutedInterface& interface, RoutedBatch& to_router);
  bool admit(const Transit& transit, StormKind kind, PortCounter reason);
  // To members that carry its VLAN and are up; `only`: of these.
  void flood(const Transit& transit, const PortSet* only, const RoutedInterface* linux_device);
  void send(const Transit& transit, Packet& packet, const Port& to);
  void mirror(const Packet& packet, PortId to, const SwitchTurn& turn);
  // Linux's or the router's interface of that VLAN; null when there is none.
  const RoutedInterface* interface_of(const Transit& transit) const;
  // Who gets a frame to a group: null for everybody. Tells the control thread what is heard.
  const PortSet* receivers(const Transit& transit);
  void report(const Transit& transit, const net::GroupMessage& message);
  void tell(const Transit& transit, GroupEvent::Kind kind, uint64_t group = 0);

  Egress& egress_;
  StationLearner& learner_;
  GroupEventRing& group_events_;
  std::array<FrameVlan, kBatchPackets> vlans_;  // of the batch at hand
};

}  // namespace starocean::dataplane
