#include "starocean/control/address_parse.h"

#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/netconf.h>
#include <linux/rtnetlink.h>

#include "starocean/control/netlink_values.h"
#include "starocean/xsk/netlink_attributes.h"

namespace starocean::control {

std::optional<AddressMessage> parse_address(std::span<const std::byte> message) {
  const nlmsghdr* const header = checked_header(message, sizeof(ifaddrmsg));
  if (header == nullptr) return std::nullopt;
  if (header->nlmsg_type != RTM_NEWADDR && header->nlmsg_type != RTM_DELADDR) return std::nullopt;
  const auto* const info = static_cast<const ifaddrmsg*>(mnl_nlmsg_get_payload(header));
  if (info->ifa_family != AF_INET && info->ifa_family != AF_INET6) return std::nullopt;
  AddressMessage result;
  result.removed = header->nlmsg_type == RTM_DELADDR;
  result.ifindex = info->ifa_index;
  result.address.prefix_length = info->ifa_prefixlen;
  uint32_t flags = info->ifa_flags;
  std::optional<net::Ipv6Address> local;
  std::optional<net::Ipv6Address> other;
  xsk::each_attribute_of(header, sizeof(ifaddrmsg), [&](uint16_t type, const nlattr* attribute) {
    if (type == IFA_LOCAL) local = address_of(attribute, info->ifa_family);
    if (type == IFA_ADDRESS) other = address_of(attribute, info->ifa_family);
    if (type == IFA_FLAGS) flags = u32_of(attribute).value_or(flags);
  });
  // On a point-to-point link IFA_ADDRESS is the peer's; where there is no peer, IPv6 gives only that.
  if (!local) local = other;
  if (!local || result.ifindex == 0) return std::nullopt;
  result.address.address = *local;
  // The same bit means "temporary" for IPv6 (IFA_F_TEMPORARY).
  result.address.secondary = info->ifa_family == AF_INET && (flags & IFA_F_SECONDARY) != 0;
  result.address.usable = (flags & IFA_F_DADFAILED) == 0 &&
                          ((flags & IFA_F_TENTATIVE) == 0 || (flags & IFA_F_OPTIMISTIC) != 0);
  return result;
}

std::optional<NetconfMessage> parse_netconf(std::span<const std::byte> message) {
  const nlmsghdr* const header = checked_header(message, sizeof(netconfmsg));
  if (header == nullptr || header->nlmsg_type != RTM_NEWNETCONF) return std::nullopt;
  const auto* const info = static_cast<const netconfmsg*>(mnl_nlmsg_get_payload(header));
  if (info->ncm_family != AF_INET && info->ncm_family != AF_INET6) return std::nullopt;
  NetconfMessage result;
  result.family = info->ncm_family == AF_INET ? net::IpFamily::kIpv4 : net::IpFamily::kIpv6;
  std::optional<uint32_t> ignore;
  xsk::each_attribute_of(header, sizeof(netconfmsg), [&](uint16_t type, const nlattr* attribute) {
    if (type == NETCONFA_IFINDEX) result.ifindex = u32_of(attribute).value_or(0);
    if (type == NETCONFA_IGNORE_ROUTES_WITH_LINKDOWN) ignore = u32_of(attribute);
  });
  if (!ignore || result.ifindex == 0) return std::nullopt;
  result.ignore_routes_with_linkdown = *ignore != 0;
  return result;
}

}  // namespace starocean::control
