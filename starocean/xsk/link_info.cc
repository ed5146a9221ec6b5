#include "starocean/xsk/link_info.h"

#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include <algorithm>
#include <cstring>

#include "starocean/xsk/netlink_attributes.h"

namespace starocean::xsk {
namespace {

uint32_t u32_of(const nlattr* attribute) {
  return mnl_attr_validate(attribute, MNL_TYPE_U32) < 0 ? 0 : mnl_attr_get_u32(attribute);
}

std::string text_of(const nlattr* attribute) {
  const auto* const text = static_cast<const char*>(mnl_attr_get_payload(attribute));
  return {text, strnlen(text, mnl_attr_get_payload_len(attribute))};
}

// One program: its id and how it is attached. Several: an id per mode (Linux net/core/rtnetlink.c,
// rtnl_xdp_fill).
void parse_xdp(const nlattr* nest, LinkInfo& link) {
  uint8_t attached = XDP_ATTACHED_NONE;
  uint32_t id = 0;
  each_nested(nest, [&](uint16_t type, const nlattr* attribute) {
    if (type == IFLA_XDP_ATTACHED && mnl_attr_get_payload_len(attribute) >= 1) {
      attached = mnl_attr_get_u8(attribute);
    }
    if (type == IFLA_XDP_PROG_ID) id = u32_of(attribute);
    if (type == IFLA_XDP_DRV_PROG_ID) link.xdp_native_id = u32_of(attribute);
    if (type == IFLA_XDP_SKB_PROG_ID) link.xdp_generic_id = u32_of(attribute);
    if (type == IFLA_XDP_HW_PROG_ID) link.xdp_offload_id = u32_of(attribute);
  });
  if (attached == XDP_ATTACHED_DRV) link.xdp_native_id = id;
  if (attached == XDP_ATTACHED_SKB) link.xdp_generic_id = id;
  if (attached == XDP_ATTACHED_HW) link.xdp_offload_id = id;
}

void parse_attribute(uint16_t type, const nlattr* attribute, LinkInfo& link) {
  switch (type) {
    case IFLA_IFNAME:
      link.name = text_of(attribute);
      break;
    case IFLA_MTU:
      link.mtu = u32_of(attribute);
      break;
    case IFLA_ADDRESS:
      if (mnl_attr_get_payload_len(attribute) == link.mac.size()) {
        std::memcpy(link.mac.data(), mnl_attr_get_payload(attribute), link.mac.size());
      }
      break;
    case IFLA_MASTER:
      link.master_ifindex = u32_of(attribute);
      break;
    case IFLA_LINK:
      link.lower_ifindex = u32_of(attribute);
      break;
    case IFLA_LINK_NETNSID:
      link.lower_netns = static_cast<int32_t>(u32_of(attribute));
      break;
    case IFLA_NUM_RX_QUEUES:
      link.rx_queues = u32_of(attribute);
      break;
    case IFLA_NUM_TX_QUEUES:
      link.tx_queues = u32_of(attribute);
      break;
    case IFLA_LINKINFO:
      each_nested(attribute, [&](uint16_t inner, const nlattr* value) {
        if (inner == IFLA_INFO_KIND) link.kind = text_of(value);
      });
      break;
    case IFLA_XDP:
      parse_xdp(attribute, link);
      break;
    default:
      break;
  }
}

}  // namespace

std::optional<LinkInfo> parse_link(std::span<const std::byte> message) {
  const auto* const header = reinterpret_cast<const nlmsghdr*>(message.data());
  if (!mnl_nlmsg_ok(header, static_cast<int>(message.size()))) return std::nullopt;
  if (header->nlmsg_type != RTM_NEWLINK && header->nlmsg_type != RTM_DELLINK) return std::nullopt;
  if (mnl_nlmsg_get_payload_len(header) < sizeof(ifinfomsg)) return std::nullopt;
  const auto* const info = static_cast<const ifinfomsg*>(mnl_nlmsg_get_payload(header));
  if (info->ifi_family != AF_UNSPEC || info->ifi_index <= 0) return std::nullopt;

  LinkInfo link;
  link.ifindex = static_cast<uint32_t>(info->ifi_index);
  link.hardware_type = info->ifi_type;
  link.up = (info->ifi_flags & IFF_UP) != 0;
  link.carrier = (info->ifi_flags & IFF_RUNNING) != 0;
  link.removed = header->nlmsg_type == RTM_DELLINK;
  bool wireless = false;
  each_attribute_of(header, sizeof(ifinfomsg), [&](uint16_t type, const nlattr* attribute) {
    wireless |= type == IFLA_WIRELESS;
    parse_attribute(type, attribute, link);
  });
  if (wireless || link.name.empty()) return std::nullopt;
  if (link.lower_ifindex == link.ifindex && !link.lower_netns) link.lower_ifindex = 0;
  return link;
}

}  // namespace starocean::xsk
