// What forwarding would do with a packet, step by step, and why: by the very functions that the router uses
// (route_check.h, route_decision.h), and as the switch decides (filtering_switch.h), on the configuration and tables of this moment. Nothing is sent and nothing changes. Control
// thread.
#pragma once

#include <string>
#include <vector>

#include "starocean/dataplane/route_decision.h"
#include "starocean/dataplane/route_reason.h"
#include "starocean/dataplane/snapshot.h"
#include "starocean/dataplane/snooping.h"

namespace starocean::dataplane {

// One stage: what it looked at, what it decided.
struct ExplainedStep {
  std::string stage;     // "interface", "packet", "rule", "route", "size", "neighbour" …
  std::string decision;  // a few words
};

enum class ExplainedOutcome : uint8_t {
  kTransmit,  // out of an interface
  kWait,      // for its neighbour's address
  kLinux,
  kDrop,
  kError,  // dropped, and its sender is told
  kFlood,  // out of each of `ports`, and to the device `egress` of Linux if that is valid
};
const char* to_string(ExplainedOutcome outcome);

struct Explanation {
  std::vector<ExplainedStep> steps;
  ExplainedOutcome outcome = ExplainedOutcome::kDrop;
  RouteReason why = RouteReason::kForward;
  PortCounter reason = PortCounter::kCount;  // of a drop
  InterfaceId egress;                        // kTransmit, kWait
  net::Ipv6Address next_hop;                 // kTransmit, kWait
  uint64_t next_mac = 0;                     // kTransmit
  std::vector<PortId> ports;                 // within a bridge: where it leaves
  uint32_t table = 0;                        // that had the route; 0: none
  bool fragment = false;
};

// Of a whole Ethernet frame, untagged, that the interface `in` has received; `in` routes.
Explanation explain_frame(const Snapshot& snapshot, const RoutedInterface& in,
                          net::ConstBytes frame);

// Of a whole Ethernet frame that the member `in` of a bridge has received. What becomes of what the VLAN's own
// device routes is explained to its end. Storm control and the limits of addresses are not asked: they look at
// what came before. `snooping` may be null.
Explanation explain_bridged(const Snapshot& snapshot, const SnoopingTables* snooping,
                            const Port& in, net::ConstBytes frame, uint32_t now_ms);

}  // namespace starocean::dataplane
