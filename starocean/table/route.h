// What a routing table says of a prefix. See fib.h.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "starocean/net/ip_address.h"

namespace starocean::table {

using RouteIndex = uint32_t;  // 0: none

// What becomes of a packet (include/uapi/linux/rtnetlink.h, RTN_*).
enum class RouteKind : uint8_t {
  kNone,         // no route
  kForward,      // to a neighbour on an interface of ours
  kElsewhere,    // Linux knows a way, over a device that is not ours: let Linux go it
  kLocal,        // an address of this machine: Linux (RTN_LOCAL, RTN_ANYCAST)
  kBroadcast,    // of a subnet: RTN_BROADCAST
  kBlackhole,    // drop in silence
  kUnreachable,  // drop with ICMP host unreachable
  kProhibit,     // drop with ICMP administratively prohibited
  kThrow,        // as if this table had no route: the next rule decides
};

// "forward", "local", "blackhole" … as `ip route` has them where it does.
constexpr const char* to_string(RouteKind kind) {
  switch (kind) {
    case RouteKind::kForward:
      return "forward";
    case RouteKind::kElsewhere:
      return "elsewhere";
    case RouteKind::kLocal:
      return "local";
    case RouteKind::kBroadcast:
      return "broadcast";
    case RouteKind::kBlackhole:
      return "blackhole";
    case RouteKind::kUnreachable:
      return "unreachable";
    case RouteKind::kProhibit:
      return "prohibit";
    case RouteKind::kThrow:
      return "throw";
    case RouteKind::kNone:
      break;
  }
  return "none";
}

struct NextHop {
  uint32_t ifindex = 0;
  std::optional<net::Ipv6Address>
      gateway;          // IPv4 mapped (an IPv4 route may have an IPv6 gateway); none: connected
  uint32_t weight = 1;  // 1 to 256, as rtnh_hops + 1
  bool operator==(const NextHop&) const = default;
};

// As configured. kForward needs next hops that are alive (the caller leaves out the dead), at most
// kMaxNextHops (hop_buckets.h); all else has none. kElsewhere is never set: it is what kForward becomes while its
// device is not bound.
struct Route {
  RouteKind kind = RouteKind::kForward;
  std::vector<NextHop> next_hops;
  bool operator==(const Route&) const = default;
};

}  // namespace starocean::table
