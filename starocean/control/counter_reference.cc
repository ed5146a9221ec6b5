#include "starocean/control/counter_reference.h"

#include <array>
#include <iterator>
#include <string_view>

#include <fmt/format.h>

#include "starocean/dataplane/counters.h"

namespace starocean::control {
namespace {

template <size_t kSize>
void append_table(std::string& out, std::string_view title, std::string_view prefix,
                  std::string_view labels, const std::array<CounterInfo, kSize>& table) {
  fmt::format_to(std::back_inserter(out),
                 "#### {}\n\nPrometheus: `starocean_{}_NAME_total{{{}}}`\n\n"
                 "| Name | Unit | Meaning |\n|---|---|---|\n",
                 title, prefix, labels);
  for (const CounterInfo& info : table) {
    fmt::format_to(std::back_inserter(out), "| `{}` | {} | {} |\n", info.name, info.unit,
                   info.help);
  }
  out += '\n';
}

}  // namespace

std::string counter_reference_markdown() {
  std::string out;
  append_table(out, "Per interface", "port", "interface", dataplane::kPortCounters);
  append_table(out, "Per queue", "queue", "interface,queue", dataplane::kQueueCounters);
  append_table(out, "Per worker", "worker", "worker", dataplane::kWorkerCounters);
  return out;
}

}  // namespace starocean::control
