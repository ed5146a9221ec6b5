#include "starocean/control/route_parse.h"

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cstring>

#include "starocean/control/netlink_values.h"
#include "starocean/xsk/netlink_attributes.h"

namespace starocean::control {
namespace {

using table::RouteKind;

std::optional<RouteKind> kind_of(uint8_t type) {
  switch (type) {
    case RTN_UNICAST:
      return RouteKind::kForward;
    case RTN_LOCAL:
    case RTN_ANYCAST:
      return RouteKind::kLocal;
    case RTN_BROADCAST:
      return RouteKind::kBroadcast;
    case RTN_BLACKHOLE:
      return RouteKind::kBlackhole;
    case RTN_UNREACHABLE:
      return RouteKind::kUnreachable;
    case RTN_PROHIBIT:
      return RouteKind::kProhibit;
    case RTN_THROW:
      return RouteKind::kThrow;
    default:
      return std::nullopt;
  }
}

// struct rtvia: an address family and an address of it.
std::optional<net::Ipv6Address> via_of(const nlattr* attribute) {
  const size_t len = mnl_attr_get_payload_len(attribute);
  uint16_t family = 0;
  if (len < sizeof(family)) return std::nullopt;
  const auto* const bytes = static_cast<const uint8_t*>(mnl_attr_get_payload(attribute));
  std::memcpy(&family, bytes, sizeof(family));
  if (family != AF_INET && family != AF_INET6) return std::nullopt;
  return address_of(bytes + sizeof(family), len - sizeof(family), static_cast<uint8_t>(family));
}

// Attributes that a next hop has, alone or as one of several.
bool parse_hop_attribute(uint16_t type, const nlattr* attribute, uint8_t family, RouteHop& hop) {
  switch (type) {
    case RTA_GATEWAY:
      hop.gateway = address_of(attribute, family);
      return hop.gateway.has_value();
    case RTA_VIA:
      hop.gateway = via_of(attribute);
      return hop.gateway.has_value();
    case RTA_ENCAP:
    case RTA_ENCAP_TYPE:
      hop.encap = true;
      return true;
    default:
      return true;
  }
}

// RTA_MULTIPATH: a sequence of struct rtnexthop, each with attributes of its own.
bool parse_multipath(const nlattr* attribute, uint8_t family, std::vector<RouteHop>& hops) {
  const auto* bytes = static_cast<const std::byte*>(mnl_attr_get_payload(attribute));
  size_t left = mnl_attr_get_payload_len(attribute);
  while (left >= sizeof(rtnexthop)) {
    rtnexthop next{};
    std::memcpy(&next, bytes, sizeof(next));
    if (next.rtnh_len < sizeof(next) || next.rtnh_len > left) return false;
    RouteHop hop;
    hop.ifindex = static_cast<uint32_t>(next.rtnh_ifindex);
    hop.weight = uint32_t{next.rtnh_hops} + 1;
    hop.dead = (next.rtnh_flags & RTNH_F_DEAD) != 0;
    bool good = true;
    xsk::each_attribute(bytes + sizeof(next), next.rtnh_len - sizeof(next),
                        [&](uint16_t type, const nlattr* inner) {
                          good = parse_hop_attribute(type, inner, family, hop) && good;
                        });
    if (!good) return false;
    hops.push_back(hop);
    const size_t step = std::min<size_t>(left, MNL_ALIGN(size_t{next.rtnh_len}));
    bytes += step;
    left -= step;
  }
  return left == 0;
}

struct Parsing {
  uint8_t family;
  RouteHop hop;  // the only one, unless there are several
  bool several = false;
  bool good = true;
};

void parse_metrics(const nlattr* nest, RouteMessage& route) {
  xsk::each_nested(nest, [&](uint16_t type, const nlattr* attribute) {
    if (type == RTAX_MTU) route.mtu = u32_of(attribute).value_or(0);
  });
}

void parse_attribute(uint16_t type, const nlattr* attribute, Parsing& parsing,
                     RouteMessage& route) {
  const auto take = [&](uint32_t& field) {
    const auto value = u32_of(attribute);
    parsing.good = parsing.good && value.has_value();
    field = value.value_or(0);
  };
  switch (type) {
    case RTA_TABLE:
      return take(route.table);
    case RTA_PRIORITY:
      return take(route.metric);
    case RTA_OIF:
      return take(parsing.hop.ifindex);
    case RTA_NH_ID:
      return take(route.next_hop_id);
    case RTA_DST:
    case RTA_PREFSRC: {
      const auto address = address_of(attribute, parsing.family);
      parsing.good = parsing.good && address.has_value();
      if (address) (type == RTA_DST ? route.prefix.address : route.preferred_source) = *address;
      return;
    }
    case RTA_METRICS:
      return parse_metrics(attribute, route);
    case RTA_MULTIPATH:
      parsing.several = true;
      parsing.good = parse_multipath(attribute, parsing.family, route.hops) && parsing.good;
      return;
    default:
      parsing.good =
          parse_hop_attribute(type, attribute, parsing.family, parsing.hop) && parsing.good;
  }
}

void reset(RouteMessage& route) {
  std::vector<RouteHop> hops = std::move(route.hops);
  hops.clear();
  route = RouteMessage();
  route.hops = std::move(hops);
}

}  // namespace

bool parse_route(std::span<const std::byte> message, RouteMessage& route) {
  const nlmsghdr* const header = checked_header(message, sizeof(rtmsg));
  if (header == nullptr) return false;
  if (header->nlmsg_type != RTM_NEWROUTE && header->nlmsg_type != RTM_DELROUTE) return false;
  const auto* const info = static_cast<const rtmsg*>(mnl_nlmsg_get_payload(header));
  const bool ipv4 = info->rtm_family == AF_INET;
  if (!ipv4 && info->rtm_family != AF_INET6) return false;
  const auto kind = kind_of(info->rtm_type);
  if (!kind || (info->rtm_flags & RTM_F_CLONED) != 0) return false;
  if (info->rtm_dst_len > (ipv4 ? 32 : 128)) return false;

  reset(route);
  route.removed = header->nlmsg_type == RTM_DELROUTE;
  route.replaces = (header->nlmsg_flags & NLM_F_REPLACE) != 0;
  route.appended = (header->nlmsg_flags & NLM_F_APPEND) != 0;
  route.first = (header->nlmsg_flags & NLM_F_EXCL) != 0;
  route.table = info->rtm_table;
  route.tos = info->rtm_tos;
  route.protocol = info->rtm_protocol;
  route.source_specific = info->rtm_src_len != 0;
  route.kind = *kind;
  route.prefix = ipv4 ? net::IpPrefix::v4(net::Ipv4Address(), info->rtm_dst_len)
                      : net::IpPrefix::v6(net::Ipv6Address(), info->rtm_dst_len);
  Parsing parsing{.family = info->rtm_family, .hop = {}};
  parsing.hop.dead = (info->rtm_flags & RTNH_F_DEAD) != 0;
  xsk::each_attribute_of(header, sizeof(rtmsg), [&](uint16_t type, const nlattr* attribute) {
    parse_attribute(type, attribute, parsing, route);
  });
  if (!parsing.good || !has_no_host_bits(route.prefix)) return false;
  if (!parsing.several && parsing.hop.ifindex != 0) route.hops.push_back(parsing.hop);
  return true;
}

}  // namespace starocean::control
