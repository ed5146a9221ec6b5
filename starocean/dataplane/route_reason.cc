#include "starocean/dataplane/route_reason.h"

#include <array>

#include "starocean/net/icmp.h"

namespace starocean::dataplane {
namespace {

using enum RouteAction;
constexpr PortCounter kNone = PortCounter::kCount;

constexpr RouteReasonInfo forwards(RouteAction action, std::string_view text) {
  return {action, kNone, {}, {}, text};
}
constexpr RouteReasonInfo to_linux(std::string_view text) {
  return {kToLinux, kNone, {}, {}, text};
}
constexpr RouteReasonInfo drops(PortCounter counter, std::string_view text) {
  return {kDrop, counter, {}, {}, text};
}
constexpr RouteReasonInfo unreachable(PortCounter counter, uint8_t code4, uint8_t code6,
                                      std::string_view text) {
  return {kRefuse,
          counter,
          {net::kIcmpDestinationUnreachable, code4, 0},
          {net::kIcmpv6DestinationUnreachable, code6, 0},
          text};
}

// In the order of RouteReason.
constexpr std::array<RouteReasonInfo, static_cast<size_t>(RouteReason::kCount)> kReasons = {{
    forwards(kForward, "forwarded"),
    forwards(kForward, "forwarded in fragments: longer than the MTU of the next link"),
    forwards(kWait, "held back: the MAC address of the next hop is not known yet"),
    to_linux("to Linux: not IP"),
    to_linux("to Linux: of a VLAN that does not route here"),
    to_linux("to Linux: the interface does not route"),
    to_linux("to Linux: to a broadcast or multicast MAC address"),
    to_linux("to Linux: has IPv4 options"),
    to_linux("to Linux: has IPv6 extension headers"),
    to_linux("to Linux: to a multicast or reserved address"),
    to_linux("to Linux: to a link-local address"),
    to_linux("to Linux: to an address of this machine"),
    to_linux("to Linux: to the broadcast address of a subnet"),
    to_linux("to Linux: the route leads over a device that is not ours"),
    drops(PortCounter::drop_runt, "dropped: shorter than an Ethernet header"),
    drops(PortCounter::drop_not_ours, "dropped: to a MAC address that is not ours"),
    drops(PortCounter::drop_ip_malformed, "dropped: wrong IP version or header length"),
    drops(PortCounter::drop_ip_malformed, "dropped: wrong IP length"),
    drops(PortCounter::drop_ip_checksum, "dropped: wrong IPv4 header checksum"),
    drops(PortCounter::drop_martian, "dropped: from an address that cannot be a sender's"),
    drops(PortCounter::drop_martian, "dropped: to an address that cannot be a receiver's"),
    drops(PortCounter::drop_reverse_path, "dropped: the way to its source is another"),
    drops(PortCounter::drop_blackhole, "dropped: the route is a blackhole"),
    drops(PortCounter::drop_egress_down, "dropped: the egress interface has gone"),
    unreachable(PortCounter::drop_no_route, net::kIcmpNetUnreachable, net::kIcmpv6NoRoute,
                "refused: no route to the destination"),
    unreachable(PortCounter::drop_unreachable, net::kIcmpHostUnreachable, net::kIcmpv6NoRoute,
                "refused: the route says unreachable"),
    unreachable(PortCounter::drop_prohibited, net::kIcmpProhibited, net::kIcmpv6Prohibited,
                "refused: the route says prohibited"),
    unreachable(PortCounter::drop_scope, net::kIcmpHostUnreachable, net::kIcmpv6BeyondScope,
                "refused: from a link-local address, to another link"),
    {kRefuse,
     PortCounter::drop_ttl,
     {net::kIcmpTimeExceeded, 0, 0},
     {net::kIcmpv6TimeExceeded, 0, 0},
     "refused: TTL or hop limit used up"},
    {kRefuse,
     PortCounter::drop_too_big,
     {net::kIcmpDestinationUnreachable, net::kIcmpFragmentationNeeded, 0},
     {net::kIcmpv6PacketTooBig, 0, 0},
     "refused: longer than the MTU of the next link, and not to be fragmented"},
    unreachable(PortCounter::drop_neighbour_failed, net::kIcmpHostUnreachable,
                net::kIcmpv6AddressUnreachable, "refused: the next hop does not answer"),
}};
static_assert(kReasons.back().counter == PortCounter::drop_neighbour_failed);

}  // namespace

const RouteReasonInfo& info_of(RouteReason reason) {
  return kReasons[static_cast<size_t>(reason)];
}

}  // namespace starocean::dataplane
