// Looks at the machine: kernel, CPUs, memory, limits and privileges of this process. Changes nothing and
// takes a few milliseconds. Any thread; speaks of the calling thread and its network namespace.
#pragma once

#include "starocean/control/doctor_facts.h"

namespace starocean::control::doctor {

HostFacts gather_host();

}  // namespace starocean::control::doctor
