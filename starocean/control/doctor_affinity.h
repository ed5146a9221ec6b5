// Which CPUs serve a device: its interrupts, and what Linux spreads by itself (RPS, XPS). Reads /sys and
// /proc; nothing where /sys belongs to another network namespace. Any thread.
#pragma once

#include "starocean/control/doctor_facts.h"

namespace starocean::control::doctor {

// Fills `irqs`, `steering_masks`, `defer_hard_irqs` and `gro_flush_timeout_ns` of `facts`, whose name,
// ifindex and queues are known.
void read_affinity(InterfaceFacts& facts);

}  // namespace starocean::control::doctor
