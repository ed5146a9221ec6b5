#include "starocean/bench/traffic_parse.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "starocean/base/clock.h"

namespace starocean::bench {
namespace {

constexpr double kFewestPps = 0.001;
constexpr double kMostPps = 1e9;

tl::unexpected<Error> refuse(std::string_view text, std::string_view as, std::string_view remedy) {
  return fail(fmt::format("cannot read '{}' as {}", text, as), "it is not of that form", remedy);
}

// All of `text` as a number.
template <class T>
std::optional<T> number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Digits with a decimal point; no sign, exponent, "inf" or "nan".
std::optional<double> decimal(std::string_view text) {
  if (text.empty() || text.find_first_not_of("0123456789.") != std::string_view::npos) return {};
  return number<double>(text);
}

// Takes a K, M or G (or k) off the end, and gives its factor; 1 if there is none.
double take_prefix(std::string_view& text) {
  constexpr std::pair<char, double> kPrefixes[] = {{'k', 1e3}, {'K', 1e3}, {'M', 1e6}, {'G', 1e9}};
  for (const auto& [letter, factor] : kPrefixes) {
    if (!text.ends_with(letter)) continue;
    text.remove_suffix(1);
    return factor;
  }
  return 1;
}

bool take_suffix(std::string_view& text, std::string_view suffix) {
  if (!text.ends_with(suffix)) return false;
  text.remove_suffix(suffix.size());
  return true;
}

struct Parts {
  std::string_view first;
  std::string_view last;   // of FIRST-LAST
  std::string_view count;  // of FIRST+COUNT
};

// MAC addresses are written with ':' here, so that '-' is free.
Parts split_range(std::string_view text) {
  if (const size_t at = text.find('+'); at != std::string_view::npos) {
    return {text.substr(0, at), {}, text.substr(at + 1)};
  }
  if (const size_t at = text.find('-'); at != std::string_view::npos) {
    return {text.substr(0, at), text.substr(at + 1), {}};
  }
  return {text, {}, {}};
}

// The part of an address that a range counts up: its last 64 bits, and the rest, which stays.
struct Counted {
  std::string prefix;
  uint64_t value = 0;
};

template <size_t kSize>
Counted counted(const std::array<uint8_t, kSize>& bytes) {
  Counted result;
  constexpr size_t kLow = std::min(kSize, sizeof(uint64_t));
  result.prefix.assign(bytes.begin(), bytes.end() - kLow);
  for (size_t i = kSize - kLow; i < kSize; ++i) result.value = result.value << 8 | bytes[i];
  return result;
}

Counted counted(const net::MacAddress& mac) {
  return counted(mac.bytes());
}
Counted counted(const IpAddress& address) {
  if (const auto* v4 = std::get_if<net::Ipv4Address>(&address)) return {"4", v4->host()};
  return counted(std::get<net::Ipv6Address>(address).bytes());
}
Counted counted(uint16_t value) {
  return {"", value};
}

template <class T, class Parse>
Result<Range<T>> parse_range(std::string_view text, std::string_view as, Parse parse) {
  constexpr std::string_view kForms = "write VALUE, FIRST-LAST or FIRST+COUNT";
  const Parts parts = split_range(text);
  Result<T> first = parse(parts.first);
  if (!first) return fail(first.error());
  Range<T> range{*first, 1};
  if (parts.count.data() != nullptr) {
    const auto count = number<uint64_t>(parts.count);
    if (!count || *count == 0) return refuse(text, as, kForms);
    range.count = *count;
  }
  if (parts.last.data() != nullptr) {
    Result<T> last = parse(parts.last);
    if (!last) return fail(last.error());
    const Counted from = counted(*first);
    const Counted to = counted(*last);
    if (from.prefix != to.prefix || to.value < from.value || to.value - from.value == UINT64_MAX) {
      return fail(fmt::format("cannot read '{}' as {}", text, as),
                  "its end is not above its beginning", kForms);
    }
    range.count = to.value - from.value + 1;
  }
  return range;
}

Result<IpAddress> parse_address(std::string_view text) {
  if (text.find(':') != std::string_view::npos) {
    auto v6 = net::Ipv6Address::parse(text);
    if (!v6) return fail(v6.error());
    return IpAddress(*v6);
  }
  auto v4 = net::Ipv4Address::parse(text);
  if (!v4) return fail(v4.error());
  return IpAddress(*v4);
}

}  // namespace

Result<Rate> parse_rate(std::string_view text) {
  constexpr std::string_view kForms = "write flood, 1000000, 1.5Mpps, 500M, 10Gbit/s or 80%";
  if (text == "flood") return Rate{};
  std::string_view rest = text;
  Rate rate{.unit = RateUnit::kFrames, .value = 1};
  if (take_suffix(rest, "%")) {
    rate.unit = RateUnit::kPercent;
  } else if (take_suffix(rest, "pps")) {
    rate.value = take_prefix(rest);
  } else {
    const bool bits = take_suffix(rest, "bit/s") || take_suffix(rest, "bit");
    const double factor = take_prefix(rest);
    if (bits || factor != 1) rate = {.unit = RateUnit::kBits, .value = factor};
  }
  const auto value = decimal(rest);
  if (!value || *value <= 0) return refuse(text, "a rate", kForms);
  rate.value *= *value;
  return rate;
}

Result<double> parse_line_rate(std::string_view text) {
  auto rate = parse_rate(text);
  if (!rate || (rate->unit != RateUnit::kBits && rate->unit != RateUnit::kFrames) ||
      text.find("pps") != std::string_view::npos) {
    return refuse(text, "a line rate", "write bits per second, as 10G");
  }
  return rate->value;
}

Result<double> frames_per_second(const Rate& rate, const TrafficSpec& spec, double line_rate_bps) {
  return frames_per_second(rate, spec.mean_frame_bytes(), line_rate_bps);
}

Result<double> frames_per_second(const Rate& rate, double mean_frame_bytes, double line_rate_bps) {
  constexpr double kBitsPerByte = 8;
  double pps = rate.value;
  switch (rate.unit) {
    case RateUnit::kFlood:
      return 0;
    case RateUnit::kFrames:
      break;
    case RateUnit::kBits:
      pps = rate.value / (mean_frame_bytes * kBitsPerByte);
      break;
    case RateUnit::kPercent:
      if (line_rate_bps <= 0) {
        return fail(fmt::format("cannot generate {}", to_string(rate)),
                    "a percentage is of a line rate, and none is given", "add --line-rate, as 10G");
      }
      pps = rate.value / 100 * line_rate_bps /
            ((mean_frame_bytes + kLineOverheadBytes) * kBitsPerByte);
      break;
  }
  if (pps >= kFewestPps && pps <= kMostPps) return pps;
  return fail(fmt::format("cannot generate {}", to_string(rate)),
              fmt::format("that is {:g} frames per second", pps), "use 0.001 to 10^9");
}

std::string to_string(const Rate& rate) {
  switch (rate.unit) {
    case RateUnit::kFlood:
      break;
    case RateUnit::kFrames:
      return fmt::format("{:.10g} pps", rate.value);
    case RateUnit::kBits:
      return fmt::format("{:.10g} Mbit/s", rate.value / 1e6);
    case RateUnit::kPercent:
      return fmt::format("{:.10g} % of the line rate", rate.value);
  }
  return "flood";
}

Result<std::vector<uint32_t>> parse_sizes(std::string_view text) {
  if (text == "imix") return simple_imix();
  std::vector<uint32_t> sizes;
  for (std::string_view rest = text;;) {
    const size_t comma = rest.find(',');
    const auto size = number<uint32_t>(rest.substr(0, comma));
    if (!size) return refuse(text, "frame sizes", "write bytes, as 64, 64,594,1518 or imix");
    sizes.push_back(*size);
    if (comma == std::string_view::npos) return sizes;
    rest.remove_prefix(comma + 1);
  }
}

Result<Range<net::MacAddress>> parse_mac_range(std::string_view text) {
  return parse_range<net::MacAddress>(text, "a range of MAC addresses",
                                      [](std::string_view part) -> Result<net::MacAddress> {
                                        auto mac = net::MacAddress::parse(part);
                                        if (!mac) return fail(mac.error());
                                        return *mac;
                                      });
}

Result<Range<IpAddress>> parse_address_range(std::string_view text) {
  return parse_range<IpAddress>(text, "a range of addresses", parse_address);
}

Result<Range<uint16_t>> parse_number_range(std::string_view text, std::string_view name,
                                           uint16_t largest) {
  auto range = parse_range<uint16_t>(text, name, [&](std::string_view part) -> Result<uint16_t> {
    const auto value = number<uint16_t>(part);
    if (!value || *value > largest) {
      return refuse(part, name, fmt::format("write a number from 0 to {}", largest));
    }
    return *value;
  });
  if (range && range->first + range->count - 1 > largest) {
    return fail(fmt::format("cannot read '{}' as {}", text, name),
                fmt::format("it ends above {}", largest));
  }
  return range;
}

Result<uint64_t> parse_duration_ns(std::string_view text) {
  constexpr std::pair<std::string_view, uint64_t> kUnits[] = {
      {"ms", kNsPerMs}, {"s", kNsPerSecond}, {"m", 60 * kNsPerSecond}, {"h", 3600 * kNsPerSecond}};
  std::string_view rest = text;
  uint64_t unit_ns = kNsPerSecond;
  for (const auto& [suffix, factor] : kUnits) {
    if (!take_suffix(rest, suffix)) continue;
    unit_ns = factor;
    break;
  }
  const auto value = decimal(rest);
  const double longest_h = 24.0 * 365;
  if (!value || *value <= 0 ||
      *value * static_cast<double>(unit_ns) >
          longest_h * 3600 * static_cast<double>(kNsPerSecond)) {
    return refuse(text, "a duration", "write 500ms, 10s, 5m or 1h");
  }
  return std::max<uint64_t>(1, static_cast<uint64_t>(*value * static_cast<double>(unit_ns)));
}

Result<uint64_t> parse_count(std::string_view text) {
  std::string_view rest = text;
  const double factor = take_prefix(rest);
  const auto value = decimal(rest);
  const double count = value ? *value * factor : 0;
  constexpr double kMost = 1e15;
  if (count < 1 || count > kMost || count != std::floor(count)) {
    return refuse(text, "a count", "write a whole number above 0, as 1000000 or 10M");
  }
  return static_cast<uint64_t>(count);
}

}  // namespace starocean::bench
