// What becomes of an IP packet on an interface that routes, and why. Pure decisions on headers and tables, in the order
// in which Linux takes them (net/ipv4/ip_input.c, route.c, ip_forward.c; net/ipv6/ip6_input.c, ip6_output.c), so that
// both answer alike; nothing is done here. The router (router.h) acts on it; `starocean explain` shows it.
//
//   check()       the packet by itself: structure, checksum, martians (RFC 1812, 5.2.2 and 5.3.7; RFC 8200), options
//   find_route()  rules in order, each with its table (`ip rule`)
//   judge()       what kind of route, the way back, hops, size, neighbour
//
// Any thread that is online for the forwarding information, or its writer.
#pragma once

#include <cstdint>

#include "starocean/dataplane/counters.h"
#include "starocean/dataplane/snapshot.h"
#include "starocean/net/parse.h"
#include "starocean/net/view.h"

namespace starocean::dataplane {

enum class Fate : uint8_t {
  kUndecided,
  kForward,  // by `decision`, whatever state the neighbour is in
  kLinux,    // not for us: its own addresses, options, multicast, devices that are not ours
  kDrop,     // under `reason`
  kError,    // the same, and its sender is told
};

// What the sender is told: of both families.
enum class RouteError : uint8_t {
  kNone,
  kTimeExceeded,
  kNetUnreachable,
  kHostUnreachable,
  kProhibited,
  kTooBig,  // with the MTU
  kBeyondScope,
};

struct Verdict {
  Fate fate = Fate::kUndecided;
  PortCounter reason = PortCounter::kCount;
  RouteError error = RouteError::kNone;
  bool fragment = false;   // kForward: longer than the egress MTU, to be cut
  uint32_t mtu_bytes = 0;  // kTooBig, and fragment
  table::Decision decision = {};

  static Verdict to_linux() { return {.fate = Fate::kLinux}; }
  static Verdict drop(PortCounter reason) { return {.fate = Fate::kDrop, .reason = reason}; }
  static Verdict fail(PortCounter reason, RouteError error) {
    return {.fate = Fate::kError, .reason = reason, .error = error};
  }
};

// What is asked about a packet.
struct RouteSubject {
  const RoutedInterface* in = nullptr;
  net::IpFamily family = net::IpFamily::kIpv4;
  uint8_t hops_left = 0;       // TTL or hop limit
  bool dont_fragment = false;  // also all of IPv6
  uint32_t l3_length_bytes = 0;
  uint32_t flow_hash = 0;
  net::Ipv6Address source, destination;  // IPv4 mapped
};

// Fills `subject`, of the frame that `parsed` speaks of. The fate is kUndecided for what is to be looked up.
Verdict check(net::ConstBytes head, const net::ParsedPacket& parsed, const RoutedInterface& in,
              RouteSubject& subject);

// Whether the rule speaks of packets with that source from that interface (null: made here).
bool matches(const RouteRule& rule, const RoutedInterface* in, const net::Ipv6Address& source);

struct FoundRoute {
  table::Decision decision;         // kind kNone: no rule had a route
  const RouteRule* rule = nullptr;  // that decided
};
// `in`: null for what is made here.
FoundRoute find_route(const Snapshot& snapshot, const Vrf& vrf, const RoutedInterface* in,
                      net::IpFamily family, const net::Ipv6Address& source,
                      const net::Ipv6Address& destination, uint32_t flow_hash);

// The verdict when the route is known.
Verdict judge(const Snapshot& snapshot, const RouteSubject& subject,
              const table::Decision& decision);

}  // namespace starocean::dataplane
