#include "starocean/wan/notation.h"

#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <span>

#include <fmt/format.h>

#include "starocean/base/clock.h"

namespace starocean::wan {
namespace {

constexpr uint64_t kLongestTimeNs = 3600 * kNsPerSecond;
constexpr double kLeastRate = 1e3;
constexpr double kMostRate = 1e12;
constexpr double kMostBytes = 1e12;
constexpr double kLongestBurst = 1e6;
constexpr uint32_t kMostOverhead = 1000;

struct Unit {
  std::string_view name;
  double factor;
};
constexpr std::array<Unit, 4> kTimeUnits = {{{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}}};
constexpr std::array<Unit, 4> kRatePrefixes = {{{"", 1}, {"k", 1e3}, {"M", 1e6}, {"G", 1e9}}};
constexpr std::array<Unit, 5> kByteUnits = {
    {{"B", 1}, {"kB", 1e3}, {"MB", 1e6}, {"KiB", 1024}, {"MiB", 1048576}}};

struct Measured {
  double number = 0;
  std::string_view unit;
};

// Digits with at most one point, and what follows them. No sign, exponent or blank.
std::optional<Measured> split(std::string_view text) {
  const size_t length = std::min(text.find_first_not_of("0123456789."), text.size());
  Measured measured;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + length, measured.number, std::chars_format::fixed);
  if (length == 0 || error != std::errc() || end != text.data() + length) return std::nullopt;
  measured.unit = text.substr(length);
  return measured;
}

std::optional<double> factor_of(std::string_view unit, std::span<const Unit> units) {
  for (const Unit& known : units) {
    if (known.name == unit) return known.factor;
  }
  return std::nullopt;
}

std::string quoted(std::string_view text) {
  constexpr size_t kMost = 40;
  std::string result = "'";
  for (const char c : text.substr(0, kMost)) result += c >= ' ' && c < 127 ? c : '?';
  return result + (text.size() > kMost ? "…'" : "'");
}

std::string in_largest_unit(double value, std::span<const Unit> units) {
  const Unit* chosen = &units.front();
  for (const Unit& unit : units) {
    if (value >= unit.factor) chosen = &unit;
  }
  return format_number(value / chosen->factor) + std::string(chosen->name);
}

}  // namespace

std::string format_number(double number) {
  return fmt::format("{:.12g}", number);
}

Result<uint64_t> parse_time_ns(std::string_view text) {
  const auto measured = split(text);
  if (measured && measured->number == 0 && measured->unit.empty()) return 0;
  const auto factor =
      measured ? factor_of(measured->unit, kTimeUnits) : std::optional<double>(std::nullopt);
  if (!factor) {
    return fail(quoted(text), "it is not a time", "write a number and a unit: 50ms, 200us, 1.5s");
  }
  const double time_ns = std::round(measured->number * *factor);
  if (time_ns > static_cast<double>(kLongestTimeNs)) {
    return fail(quoted(text), "it is longer than an hour", "use 3600s or less");
  }
  return static_cast<uint64_t>(time_ns);
}

std::string format_time(uint64_t time_ns) {
  return time_ns == 0 ? "0" : in_largest_unit(static_cast<double>(time_ns), kTimeUnits);
}

Result<double> parse_share(std::string_view text) {
  const auto measured = split(text);
  if (measured && measured->number == 0 && measured->unit.empty()) return 0.0;
  if (!measured || measured->unit != "%") {
    return fail(quoted(text), "it is not a share of packets", "write it in percent: 1% or 0.05%");
  }
  if (measured->number > 100) return fail(quoted(text), "it is more than all", "use 100% or less");
  return measured->number / 100;
}

std::string format_share(double share) {
  return share == 0 ? "0" : format_number(share * 100) + "%";
}

Result<uint64_t> parse_rate_bps(std::string_view text) {
  if (text == "none") return 0;
  auto measured = split(text);
  std::optional<double> factor;
  if (measured) {
    for (const std::string_view ending : {"bit", "bps"}) {
      if (measured->unit.ends_with(ending)) {
        measured->unit.remove_suffix(ending.size());
        break;
      }
    }
    factor = factor_of(measured->unit, kRatePrefixes);
  }
  if (!factor) {
    return fail(quoted(text), "it is not a rate",
                "write bits per second with k, M or G: 512k, 100M, 1.5G; or none");
  }
  const double rate = std::round(measured->number * *factor);
  if (rate < kLeastRate || rate > kMostRate) {
    return fail(quoted(text), "rates go from 1k to 1000G bits per second",
                "use one of these, or none for no limit");
  }
  return static_cast<uint64_t>(rate);
}

std::string format_rate(uint64_t rate_bps) {
  return rate_bps == 0 ? "none" : in_largest_unit(static_cast<double>(rate_bps), kRatePrefixes);
}

Result<QueueLimit> parse_queue(std::string_view text) {
  const auto measured = split(text);
  const char* const remedy = "write packets (1000), bytes (64kB, 1MiB) or waiting time (50ms)";
  if (!measured) return fail(quoted(text), "it is not a length of a queue", remedy);
  QueueLimit limit;
  double value = measured->number;
  if (measured->unit.empty() && text.find('.') == std::string_view::npos) {
    limit.unit = QueueLimit::Unit::kPackets;
  } else if (const auto bytes = factor_of(measured->unit, kByteUnits)) {
    limit.unit = QueueLimit::Unit::kBytes;
    value = std::round(value * *bytes);
  } else if (const auto time = factor_of(measured->unit, kTimeUnits)) {
    limit.unit = QueueLimit::Unit::kTime;
    value = std::round(value * *time);
  } else {
    return fail(quoted(text), "it is not a length of a queue", remedy);
  }
  const bool time = limit.unit == QueueLimit::Unit::kTime;
  if (value < 1 || value > (time ? static_cast<double>(kLongestTimeNs) : kMostBytes)) {
    return fail(quoted(text), "a queue takes at least 1 packet, and at most 1000GB or an hour",
                remedy);
  }
  limit.value = static_cast<uint64_t>(value);
  return limit;
}

std::string format_queue(const QueueLimit& limit) {
  switch (limit.unit) {
    case QueueLimit::Unit::kPackets:
      return fmt::to_string(limit.value);
    case QueueLimit::Unit::kTime:
      return format_time(limit.value);
    case QueueLimit::Unit::kBytes:
      break;
  }
  // Not KiB: 1500kB is to be read back as it was written.
  return in_largest_unit(static_cast<double>(limit.value), std::span(kByteUnits).first<3>());
}

Result<double> parse_burst(std::string_view text) {
  if (text == "none") return 0.0;
  const auto measured = split(text);
  if (!measured || !measured->unit.empty() || measured->number < 1 ||
      measured->number > kLongestBurst) {
    return fail(quoted(text), "it is not a mean number of packets from 1 to 1000000",
                "write 5 or 2.5; or none for losses that know nothing of each other");
  }
  return measured->number;
}

std::string format_burst(double packets) {
  return packets == 0 ? "none" : format_number(packets);
}

Result<uint64_t> parse_reorder_by_ns(std::string_view text) {
  if (text == "ahead") return 0;
  auto time_ns = parse_time_ns(text);
  if (!time_ns || *time_ns == 0) {
    return fail(quoted(text), "it is not how packets leave the order",
                "write for how long they are held back, as 10ms; or ahead");
  }
  return time_ns;
}

std::string format_reorder_by(uint64_t time_ns) {
  return time_ns == 0 ? "ahead" : format_time(time_ns);
}

Result<uint32_t> parse_overhead(std::string_view text) {
  uint32_t bytes = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bytes);
  if (text.empty() || error != std::errc() || end != text.data() + text.size() ||
      bytes > kMostOverhead) {
    return fail(quoted(text), "it is not a number of bytes from 0 to 1000", "write 24, or 0");
  }
  return bytes;
}

}  // namespace starocean::wan
