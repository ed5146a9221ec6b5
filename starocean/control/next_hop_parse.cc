#include "starocean/control/next_hop_parse.h"

#include <libmnl/libmnl.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>

#include <cstring>

#include "starocean/control/netlink_values.h"
#include "starocean/xsk/netlink_attributes.h"

namespace starocean::control {
namespace {

// Newer than Debian 12's headers (include/uapi/linux/nexthop.h, Linux 6.12): the flag says that the third
// byte of a member is the high byte of its weight, and not left over from something else.
constexpr uint16_t kOpFlags = 14;               // NHA_OP_FLAGS
constexpr uint32_t kWeightsAreWide = 1u << 31;  // NHA_OP_FLAG_RESP_GRP_RESVD_0

bool parse_members(const nlattr* attribute, std::vector<NextHopMember>& members,
                   std::vector<uint8_t>& high_bytes) {
  const size_t len = mnl_attr_get_payload_len(attribute);
  if (len == 0 || len % sizeof(nexthop_grp) != 0) return false;
  const auto* const bytes = static_cast<const std::byte*>(mnl_attr_get_payload(attribute));
  for (size_t at = 0; at < len; at += sizeof(nexthop_grp)) {
    nexthop_grp member{};
    std::memcpy(&member, bytes + at, sizeof(member));
    members.push_back({member.id, uint32_t{member.weight} + 1});
    // Headers name this byte differently.
    high_bytes.push_back(static_cast<uint8_t>(bytes[at + offsetof(nexthop_grp, weight) + 1]));
  }
  return true;
}

}  // namespace

std::optional<NextHopMessage> parse_next_hop(std::span<const std::byte> message) {
  const nlmsghdr* const header = checked_header(message, sizeof(nhmsg));
  if (header == nullptr) return std::nullopt;
  if (header->nlmsg_type != RTM_NEWNEXTHOP && header->nlmsg_type != RTM_DELNEXTHOP) {
    return std::nullopt;
  }
  const auto* const info = static_cast<const nhmsg*>(mnl_nlmsg_get_payload(header));
  NextHopMessage object;
  object.removed = header->nlmsg_type == RTM_DELNEXTHOP;
  std::vector<uint8_t> high_bytes;
  uint32_t op_flags = 0;
  bool good = true;
  xsk::each_attribute_of(header, sizeof(nhmsg), [&](uint16_t type, const nlattr* attribute) {
    switch (type) {
      case NHA_ID:
        object.id = u32_of(attribute).value_or(0);
        break;
      case NHA_GROUP:
        good = parse_members(attribute, object.members, high_bytes) && good;
        break;
      case NHA_BLACKHOLE:
        object.blackhole = true;
        break;
      case NHA_OIF:
        object.hop.ifindex = u32_of(attribute).value_or(0);
        break;
      case NHA_GATEWAY:
        object.hop.gateway = address_of(attribute, info->nh_family);
        good = good && object.hop.gateway.has_value();
        break;
      case NHA_ENCAP_TYPE:
      case NHA_ENCAP:
        object.hop.encap = true;
        break;
      case NHA_FDB:
        object.fdb = true;
        break;
      case kOpFlags:
        op_flags = u32_of(attribute).value_or(0);
        break;
      default:
        break;
    }
  });
  if (!good || object.id == 0) return std::nullopt;
  if ((op_flags & kWeightsAreWide) != 0) {
    for (size_t i = 0; i < object.members.size(); ++i) {
      object.members[i].weight += uint32_t{high_bytes[i]} << 8;
    }
  }
  return object;
}

}  // namespace starocean::control
