#include "starocean/control/status_line.h"

#include <iterator>

#include <fmt/format.h>

namespace starocean::control {

std::string status_line(const QueueStatus& queue) {
  std::string line = fmt::format("{}:{}", queue.interface, queue.queue);
  for (const auto& [name, counter] : kStatusLineCounters) {
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
