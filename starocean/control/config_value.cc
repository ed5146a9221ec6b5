#include "starocean/control/config_value.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

namespace starocean::control {
namespace {

constexpr std::string_view kDigits = "0123456789";

bool all_of(std::string_view text, std::string_view allowed) {
  return !text.empty() && text.find_first_not_of(allowed) == std::string_view::npos;
}

bool is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

template <class T>
std::optional<T> parse_digits(std::string_view text, int base = 10) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// The number in front of a unit, and the unit.
struct Quantity {
  uint64_t number;
  std::string_view unit;
};

std::optional<Quantity> parse_quantity(std::string_view text) {
  const size_t length = std::min(text.find_first_not_of(kDigits), text.size());
  const std::string_view digits = text.substr(0, length);
  if (digits.size() > 1 && digits.front() == '0') return std::nullopt;
  const auto number = parse_digits<uint64_t>(digits);
  if (!number) return std::nullopt;
  return Quantity{*number, text.substr(length)};
}

template <class Units>
std::optional<uint64_t> parse_with_unit(std::string_view text, const Units& units) {
  const auto quantity = parse_quantity(text);
  if (!quantity) return std::nullopt;
  for (const auto& [unit, factor] : units) {
    if (quantity->unit != unit) continue;
    if (quantity->number > std::numeric_limits<int64_t>::max() / factor) return std::nullopt;
    return quantity->number * factor;
  }
  return std::nullopt;
}

struct Unit {
  std::string_view name;
  uint64_t factor;
};
constexpr std::array kSizes = {Unit{"", 1},          Unit{"K", 1u << 10},   Unit{"KiB", 1u << 10},
                               Unit{"M", 1u << 20},  Unit{"MiB", 1u << 20}, Unit{"G", 1u << 30},
                               Unit{"GiB", 1u << 30}};
constexpr std::array kRates = {Unit{"K", 1000}, Unit{"M", 1'000'000}, Unit{"G", 1'000'000'000}};
// The largest last, as format_duration wants it.
constexpr std::array kDurations = {Unit{"ms", 1}, Unit{"s", 1000}, Unit{"m", 60'000},
                                   Unit{"h", 3'600'000}};

bool is_host(std::string_view host) {
  std::array<unsigned char, 16> address{};
  if (all_of(host, "0123456789.")) {
    return inet_pton(AF_INET, std::string(host).c_str(), address.data()) == 1;
  }
  const bool plain = std::all_of(host.begin(), host.end(),
                                 [](char c) { return is_alphanumeric(c) || c == '-' || c == '.'; });
  // RFC 1123, section 2.1: at most 255 characters, starting with a letter or digit.
  return plain && !host.empty() && host.size() <= 255 && is_alphanumeric(host.front());
}

}  // namespace

std::optional<int64_t> parse_integer(std::string_view text) {
  std::string_view digits = text;
  if (digits.starts_with('-')) digits.remove_prefix(1);
  if (!all_of(digits, kDigits) || (digits.size() > 1 && digits.front() == '0')) return std::nullopt;
  return parse_digits<int64_t>(text);
}

std::optional<uint64_t> parse_size(std::string_view text) {
  return parse_with_unit(text, kSizes);
}

std::optional<uint64_t> parse_rate(std::string_view text) {
  return parse_with_unit(text, kRates);
}

std::string format_rate(uint64_t bits_per_second) {
  const auto unit = std::find_if(kRates.rbegin(), kRates.rend(), [bits_per_second](const Unit& u) {
    return bits_per_second != 0 && bits_per_second % u.factor == 0;
  });
  const Unit& chosen = unit == kRates.rend() ? kRates.front() : *unit;
  return std::to_string(bits_per_second / chosen.factor).append(chosen.name);
}

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  const auto value = parse_with_unit(text, kDurations);
  if (!value) return std::nullopt;
  return std::chrono::milliseconds(static_cast<int64_t>(*value));
}

std::string format_duration(std::chrono::milliseconds duration) {
  const auto value = static_cast<uint64_t>(duration.count());
  const auto unit = std::find_if(kDurations.rbegin(), kDurations.rend(), [value](const Unit& u) {
    return value != 0 && value % u.factor == 0;
  });
  if (unit == kDurations.rend()) return std::to_string(value) + "s";
  return std::to_string(value / unit->factor).append(unit->name);
}

std::optional<MacBytes> parse_mac(std::string_view text) {
  constexpr size_t kLength = 17;
  if (text.size() != kLength || (text[2] != ':' && text[2] != '-')) return std::nullopt;
  MacBytes mac{};
  for (size_t i = 0; i < mac.size(); ++i) {
    const std::string_view pair = text.substr(3 * i, 2);
    if (i > 0 && text[3 * i - 1] != text[2]) return std::nullopt;
    if (!all_of(pair, "0123456789abcdefABCDEF")) return std::nullopt;
    mac[i] = *parse_digits<uint8_t>(pair, 16);
  }
  return mac;
}

std::string format_mac(const MacBytes& mac) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out;
  for (const uint8_t byte : mac) {
    if (!out.empty()) out += ':';
    out += kHex[byte >> 4];
    out += kHex[byte & 0x0f];
  }
  return out;
}

bool is_unicast(const MacBytes& mac) {
  return (mac[0] & 1) == 0 && mac != MacBytes{};
}

std::optional<HostPort> parse_host_port(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const auto port = parse_integer(text.substr(colon + 1));
  if (!port || *port < 1 || *port > 65535) return std::nullopt;
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
    std::array<unsigned char, 16> address{};
    if (inet_pton(AF_INET6, std::string(host).c_str(), address.data()) != 1) return std::nullopt;
  } else if (!is_host(host)) {
    return std::nullopt;
  }
  return HostPort{std::string(host), static_cast<uint16_t>(*port)};
}

std::string format_host_port(std::string_view host, uint16_t port) {
  std::string out(host);
  if (host.find(':') != std::string_view::npos) out = "[" + out + "]";
  return out + ":" + std::to_string(port);
}

bool is_label(std::string_view text) {
  constexpr size_t kMaxLabel = 63;
  return !text.empty() && text.size() <= kMaxLabel && is_alphanumeric(text.front()) &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return is_alphanumeric(c) || c == '.' || c == '_' || c == '-'; });
}

bool is_device_name(std::string_view text) {
  constexpr size_t kMaxName = 15;  // IFNAMSIZ - 1
  return !text.empty() && text.size() <= kMaxName && text != "." && text != ".." &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return c > ' ' && c <= '~' && c != '/' && c != ':'; });
}

bool is_number_or_boolean(std::string_view text) {
  for (const std::string_view word :
       {"true", "True", "TRUE", "false", "False", "FALSE", ".nan", ".NaN", ".NAN"}) {
    if (text == word) return true;
  }
  if (text.starts_with("0o")) return all_of(text.substr(2), "01234567");
  if (text.starts_with("0x")) return all_of(text.substr(2), "0123456789abcdefABCDEF");
  if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
  if (text == ".inf" || text == ".Inf" || text == ".INF") return true;
  // [0-9]+ (. [0-9]*)? or . [0-9]+, then ([eE] [-+]? [0-9]+)?
  const auto skip_digits = [&text] {
    const size_t length = std::min(text.find_first_not_of(kDigits), text.size());
    text.remove_prefix(length);
    return length;
  };
  size_t mantissa = skip_digits();
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    mantissa += skip_digits();
  }
  if (mantissa == 0) return false;
  if (text.empty()) return true;
  if (!text.starts_with('e') && !text.starts_with('E')) return false;
  text.remove_prefix(1);
  if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
  return all_of(text, kDigits);
}

std::optional<std::pair<uint16_t, uint16_t>> parse_vlan_range(std::string_view text) {
  const size_t dash = text.find('-');
  const auto first = parse_integer(text.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : parse_integer(text.substr(dash + 1));
  if (!first || !last || *first < 1 || *last > kMostVlan || *first > *last) return std::nullopt;
  return std::pair(static_cast<uint16_t>(*first), static_cast<uint16_t>(*last));
}

std::string format_vlans(const VlanNumbers& vlans) {
  std::string out;
  for (size_t first = 1; first <= kMostVlan; ++first) {
    if (!vlans[first]) continue;
    size_t last = first;
    while (last < kMostVlan && vlans[last + 1]) ++last;
    out.append(out.empty() ? "" : ", ").append(std::to_string(first));
    if (last != first) out.append("-").append(std::to_string(last));
    first = last;
  }
  return out;
}

const VlanNumbers& all_vlans() {
  static const VlanNumbers kAll = [] {
    VlanNumbers all;
    for (size_t vlan = 1; vlan <= kMostVlan; ++vlan) all.set(vlan);
    return all;
  }();
  return kAll;
}

}  // namespace starocean::control
