#include "starocean/control/neighbour_parse.h"

#include <libmnl/libmnl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include <cstring>

#include "starocean/control/netlink_values.h"
#include "starocean/xsk/netlink_attributes.h"

namespace starocean::control {

std::optional<NeighbourMessage> parse_neighbour(std::span<const std::byte> message) {
  const nlmsghdr* const header = checked_header(message, sizeof(ndmsg));
  if (header == nullptr) return std::nullopt;
  if (header->nlmsg_type != RTM_NEWNEIGH && header->nlmsg_type != RTM_DELNEIGH) {
    return std::nullopt;
  }
  const auto* const info = static_cast<const ndmsg*>(mnl_nlmsg_get_payload(header));
  if (info->ndm_family != AF_INET && info->ndm_family != AF_INET6) return std::nullopt;
  if ((info->ndm_flags & NTF_PROXY) != 0 || info->ndm_ifindex <= 0) return std::nullopt;
  NeighbourMessage neighbour;
  neighbour.removed = header->nlmsg_type == RTM_DELNEIGH;
  neighbour.ifindex = static_cast<uint32_t>(info->ndm_ifindex);
  neighbour.state = info->ndm_state;
  bool has_address = false;
  xsk::each_attribute_of(header, sizeof(ndmsg), [&](uint16_t type, const nlattr* attribute) {
    if (type == NDA_DST) {
      const auto address = address_of(attribute, info->ndm_family);
      has_address = address.has_value();
      neighbour.address = address.value_or(net::Ipv6Address());
    }
    if (type == NDA_LLADDR && mnl_attr_get_payload_len(attribute) == net::MacAddress::kSize) {
      std::memcpy(&neighbour.mac, mnl_attr_get_payload(attribute), net::MacAddress::kSize);
      neighbour.has_mac = true;
    }
  });
  if (!has_address) return std::nullopt;
  return neighbour;
}

}  // namespace starocean::control
