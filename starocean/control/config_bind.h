// The two steps between a YAML tree and a Config. Both add what is wrong to `problems` and go on.
#pragma once

#include "starocean/control/config.h"
#include "starocean/control/config_problems.h"

namespace starocean::control {

// Reads every key into `config`, each value checked against the schema.
void bind_config(const YamlNode& root, Config& config, Problems& problems);

// Checks what only several values together can tell: a device taken twice, a bridge member that is
// not declared or is in two bridges, static addresses, headroom against the frame size.
void check_references(const Config& config, Problems& problems);

// The part of it about VLANs, mirrors and static addresses of bridges (config_check_vlans.cc).
void check_vlans(const Config& config, Problems& problems);
// The part of it about `vlans` and `vrfs` (config_check_routing.cc).
void check_routing(const Config& config, Problems& problems);

}  // namespace starocean::control
