// `show vlans` of a running engine. Control thread only.
#pragma once

#include "starocean/control/config.h"
#include "starocean/control/show_vlans.h"
#include "starocean/dataplane/engine.h"

namespace starocean::control {

VlanStatus collect_vlans(const Config& config, const dataplane::Engine& engine);

}  // namespace starocean::control
