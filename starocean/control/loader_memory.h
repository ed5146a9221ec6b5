// Memory that the dynamic loader has mapped for itself before main(): the kernel shows it without a name.
#pragma once

#include <vector>

#include "starocean/base/regions.h"
#include "starocean/control/smaps.h"

namespace starocean::control {

// Those mappings of `entries` (of this process) that hold the loader's list of libraries or the main
// thread's thread-local storage, as regions that cover them whole. Any thread.
std::vector<Region> loader_regions(const std::vector<SmapsEntry>& entries);

}  // namespace starocean::control
