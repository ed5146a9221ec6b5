// Writing Prometheus' text exposition format 0.0.4. For metrics.cc and its like; pure, one thread.
#pragma once

#include <array>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "starocean/base/counters.h"
#include "starocean/control/status.h"

namespace starocean::control {

// Builds the text family by family: all samples of a name stand together, after its HELP and TYPE.
class Exposition {
 public:
  void family(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    fmt::format_to(std::back_inserter(text_), "# HELP {} {}\n# TYPE {} {}\n", name, help, name,
                   type);
  }
  // `labels` with their braces, or empty.
  template <class Value>
  void sample(std::string_view labels, Value value) {
    fmt::format_to(std::back_inserter(text_), "{}{} {}\n", name_, labels, value);
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
  std::string name_;
};

template <class Items, class Labels, size_t kSize>
void counter_families(Exposition& out, std::string_view prefix,
                      const std::array<CounterInfo, kSize>& table, const Items& items,
                      Labels labels_of) {
  for (size_t i = 0; i < kSize; ++i) {
    out.family(fmt::format("starocean_{}_{}_total", prefix, table[i].name), "counter",
               fmt::format("{} ({})", table[i].help, table[i].unit));
    for (const auto& item : items) out.sample(labels_of(item), item.counters[i]);
  }
}

// {interface="lan1",queue="0"}
std::string queue_labels(const QueueStatus& queue);
// A label value between its quotes: backslash, quote and line feed are escaped.
std::string escape_label(std::string_view value);

}  // namespace starocean::control
