// The lines that the daemon writes to its log each minute: one per (interface, queue), with the
// names that readers of AF_XDP statistics know. [K] marks what the kernel counts (XDP_STATISTICS);
// all are 64-bit totals since the daemon started.
#pragma once

#include <string>
#include <vector>

#include "starocean/control/status.h"

namespace starocean::control {

// "lan1:0 Filled=… Completed=… Received=… Transmitted=… [K]RxDropped=… [K]RxInvalidDescs=…
// [K]TxInvalidDescs=… [K]RxRingFull=… [K]RxFillRingEmpty=… [K]TxRingEmpty=…"
std::string status_line(const QueueStatus& queue);
std::vector<std::string> status_lines(const DaemonStatus& status);

}  // namespace starocean::control
