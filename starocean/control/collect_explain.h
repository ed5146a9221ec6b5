// What `starocean explain` answers, as JSON; its text is in render_text_routing.h. Control thread.
#pragma once

#include <cstdint>
#include <string>

#include "starocean/base/result.h"
#include "starocean/control/render_json.h"
#include "starocean/control/routing_manager.h"
#include "starocean/dataplane/engine.h"

namespace starocean::control {

// `request`: {"in": NAME, "packet": "tcp 10.0.0.1:1 > 10.0.0.2:443"} or {"in": NAME, "frames": [HEX, …]}; with "packet"
// also "mac", the destination address: by default that of the interface if it routes, else of the device that its bridge
// has in the VLAN of frames without a tag. NAME is of what routes, or of a member of a bridge.
// Answer: {"in", "explained": [{"steps": [{"stage", "decision"}], "outcome", "reason", "interface", "members", "next_hop",
// "mac", "table", "fragment"}]}. "members" are those of the bridge by which it leaves.
Result<Json> explain_json(const dataplane::Engine& engine, const RoutingManager& routing,
                          const std::string& request, uint64_t now_ms);

}  // namespace starocean::control
