// The lines that the daemon writes to its log each minute: one per (interface, queue), with the
// names that readers of AF_XDP statistics know. [K] marks what the kernel counts (XDP_STATISTICS);
// all are 64-bit totals since the daemon started.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "starocean/control/status.h"

namespace starocean::control {

inline constexpr std::pair<std::string_view, dataplane::QueueCounter> kStatusLineCounters[] = {
    {"Filled", dataplane::QueueCounter::filled},
    {"Completed", dataplane::QueueCounter::completed},
    {"Received", dataplane::QueueCounter::received},
    {"Transmitted", dataplane::QueueCounter::transmitted},
    {"[K]RxDropped", dataplane::QueueCounter::kernel_rx_dropped},
    {"[K]RxInvalidDescs", dataplane::QueueCounter::kernel_rx_invalid_descs},
    {"[K]TxInvalidDescs", dataplane::QueueCounter::kernel_tx_invalid_descs},
    {"[K]RxRingFull", dataplane::QueueCounter::kernel_rx_ring_full},
    {"[K]RxFillRingEmpty", dataplane::QueueCounter::kernel_rx_fill_ring_empty},
    {"[K]TxRingEmpty", dataplane::QueueCounter::kernel_tx_ring_empty},
};

// "lan1:0 Filled=… Completed=… Received=… Transmitted=… [K]RxDropped=… [K]RxInvalidDescs=…
// [K]TxInvalidDescs=… [K]RxRingFull=… [K]RxFillRingEmpty=… [K]TxRingEmpty=…"
std::string status_line(const QueueStatus& queue);
std::vector<std::string> status_lines(const DaemonStatus& status);

}  // namespace starocean::control
