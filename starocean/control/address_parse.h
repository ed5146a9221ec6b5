// One address of an interface, and what Linux is set to do with routes of a device without carrier, as Linux tells
// of them (rtnetlink(7), RTM_NEWADDR; RTM_NEWNETCONF, include/uapi/linux/netconf.h). Pure; any thread.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "starocean/net/ip_prefix.h"

namespace starocean::control {

struct InterfaceAddress {
  net::Ipv6Address address;  // IPv4 mapped
  uint8_t prefix_length = 0;
  bool secondary = false;  // IPv4: of a subnet that has a primary address already (IFA_F_SECONDARY)
  bool usable = true;  // false: IPv6, not yet or not unique on the link (tentative, RFC 4862, 5.4)
  bool operator==(const InterfaceAddress&) const = default;
};

struct AddressMessage {
  bool removed = false;
  uint32_t ifindex = 0;
  InterfaceAddress address;
};
std::optional<AddressMessage> parse_address(std::span<const std::byte> message);

struct NetconfMessage {
  static constexpr uint32_t kAll = 0xffffffff;  // NETCONFA_IFINDEX_ALL: conf/all
  static constexpr uint32_t kDefault = 0xfffffffe;

  net::IpFamily family = net::IpFamily::kIpv4;
  uint32_t ifindex = 0;
  bool ignore_routes_with_linkdown = false;
};
// nullopt also for those that do not tell of ignore_routes_with_linkdown.
std::optional<NetconfMessage> parse_netconf(std::span<const std::byte> message);

}  // namespace starocean::control
