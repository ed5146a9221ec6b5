// The interfaces of Linux as forwarding sees them: names, state, MAC, MTU, addresses. Control thread; asks nothing
// itself: RouteMirror feeds it the kernel's messages.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "starocean/control/address_parse.h"
#include "starocean/net/mac_address.h"

namespace starocean::control {

struct Interface {
  uint32_t ifindex = 0;
  std::string name;
  bool up = false;       // administratively (IFF_UP)
  bool running = false;  // operationally up (IFF_RUNNING)
  bool carrier = false;  // IFF_LOWER_UP: what routes go by
  uint32_t mtu_bytes = 0;
  net::MacAddress mac;
  // In Linux's order: the first primary one is what the interface itself speaks from.
  std::vector<InterfaceAddress> addresses4, addresses6;
  std::optional<bool> ignores_linkdown4, ignores_linkdown6;  // conf/IF/ignore_routes_with_linkdown

  // The first primary IPv4 address: where ICMP errors come from (RFC 1812, 4.3.2.4). Unspecified: none.
  net::Ipv4Address source4() const;
  // The first usable IPv6 address, a global one before a link-local one (RFC 4443, 2.2). Unspecified: none.
  net::Ipv6Address source6() const;
  // The first that is usable and valid on the link only; unspecified: none.
  net::Ipv6Address link_local6() const;
  bool operator==(const Interface&) const = default;
};

class InterfaceMirror {
 public:
  // What an event means for routes: which the kernel has changed without telling.
  struct Effect {
    uint32_t ifindex = 0;    // 0: nothing
    bool link = false;       // the message was about the link itself
    bool removed = false;    // the device is gone
    bool went_down = false;  // administratively
    bool appeared = false;
    bool came_up = false;
    bool carrier_lost = false;  // neither carrier nor running
    bool carrier_changed = false;
    bool without_ipv4 = false;  // its last IPv4 address went
    bool first_ipv4 = false;    // it has an IPv4 address, and had none
    std::vector<net::Ipv6Address> addresses_gone = {};
    bool linkdown_setting_changed = false;  // ifindex: NetconfMessage::kAll for all
  };
  // A message of any of the types concerned; others are left alone.
  Effect apply(std::span<const std::byte> message);

  // A list replaces what is known: begin, apply each message, end, which forgets what was not listed. One kind at a
  // time; if news of that kind come in between, the list is to be begun again.
  enum class Kind { kLinks, kAddresses };
  void begin_list(Kind kind);
  std::vector<Effect> end_list(Kind kind);
  void abandon_list();

  const Interface* find(uint32_t ifindex) const;
  const std::map<uint32_t, Interface>& all() const { return interfaces_; }
  // Another number after each change of anything that all() shows.
  uint64_t generation() const { return generation_; }

  // Whether routes may lead through it: false if it is not there, is down, or has no carrier and is set to honour
  // that.
  bool forwards(uint32_t ifindex, net::IpFamily family) const;
  // Whether it is an IPv4 address of any interface.
  bool has_ipv4(const net::Ipv6Address& address) const;

 private:
  Effect apply_link(std::span<const std::byte> message);
  Effect apply_address(const AddressMessage& message);
  Effect apply_netconf(const NetconfMessage& message);
  // `addresses` is one of the interface's lists.
  Effect set_addresses(const Interface& interface, std::vector<InterfaceAddress>& addresses,
                       std::vector<InterfaceAddress> wanted);

  std::map<uint32_t, Interface> interfaces_;
  bool all_ignore_linkdown4_ = false;
  uint64_t generation_ = 1;
  // The list under way.
  std::vector<uint32_t> unseen_links_;
  bool listing_addresses_ = false;
  std::map<uint32_t, std::vector<InterfaceAddress>> listed_addresses_;
};

}  // namespace starocean::control
