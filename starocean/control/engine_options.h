// The configuration in the engine's terms; not left_programs_path, which is none of its business. Pure.
#pragma once

#include "starocean/control/config.h"
#include "starocean/dataplane/engine.h"

namespace starocean::control {

dataplane::EngineOptions engine_options(const Config& config);

}  // namespace starocean::control
