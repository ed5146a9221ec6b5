// From the configuration of a bridge to what workers follow.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "starocean/control/config.h"
#include "starocean/dataplane/bridge_rules.h"

namespace starocean::control {

// Null: the bridge only learns and forwards. `port_of` gives the port of a declared interface.
std::shared_ptr<const dataplane::BridgeRules> bridge_rules_of(
    const BridgeConfig& bridge, const std::function<PortId(const std::string&)>& port_of);

}  // namespace starocean::control
