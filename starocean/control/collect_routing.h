// What the daemon says of routing: `show routes`, `show neighbours`, `show route ADDRESS` and `explain`, as JSON; the
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
// What decides for a packet to that address, made here: {"address", "table", "prefix", "kind", "next_hop", "interface",
// "mac", "neighbour"}.
Result<Json> route_json(dataplane::Engine& engine, const RoutingManager& routing,
                        const std::string& address);
// `request`: {"in": NAME, "packet": "tcp 10.0.0.1:1 > 10.0.0.2:443"} or {"in": NAME, "frames": [HEX, …]}. Answer:
// {"explained": [{"steps": [{"stage", "decision"}], "outcome", "reason", "interface", "next_hop", "mac", "table",
// "fragment"}]}.
Result<Json> explain_json(dataplane::Engine& engine, const RoutingManager& routing,
                          const std::string& request);

}  // namespace starocean::control
