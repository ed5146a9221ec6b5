// What can be said of a packet before its route is known: whose it is, and whether it is fit to be forwarded
// (RFC 1812, 5.2.2 and 5.3.7; RFC 8200, 3). As Linux does it, so that who watches sees no difference:
// net/ipv4/ip_input.c and route.c; net/ipv6/ip6_input.c. Pure; any thread.
//
//   IPv4                                         IPv6
//   0/8, 127/8, 224/4 and 255.255.255.255        multicast and ::1 are no senders; :: is one that is not forwarded
//     are no senders
//   0/8 and 127/8 are no receivers               ::1 is no receiver
//   options, 224/4, 255.255.255.255: Linux's     extension headers, multicast, link-local destinations: Linux's
//
// Linux routes network 0 as any other since 5.3; here it is as RFC 1122, 3.2.1.3 (b), and RFC 1812, 5.3.7, have it.
#pragma once

#include <cstdint>

#include "starocean/dataplane/route_reason.h"
#include "starocean/dataplane/snapshot.h"
#include "starocean/net/five_tuple.h"
#include "starocean/net/view.h"

namespace starocean::dataplane {

inline constexpr uint32_t kEthernetBytes = 14;

// Which routed interface a frame has come in by.
struct FrameTarget {
  RouteReason reason = RouteReason::kForward;  // or why it goes no further
  InterfaceId interface;                       // none: kRunt, kOtherTag
  bool tagged = false;                         // with the VLAN's tag, or that of VLAN 0
  uint16_t control = 0;                        // what the tag says besides its type
};

// A frame that a port which routes has received; its first buffer.
FrameTarget classify_frame(const Snapshot& snapshot, const Port& in, net::ConstBytes head);

// What routing asks of a packet.
struct RouteQuery {
  net::FiveTuple tuple;       // of which routes are looked up and next hops chosen
  uint32_t ip_bytes = 0;      // of the packet, as its header says
  uint8_t ttl = 0;            // or hop limit
  bool may_fragment = false;  // IPv4 with "don't fragment" clear
  bool is_syn = false;        // TCP, whole

  bool is_v4() const { return tuple.ip_version == 4; }
};

// An Ethernet frame without tags to a MAC address of ours, of `frame_bytes`; `head` is its first buffer. kForward,
// with the query filled, for what is to be looked up.
RouteReason check_packet(net::ConstBytes head, uint32_t frame_bytes, RouteQuery& query);

}  // namespace starocean::dataplane
