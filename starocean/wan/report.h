// What the emulator says of itself, and what it is told: JSON for the control socket, tables for people,
// Prometheus text. Pure; any thread.
//
// The document of status_json(), that of GET /v1/wan and `starocean wan show --json`:
//
//   schema_version, seed
//   interfaces.a, .b          device, ifindex, up, mtu, queues, attach, mode, multi_buffer
//   directions.a_to_b, .b_to_a
//     from, to                devices
//     link                    every word of link_words.h, in the notation that set understands
//     counters                all of counters.h
//     lost, dropped           losses on the wire; all drops, those included
//     held                    packets waiting and under way
//     unaccounted             rx_packets + duplicated - tx_packets - dropped - held: 0 at rest
//     kernel                  rx_dropped and rx_ring_full of the device it comes from, tx_dropped of the
//                             other: lost outside the emulator, in no other counter
//     lateness                max_us, mean_us, and packets by upper bound in us (the last has none)
//   frames                    total = free + in_rx + in_tx + held + missing; capacity of each direction
//   loop                      priority that was granted, turns, sleeps
#pragma once

#include <string>
#include <string_view>

#include "starocean/base/result.h"
#include "starocean/control/render_json.h"
#include "starocean/wan/emulator.h"
#include "starocean/wan/link_options.h"

namespace starocean::wan {

inline constexpr std::array<const char*, kSides> kWays = {"a_to_b", "b_to_a"};

control::Json status_json(const EmulatorStatus& status);
std::string status_text(const control::Json& status);
std::string metrics_text(const EmulatorStatus& status);
// A line for the log.
std::string status_line(const EmulatorStatus& status);

// {"a_to_b": {"delay": "50ms"}, "b_to_a": {…}}: what changes; both may be absent. Nothing is changed in
// `links` unless all is understood and goes together.
Status apply_change(LinkPair& links, std::string_view document);

}  // namespace starocean::wan
