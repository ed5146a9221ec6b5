// One next-hop object or group as Linux tells of it (ip-nexthop(8); RTM_NEWNEXTHOP, RTM_DELNEXTHOP;
// include/uapi/linux/nexthop.h). Pure; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "starocean/control/route_parse.h"

namespace starocean::control {

struct NextHopMember {
  uint32_t id = 0;
  uint32_t weight = 1;  // 1 to 65536 (256 before Linux 6.12)
  bool operator==(const NextHopMember&) const = default;
};

// Exactly one of: a group (`members` not empty), a blackhole, or a next hop.
struct NextHopMessage {
  uint32_t id = 0;
  bool removed = false;  // only `id` is sure
  bool blackhole = false;
  bool fdb = false;  // for VXLAN devices: no route can use it
  RouteHop hop;
  std::vector<NextHopMember> members;
};

// nullopt for other or malformed messages. A resilient group's buckets are Linux's own: of it members and
// weights are taken.
std::optional<NextHopMessage> parse_next_hop(std::span<const std::byte> message);

}  // namespace starocean::control
