// The notations of a link's values: 50ms, 1%, 100M, 64kB. Every parse_ function takes any text, never
// throws, and refuses with a phrase that says what is wrong and how it would be right; every format_
// function writes what its parse_ function reads back as the same value, for values that came from there.
// Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "starocean/base/result.h"
#include "starocean/wan/link_options.h"

namespace starocean::wan {

// A decimal number and ns, us, ms or s; 0 needs no unit. At most an hour.
Result<uint64_t> parse_time_ns(std::string_view text);
std::string format_time(uint64_t time_ns);

// A decimal number and %, from 0% to 100%; 0 needs no sign.
Result<double> parse_share(std::string_view text);
std::string format_share(double share);

// Bits per second: a decimal number, then nothing or k, M, G (powers of 1000), then nothing, bit or bps.
// "none" is 0. From 1k to 1000G.
Result<uint64_t> parse_rate_bps(std::string_view text);
std::string format_rate(uint64_t rate_bps);

// Packets: digits. Bytes: a decimal number and B, kB, MB, KiB or MiB. Waiting time: as parse_time_ns.
Result<QueueLimit> parse_queue(std::string_view text);
std::string format_queue(const QueueLimit& limit);

// A mean number of packets, 1 or more, with decimals; "none" is 0. At most a million.
Result<double> parse_burst(std::string_view text);
std::string format_burst(double packets);

// As parse_time_ns, but not 0; "ahead" is 0.
Result<uint64_t> parse_reorder_by_ns(std::string_view text);
std::string format_reorder_by(uint64_t time_ns);

// Digits, 0 to 1000.
Result<uint32_t> parse_overhead(std::string_view text);

// Without needless decimals.
std::string format_number(double number);

}  // namespace starocean::wan
