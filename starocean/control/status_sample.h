// A filled-in status for the tests of this folder: two interfaces, two queues, two workers, every
// value different, so that a renderer that mixes two members up is seen.
#pragma once

#include "starocean/control/status.h"

namespace starocean::control {

DaemonStatus sample_status();
std::vector<FdbEntry> sample_fdb();
MemoryStatus sample_memory();

}  // namespace starocean::control
