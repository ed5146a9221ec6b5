// What the mirror asks the kernel to list, one thing at a time. Pure.
#pragma once

#include <linux/netlink.h>

#include <array>
#include <cstdint>

#include "starocean/net/ip_prefix.h"

namespace starocean::control {

struct ListStep {
  enum class Kind : uint8_t {
    kLinks,
    kAddresses,  // of both families
    kNetconf,    // of `family`
    kNextHops,
    kNeighbours,  // of both families
    kRules,       // of `family`
    kRoutes,      // of `family`: of `table`, or those of any table that lead through `ifindex`
  };
  Kind kind = Kind::kLinks;
  net::IpFamily family = net::IpFamily::kIpv4;
  uint32_t table = 0;
  uint32_t ifindex = 0;
  bool operator==(const ListStep&) const = default;

  static ListStep links() { return {.kind = Kind::kLinks}; }
  static ListStep addresses() { return {.kind = Kind::kAddresses}; }
  static ListStep netconf(net::IpFamily family) { return {Kind::kNetconf, family}; }
  static ListStep next_hops() { return {.kind = Kind::kNextHops}; }
  static ListStep neighbours() { return {.kind = Kind::kNeighbours}; }
  static ListStep rules(net::IpFamily family) { return {Kind::kRules, family}; }
  static ListStep routes(net::IpFamily family, uint32_t table) {
    return {Kind::kRoutes, family, table};
  }
  static ListStep routes_of_device(net::IpFamily family, uint32_t ifindex) {
    return {Kind::kRoutes, family, 0, ifindex};
  }
};

using RequestBuffer = std::array<char, 128>;

// In the form that the kernel takes with NETLINK_GET_STRICT_CHK: it filters by table and device itself.
nlmsghdr* make_request(const ListStep& step, RequestBuffer& buffer);

// Whether an error of the kernel means that there is nothing of the sort.
bool means_none(const ListStep& step, int error);

}  // namespace starocean::control
