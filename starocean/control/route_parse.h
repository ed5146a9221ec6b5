// One route as Linux tells of it (rtnetlink(7), RTM_NEWROUTE, RTM_DELROUTE; include/uapi/linux/rtnetlink.h).
// Pure: parses, asks nothing, trusts nothing in the message. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "starocean/net/ip_prefix.h"
#include "starocean/table/fib.h"

namespace starocean::control {

struct RouteHop {
  uint32_t ifindex = 0;  // 0: none
  std::optional<net::Ipv6Address>
      gateway;          // IPv4 mapped; an IPv4 route may have an IPv6 gateway (RTA_VIA)
  uint32_t weight = 1;  // 1 to 256: rtnh_hops + 1
  bool dead = false;    // RTNH_F_DEAD
  bool encap = false;   // RTA_ENCAP: a lightweight tunnel (MPLS, SRv6, ip …)
  bool operator==(const RouteHop&) const = default;
};

struct RouteMessage {
  bool removed = false;  // RTM_DELROUTE
  // How it stands to others of the same prefix and metric (netlink(7)); of RTM_NEWROUTE news only.
  bool replaces = false;  // NLM_F_REPLACE
  bool appended = false;  // NLM_F_APPEND
  bool first = false;     // NLM_F_EXCL: there was none
  uint32_t table = 0;     // Linux's number, 254: main, 255: local
  net::IpPrefix prefix;
  uint8_t tos = 0;
  uint32_t metric = 0;   // RTA_PRIORITY; the lowest wins
  uint8_t protocol = 0;  // RTPROT_*
  table::RouteKind kind = table::RouteKind::kNone;
  uint32_t next_hop_id = 0;           // RTA_NH_ID: a next-hop object; 0: none, `hops` count
  net::Ipv6Address preferred_source;  // RTA_PREFSRC, IPv4 mapped; unspecified: none
  bool source_specific = false;       // RTA_SRC: IPv6 route for certain sources only
  uint32_t mtu = 0;                   // RTAX_MTU; 0: the device's
  std::vector<RouteHop> hops;         // of every kind of route, as Linux gives them
};

// False, and `route` undefined, for all that is not a route that forwarding asks: other messages and families,
// malformed ones, clones (RTM_F_CLONED), multicast. `route` is an argument so that its memory is used again.
bool parse_route(std::span<const std::byte> message, RouteMessage& route);

}  // namespace starocean::control
