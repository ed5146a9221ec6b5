// What the router does with a packet, and why: one word for each reason, from which action, counter and ICMP
// error follow. Forwarding and `explain` share it. Pure; any thread.
#pragma once

#include <cstdint>
#include <string_view>

#include "starocean/dataplane/counters.h"
#include "starocean/net/icmp_error.h"

namespace starocean::dataplane {

enum class RouteAction : uint8_t {
  kForward,  // to the next hop, one hop less
  kWait,     // the same, once the MAC address of the next hop is known
  kToLinux,  // as if Linux had received it
  kDrop,     // under `counter`, in silence
  kRefuse,   // under `counter`, with an ICMP error where one may be
};

enum class RouteReason : uint8_t {
  kForward,
  kCut,        // forwarded in fragments
  kNeighbour,  // its MAC address is not known yet
  // Linux's.
  kNotIp,
  kOtherTag,
  kNotRouted,
  kGroupMac,
  kOptions,
  kExtensions,
  kMulticast,
  kLinkLocal,
  kLocal,
  kBroadcast,
  kElsewhere,
  // Dropped.
  kRunt,
  kOtherHost,
  kBadHeader,
  kBadLength,
  kBadChecksum,
  kMartianSource,
  kMartianDestination,
  kReversePath,
  kBlackhole,
  kEgressGone,
  // Refused.
  kNoRoute,
  kUnreachable,
  kProhibited,
  kBeyondScope,
  kTtl,
  kTooBig,
  kDeadNeighbour,
  kCount,
};

struct RouteReasonInfo {
  RouteAction action;
  PortCounter counter;  // of drops; else kCount
  net::IcmpErrorFields icmp4, icmp6;
  std::string_view text;  // "no route to the destination"
};

// Errors are Linux's: net/ipv4/route.c, ip_error(); net/ipv6/route.c, ip6_pkt_drop(), by which "unreachable" is
// told as "no route"; net/ipv4/ip_forward.c; net/ipv6/ip6_output.c.
const RouteReasonInfo& info_of(RouteReason reason);

}  // namespace starocean::dataplane
