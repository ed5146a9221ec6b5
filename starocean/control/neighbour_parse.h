// One neighbour (ARP or ND entry) as Linux tells of it (rtnetlink(7), RTM_NEWNEIGH;
// include/uapi/linux/neighbour.h). Pure; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "starocean/net/ip_address.h"
#include "starocean/net/mac_address.h"

namespace starocean::control {

struct NeighbourMessage {
  bool removed = false;
  uint32_t ifindex = 0;
  net::Ipv6Address address;  // IPv4 mapped
  uint16_t state = 0;        // NUD_*
  bool has_mac = false;      // an Ethernet address, that is
  net::MacAddress mac;
};

// nullopt for all but IPv4 and IPv6 neighbours: bridge entries, proxy entries (NTF_PROXY), malformed messages.
std::optional<NeighbourMessage> parse_neighbour(std::span<const std::byte> message);

}  // namespace starocean::control
