// The notations that values of the configuration are written in. Every function is pure, takes any
// text and never throws; nullopt means that the text is not of that notation.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "starocean/control/config.h"

namespace starocean::control {

// Decimal digits, with '-' in front of a negative one. No leading zeros: YAML 1.1 reads 010 as
// eight and YAML 1.2 as ten, so that neither is meant for sure.
std::optional<int64_t> parse_integer(std::string_view text);

// Bytes: digits, then nothing or K, M, G (1024, 1024², 1024³), optionally spelled KiB, MiB, GiB.
std::optional<uint64_t> parse_size(std::string_view text);

// Bits per second: digits, then K, M or G (1000, 1000², 1000³).
std::optional<uint64_t> parse_rate(std::string_view text);
// In the largest unit that divides it: "500M".
std::string format_rate(uint64_t bits_per_second);

// Digits and a unit: ms, s, m or h.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);
// In the largest unit that divides it: "5m", "300s" reads as "5m".
std::string format_duration(std::chrono::milliseconds duration);

// Six pairs of hexadecimal digits of either case, with ':' or '-' between them.
std::optional<MacBytes> parse_mac(std::string_view text);
std::string format_mac(const MacBytes& mac);
// Whether a single station can have it: neither a group address (IEEE 802-2014, section 8.2.2: the
// lowest bit of the first octet) nor all zero.
bool is_unicast(const MacBytes& mac);

struct HostPort {
  std::string host;
  uint16_t port = 0;
};
// "a.b.c.d:port", "[IPv6]:port" or "name:port"; the port is 1-65535.
std::optional<HostPort> parse_host_port(std::string_view text);
std::string format_host_port(std::string_view host, uint16_t port);

// "10" or "100-200", of numbers from 1 to 4094, the first not above the last.
std::optional<std::pair<uint16_t, uint16_t>> parse_vlan_range(std::string_view text);
inline constexpr uint16_t kMostVlan = 4094;  // IEEE 802.1Q-2018, table 9-2: 4095 is reserved
// "10, 20, 100-200".
std::string format_vlans(const VlanNumbers& vlans);
// All from 1 to 4094.
const VlanNumbers& all_vlans();

// TextFormat::kLabel and kDevice of schema.h. The latter is the kernel's own rule (dev_valid_name
// in net/core/dev.c) within printable ASCII.
bool is_label(std::string_view text);
bool is_device_name(std::string_view text);

// Whether YAML 1.2's core schema (section 10.3.2) takes this unquoted scalar for a number or a
// boolean.
bool is_number_or_boolean(std::string_view text);

}  // namespace starocean::control
