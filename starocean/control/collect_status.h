// Reads the running engine into the plain structs of status.h. The daemon's lock must be held.
#pragma once

#include <string>
#include <vector>

#include "starocean/control/port_manager.h"
#include "starocean/control/status.h"
#include "starocean/dataplane/engine.h"

namespace starocean::control {

DaemonStatus collect_status(const dataplane::Engine& engine, const PortManager& ports,
                            const std::string& node, uint64_t now_ms, uint64_t started_ms);
// All entries that have not expired.
std::vector<FdbEntry> collect_fdb(const dataplane::Engine& engine, uint64_t now_ms);
Result<MemoryStatus> collect_memory(const dataplane::Engine& engine);

}  // namespace starocean::control
