#include "starocean/control/status_line.h"

#include <iterator>
#include <utility>

#include <fmt/format.h>

namespace starocean::control {

std::string status_line(const QueueStatus& queue) {
  using dataplane::QueueCounter;
  constexpr std::pair<const char*, QueueCounter> kShown[] = {
      {"Filled", QueueCounter::filled},
      {"Completed", QueueCounter::completed},
      {"Received", QueueCounter::received},
      {"Transmitted", QueueCounter::transmitted},
      {"[K]RxDropped", QueueCounter::kernel_rx_dropped},
      {"[K]RxInvalidDescs", QueueCounter::kernel_rx_invalid_descs},
      {"[K]TxInvalidDescs", QueueCounter::kernel_tx_invalid_descs},
      {"[K]RxRingFull", QueueCounter::kernel_rx_ring_full},
      {"[K]RxFillRingEmpty", QueueCounter::kernel_rx_fill_ring_empty},
      {"[K]TxRingEmpty", QueueCounter::kernel_tx_ring_empty},
  };
  std::string line = fmt::format("{}:{}", queue.interface, queue.queue);
  for (const auto& [name, counter] : kShown) {
    fmt::format_to(std::back_inserter(line), " {}={}", name,
                   queue.counters[static_cast<size_t>(counter)]);
  }
  return line;
}

std::vector<std::string> status_lines(const DaemonStatus& status) {
  std::vector<std::string> lines;
  for (const QueueStatus& queue : status.queues) lines.push_back(status_line(queue));
  return lines;
}

}  // namespace starocean::control
