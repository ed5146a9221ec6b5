// Internal: what libbpf says goes to our debug log.
#pragma once

namespace starocean::xsk::steering {

// Process-wide, once; later calls do nothing. Any thread.
void route_libbpf_messages();

}  // namespace starocean::xsk::steering
