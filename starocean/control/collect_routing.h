// What the daemon says of routing: `show routes`, `show neighbours`, `show route ADDRESS`, as JSON; the
// tables that are made of it are in render_text_routing.h. Control thread.
#pragma once

#include <optional>
#include <string>

#include "starocean/base/result.h"
#include "starocean/control/render_json.h"
#include "starocean/control/routing_manager.h"
#include "starocean/dataplane/engine.h"

namespace starocean::control {

// {"routes": [{"table", "prefix", "kind", "next_hops": [{"interface", "device", "gateway", "weight"}]}]}, sorted.
// Without `table`: all that are followed but Linux's own addresses (table 255).
Json routes_json(dataplane::Engine& engine, const RoutingManager& routing,
                 std::optional<uint32_t> table);
// {"neighbours": [{"interface", "device", "address", "mac", "state"}]}: of interfaces that route.
Json neighbours_json(dataplane::Engine& engine, const RoutingManager& routing);
// What decides for a packet to that address, made here, in the VRF of that name (empty: the first one): {"address", "vrf",
// "table", "prefix", "kind", "next_hop", "interface", "mac", "neighbour", "egress": {"interface", "tx_packets",
// "tx_bytes"}}. "egress": what the attached device behind it has sent in all; null for a VLAN of a bridge.
Result<Json> route_json(dataplane::Engine& engine, const RoutingManager& routing,
                        const std::string& address, const std::string& vrf);
}  // namespace starocean::control
