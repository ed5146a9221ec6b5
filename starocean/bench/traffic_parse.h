// The notations in which traffic is described on the command line. Pure; any text; any thread.
//
//   range    one value, FIRST-LAST (both included), or FIRST+COUNT
//   sizes    "1518", "64,594,1518" (repeated in this order), or "imix"
//   rate     "flood"; frames per second as a plain number or with "pps": "1000000", "1.5Mpps", "200kpps";
//            bits per second with K, M or G, with or without "bit" or "bit/s": "500M", "10Gbit/s";
//            a share of the line rate: "80%". Prefixes are powers of 1000.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "starocean/base/result.h"
#include "starocean/bench/traffic_spec.h"

namespace starocean::bench {

enum class RateUnit : uint8_t { kFlood, kFrames, kBits, kPercent };

struct Rate {
  RateUnit unit = RateUnit::kFlood;
  double value = 0;
  bool operator==(const Rate&) const = default;
};

Result<Rate> parse_rate(std::string_view text);
// Bits per second, above 0: "10G", "1000000000".
Result<double> parse_line_rate(std::string_view text);
// 0 for flood. `line_rate_bps` is looked at for a percentage only. Frames per second must come out
// as at least 0.001 and at most 1e9.
Result<double> frames_per_second(const Rate& rate, const TrafficSpec& spec, double line_rate_bps);
// The same of frames that have so many bytes on average, FCS included.
Result<double> frames_per_second(const Rate& rate, double mean_frame_bytes, double line_rate_bps);
// As it is printed: "flood", "1000000 pps", "500 Mbit/s", "80 %".
std::string to_string(const Rate& rate);

Result<std::vector<uint32_t>> parse_sizes(std::string_view text);
Result<Range<net::MacAddress>> parse_mac_range(std::string_view text);
Result<Range<IpAddress>> parse_address_range(std::string_view text);
// Ports and VLAN ids: `name` is for messages, `largest` the largest allowed.
Result<Range<uint16_t>> parse_number_range(std::string_view text, std::string_view name,
                                           uint16_t largest);
// Digits and ms, s, m or h, or nothing for seconds; above 0. In ns.
Result<uint64_t> parse_duration_ns(std::string_view text);
// Digits, and K, M or G for powers of 1000: "10M". Above 0.
Result<uint64_t> parse_count(std::string_view text);

}  // namespace starocean::bench
