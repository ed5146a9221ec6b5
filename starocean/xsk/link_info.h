// What Linux says of a network device (rtnetlink(7), RTM_NEWLINK). Pure: parses, asks nothing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace starocean::xsk {

struct LinkInfo {
  uint32_t ifindex = 0;
  std::string name;
  std::string kind;            // IFLA_INFO_KIND: "veth", "bridge", "vlan" …; empty for hardware
  uint16_t hardware_type = 0;  // ARPHRD_ETHER, ARPHRD_LOOPBACK … (net/if_arp.h)
  bool up = false;             // administratively (IFF_UP)
  bool carrier = false;        // operationally up (IFF_RUNNING)
  bool removed = false;        // the device is gone; of the rest only ifindex and name are sure
  uint32_t mtu = 0;
  std::array<uint8_t, 6> mac{};  // zero for devices without an Ethernet address
  uint32_t master_ifindex = 0;   // the bridge, bond … that it belongs to; 0: none
  // IFLA_LINK: the other end of a veth, the device under a VLAN device …; 0: none, or itself. It is a
  // device of another network namespace if `lower_netns` (IFLA_LINK_NETNSID, what this namespace calls
  // that one) is set.
  uint32_t lower_ifindex = 0;
  std::optional<int32_t> lower_netns;
  uint32_t rx_queues = 0;  // allocated, which may be more than in use: see queue_count
  uint32_t tx_queues = 0;

  // XDP programs attached, by mode; 0: none.
  uint32_t xdp_native_id = 0;
  uint32_t xdp_generic_id = 0;
  uint32_t xdp_offload_id = 0;

  // The program that sees packets first; 0: none.
  uint32_t xdp_program_id() const {
    if (xdp_offload_id != 0) return xdp_offload_id;
    return xdp_native_id != 0 ? xdp_native_id : xdp_generic_id;
  }
  bool operator==(const LinkInfo&) const = default;
};

// One netlink message, header included. nullopt for anything that is not news of a whole device:
// other types, malformed or cut-off messages, bridge-port news (family AF_BRIDGE: its RTM_DELLINK
// means that a port left a bridge, not that the device is gone) and wireless events, which carry
// nothing else.
std::optional<LinkInfo> parse_link(std::span<const std::byte> message);

}  // namespace starocean::xsk
