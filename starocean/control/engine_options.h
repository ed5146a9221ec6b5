// The configuration in the engine's terms. Pure.
#pragma once

#include "starocean/control/config.h"
#include "starocean/dataplane/engine.h"

namespace starocean::control {

dataplane::EngineOptions engine_options(const Config& config);

}  // namespace starocean::control
