// Counters are declared once, in a table: name, unit and help. The table yields the enum, the names in
// JSON, Prometheus and on the command line, and the reference page.
//
// A CounterBlock has a single writer and any number of readers: the writer's add() is a plain load and
// store (no lock prefix), the reader sees each value whole, if not all of them at one instant. Give each
// writer a block of its own; the reader sums.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "starocean/base/cpu.h"

namespace starocean {

struct CounterInfo {
  std::string_view name;  // snake_case, with the unit at the end where it is not packets
  std::string_view unit;  // "packets", "bytes", "descriptors", "calls", "ns" …
  std::string_view help;
};

// Enum is an enum class whose last member is kCount.
template <class Enum>
class alignas(kNoSharing) CounterBlock {
 public:
  static constexpr size_t kSize = static_cast<size_t>(Enum::kCount);
  using Values = std::array<uint64_t, kSize>;

  // Writer only.
  void add(Enum counter, uint64_t amount = 1) {
    auto& value = values_[static_cast<size_t>(counter)];
    value.store(value.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }
  // Any thread.
  uint64_t get(Enum counter) const {
    return values_[static_cast<size_t>(counter)].load(std::memory_order_relaxed);
  }
  void add_to(Values& sum) const {
    for (size_t i = 0; i < kSize; ++i) sum[i] += values_[i].load(std::memory_order_relaxed);
  }

 private:
  std::array<std::atomic<uint64_t>, kSize> values_{};
};

}  // namespace starocean

// SO_DECLARE_COUNTERS(PortCounter, kPortCounters, TABLE) where TABLE(X) lists X(name, "unit", "help").
#define SO_COUNTER_ENUM_(name, unit, help) name,
#define SO_COUNTER_INFO_(name, unit, help) ::starocean::CounterInfo{#name, unit, help},
#define SO_DECLARE_COUNTERS(EnumName, array_name, TABLE)                                       \
  enum class EnumName : uint8_t { TABLE(SO_COUNTER_ENUM_) kCount };                            \
  inline constexpr std::array<::starocean::CounterInfo, static_cast<size_t>(EnumName::kCount)> \
      array_name = {TABLE(SO_COUNTER_INFO_)}; /* a name. NOLINT(bugprone-macro-parentheses) */
