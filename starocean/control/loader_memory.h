// Memory that the dynamic loader has mapped for itself before main(): the kernel shows it without a name.
#pragma once

#include <vector>

#include "starocean/control/status.h"

namespace starocean::control {

// Registers (base/regions.h) those of `mappings`, all of this process, that have no explanation: before
// anybody else has mapped memory they are the loader's (its tables of libraries, and the main thread's
// thread-local storage). They are never unmapped.
void register_loader_memory(const std::vector<MemoryMapping>& mappings);

}  // namespace starocean::control
