#include "starocean/net/ip_address.h"

#include <optional>

#include "starocean/net/hex.h"

namespace starocean::net {
namespace {

constexpr size_t kGroups = 8;
using Groups = std::array<uint16_t, kGroups>;

std::optional<uint32_t> read_dotted_quad(std::string_view text) {
  uint32_t value = 0;
  for (int part = 0; part < 4; ++part) {
    size_t digits = 0;
    uint32_t number = 0;
    while (digits < text.size() && digits < 3 && text[digits] >= '0' && text[digits] <= '9') {
      number = number * 10 + static_cast<uint32_t>(text[digits++] - '0');
    }
    if (digits == 0 || number > 255 || (digits > 1 && text[0] == '0')) return std::nullopt;
    text.remove_prefix(digits);
    value = value << 8 | number;
    if (part == 3) break;
    if (text.empty() || text[0] != '.') return std::nullopt;
    text.remove_prefix(1);
  }
  if (!text.empty()) return std::nullopt;
  return value;
}

// Takes one to four hexadecimal digits off the front of `text`.
std::optional<uint16_t> take_group(std::string_view& text) {
  size_t digits = 0;
  uint32_t value = 0;
  while (digits < text.size() && digits < 4 && hex_digit(text[digits]) >= 0) {
    value = value << 4 | static_cast<uint32_t>(hex_digit(text[digits++]));
  }
  if (digits == 0) return std::nullopt;
  text.remove_prefix(digits);
  return static_cast<uint16_t>(value);
}

// Reads groups joined by ':' up to the end of the text or to "::", which stays in `text`.
// `count` of them are stored from groups[0] on. False: the text is no such list.
bool read_groups(std::string_view& text, Groups& groups, size_t& count) {
  count = 0;
  while (true) {
    const bool dotted = text.substr(0, text.find(':')).find('.') != std::string_view::npos;
    if (dotted) {
      const auto quad = read_dotted_quad(text);
      if (!quad || count + 2 > kGroups) return false;
      groups[count++] = static_cast<uint16_t>(*quad >> 16);
      groups[count++] = static_cast<uint16_t>(*quad);
      text = {};
      return true;
    }
    const auto group = take_group(text);
    if (!group || count == kGroups) return false;
    groups[count++] = *group;
    if (text.empty() || text.starts_with("::")) return true;
    if (text[0] != ':') return false;
    text.remove_prefix(1);
  }
}

std::optional<Groups> read_ipv6(std::string_view text) {
  Groups head{};
  Groups tail{};
  size_t head_count = 0;
  size_t tail_count = 0;
  if (!text.starts_with("::") && !read_groups(text, head, head_count)) return std::nullopt;
  if (text.empty()) return head_count == kGroups ? std::optional(head) : std::nullopt;
  text.remove_prefix(2);
  if (!text.empty() && !read_groups(text, tail, tail_count)) return std::nullopt;
  // "::" stands for at least one group (RFC 4291, 2.2), and stands once.
  if (!text.empty() || head_count + tail_count >= kGroups) return std::nullopt;
  for (size_t i = 0; i < tail_count; ++i) head[kGroups - tail_count + i] = tail[i];
  return head;
}

void append_hex(std::string& text, uint16_t value) {
  bool started = false;
  for (int shift = 12; shift >= 0; shift -= 4) {
    const unsigned digit = value >> shift & 0xf;
    started = started || digit != 0 || shift == 0;
    if (started) text += kHexDigits[digit];
  }
}

struct Run {
  size_t begin = 0;
  size_t length = 0;
};

// The first of the longest runs of zero groups, if it is two groups or more (RFC 5952, 4.2).
Run longest_zero_run(const Groups& groups) {
  Run best;
  Run current;
  for (size_t i = 0; i < kGroups; ++i) {
    if (groups[i] != 0) {
      current = {};
      continue;
    }
    if (current.length == 0) current.begin = i;
    if (++current.length > best.length) best = current;
  }
  return best.length >= 2 ? best : Run{};
}

}  // namespace

Result<Ipv4Address> Ipv4Address::parse(std::string_view text) {
  if (const auto value = read_dotted_quad(text)) return Ipv4Address(*value);
  return fail("cannot read '" + std::string(text) + "' as an IPv4 address",
              "it is not four numbers from 0 to 255 joined by '.'", "write it like 192.0.2.1");
}

std::string Ipv4Address::to_string() const {
  const uint32_t value = host();
  std::string text = std::to_string(value >> 24);
  for (int shift = 16; shift >= 0; shift -= 8) {
    text.append(".").append(std::to_string(value >> shift & 0xff));
  }
  return text;
}

Result<Ipv6Address> Ipv6Address::parse(std::string_view text) {
  const auto groups = read_ipv6(text);
  if (!groups) {
    return fail("cannot read '" + std::string(text) + "' as an IPv6 address",
                "it is not eight groups of hexadecimal digits, or fewer around one '::'",
                "write it like 2001:db8::1");
  }
  Bytes bytes{};
  for (size_t i = 0; i < kGroups; ++i) {
    bytes[2 * i] = static_cast<uint8_t>((*groups)[i] >> 8);
    bytes[2 * i + 1] = static_cast<uint8_t>((*groups)[i]);
  }
  return Ipv6Address(bytes);
}

std::string Ipv6Address::to_string() const {
  if (is_mapped()) return "::ffff:" + Ipv4Address(embedded_ipv4()).to_string();
  Groups groups{};
  for (size_t i = 0; i < kGroups; ++i) {
    groups[i] = static_cast<uint16_t>(bytes_[2 * i] << 8 | bytes_[2 * i + 1]);
  }
  const Run zeros = longest_zero_run(groups);
  std::string text;
  for (size_t i = 0; i < kGroups;) {
    if (zeros.length != 0 && i == zeros.begin) {
      text += "::";
      i += zeros.length;
      continue;
    }
    if (!text.empty() && text.back() != ':') text += ':';
    append_hex(text, groups[i++]);
  }
  return text;
}

}  // namespace starocean::net
