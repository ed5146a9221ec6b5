// What a reader of a benchmark has to know of the machine and of the way it was measured.
#pragma once

#include "starocean/bench/forward_bench.h"

namespace starocean::bench {

// Names and values in a fixed order: "cpu", "cpus", "virtual", "kernel", …
Settings describe_machine();
Settings describe_method(const ForwardOptions& options);

}  // namespace starocean::bench
