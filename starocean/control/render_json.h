// The answers of the daemon's API as JSON: what `starocean show … --json` prints and what GET /v1/…
// returns. Every document has "schema_version": members may be added under the same version; a
// member that is renamed, removed or changes its meaning raises it.
//
// Pure functions over the plain values of status.h; any thread. Key order is the order written
// here, so that two dumps can be compared line by line.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "starocean/control/status.h"

namespace starocean::control {

using Json = nlohmann::ordered_json;

inline constexpr int kSchemaVersion = 1;

Json status_json(const DaemonStatus& status);
Json interfaces_json(const DaemonStatus& status);
Json fdb_json(const std::vector<FdbEntry>& entries);
// "totals"."unaccounted" is rx_packets + copies + icmp_errors - tx_packets - punted - dropped: 0 once traffic has
// stopped (dataplane/counters.h), and a packet or two at any instant in between. All drop reasons
// are listed, those that never happened too, and all interfaces in each. What interfaces counted that
// the configuration no longer has is in "removed_interfaces", and in the sums.
Json drops_json(const DaemonStatus& status);
Json queues_json(const DaemonStatus& status);
Json workers_json(const DaemonStatus& status);
// "start" and "end" are hexadecimal strings: JSON readers lose bits of integers above 2^53.
Json memory_json(const MemoryStatus& memory);

// {"schema_version":1,"error":"…"}, the body of every answer that is not 2xx.
Json error_json(std::string_view message);

// One line if indent < 0. Bytes that are not UTF-8 (a device name may hold any) become U+FFFD.
std::string to_text(const Json& document, int indent = -1);

}  // namespace starocean::control
