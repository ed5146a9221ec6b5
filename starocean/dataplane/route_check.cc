#include "starocean/dataplane/route_check.h"

#include "starocean/dataplane/packet.h"
#include "starocean/net/forwarding.h"
#include "starocean/net/ipv6_extensions.h"
#include "starocean/net/transport.h"

namespace starocean::dataplane {
namespace {

using enum RouteReason;

// Both ends of the words of FiveTuple that hold ports; 0 when the packet is too short for its transport.
void read_transport(net::ConstBytes head, size_t offset, size_t ip_end, RouteQuery& query) {
  const bool is_tcp = query.tuple.protocol == net::kProtoTcp;
  if (!is_tcp && query.tuple.protocol != net::kProtoUdp) return;
  // The ports lie at the same place in both.
  const auto* ports = net::view<net::UdpHeader>(head, offset);
  if (ports == nullptr || offset + sizeof(net::UdpHeader) > ip_end) return;
  query.tuple.src_port = ports->src_port;
  query.tuple.dst_port = ports->dst_port;
  if (!is_tcp) return;
  const auto* tcp = net::view<net::TcpHeader>(head, offset);
  query.is_syn = tcp != nullptr && (tcp->flags & net::kTcpSyn) != 0;
}

bool is_of_no_station(net::Ipv4Address address) {
  return address.host() >> 24 == 0 || address.is_loopback();
}

// Of addresses that are not plainly a station's.
RouteReason judge_unusual4(net::Ipv4Address source, net::Ipv4Address destination) {
  if (destination.is_multicast() || destination.is_broadcast()) return kMulticast;
  if (is_of_no_station(source) || source.is_multicast() || source.is_broadcast()) {
    return kMartianSource;
  }
  return is_of_no_station(destination) ? kMartianDestination : kForward;
}

// 1.0.0.0 to 223.255.255.255, without 127/8.
bool is_plain(uint32_t host) {
  return host - 0x01000000 < 0xdf000000 && host >> 24 != 127;
}

RouteReason check_ipv4(net::ConstBytes head, uint32_t frame_bytes, RouteQuery& query) {
  const auto* ip = net::view<net::Ipv4Header>(head, kEthernetBytes);
  if (ip == nullptr) return kBadHeader;
  if (ip->version_ihl != 0x45) [[unlikely]] {
    const net::ConstBytes whole = net::ipv4_header_bytes(head, kEthernetBytes);
    if (whole.empty()) return kBadHeader;
    if (!net::ipv4_checksum_ok(whole)) return kBadChecksum;
  } else if (!net::plain_checksum_ok(*ip)) [[unlikely]] {
    return kBadChecksum;
  }
  query.ip_bytes = ip->total_length.host();
  if (kEthernetBytes + query.ip_bytes > frame_bytes || query.ip_bytes < ip->header_length())
      [[unlikely]] {
    return kBadLength;
  }
  query.tuple.src = net::Ipv6Address::mapped(ip->src);
  query.tuple.dst = net::Ipv6Address::mapped(ip->dst);
  query.tuple.protocol = ip->protocol;
  query.tuple.ip_version = 4;
  query.ttl = ip->ttl;
  const uint16_t flags = ip->flags_offset.host();
  query.may_fragment = (flags & net::kIpv4DontFragment) == 0;
  if (!is_plain(ip->src.host()) || !is_plain(ip->dst.host())) [[unlikely]] {
    const RouteReason reason = judge_unusual4(ip->src, ip->dst);
    if (reason != kForward) return reason;
  }
  if (ip->version_ihl != 0x45) [[unlikely]]
    return kOptions;
  if ((flags & (net::kIpv4MoreFragments | net::kIpv4OffsetMask)) == 0) {
    read_transport(head, kEthernetBytes + sizeof(net::Ipv4Header), kEthernetBytes + query.ip_bytes,
                   query);
  }
  return kForward;
}

// 2000::/3, where nothing special lies, at both ends: nearly all traffic.
bool is_global(const net::Ipv6Address& address) {
  return (address.bytes()[0] & 0xe0) == 0x20;
}

RouteReason judge_unusual6(const net::Ipv6Address& source, const net::Ipv6Address& destination) {
  if (source.is_loopback() || source.is_multicast()) return kMartianSource;
  if (destination.is_loopback()) return kMartianDestination;
  if (destination.is_multicast()) return kMulticast;
  return destination.is_link_local() ? kLinkLocal : kForward;
}

RouteReason check_ipv6(net::ConstBytes head, uint32_t frame_bytes, RouteQuery& query) {
  const auto* ip = net::view<net::Ipv6Header>(head, kEthernetBytes);
  if (ip == nullptr || ip->version() != 6) return kBadHeader;
  query.ip_bytes = static_cast<uint32_t>(sizeof(net::Ipv6Header)) + ip->payload_length.host();
  query.tuple.src = ip->src;
  query.tuple.dst = ip->dst;
  query.tuple.protocol = ip->next_header;
  query.tuple.ip_version = 6;
  query.ttl = ip->hop_limit;
  if (!is_global(ip->src) || !is_global(ip->dst)) [[unlikely]] {
    const RouteReason reason = judge_unusual6(ip->src, ip->dst);
    if (reason != kForward) return reason;
  }
  if (kEthernetBytes + query.ip_bytes > frame_bytes) [[unlikely]]
    return kBadLength;
  if (net::Ipv6Extensions::is_extension(ip->next_header)) [[unlikely]]
    return kExtensions;
  read_transport(head, kEthernetBytes + sizeof(net::Ipv6Header), kEthernetBytes + query.ip_bytes,
                 query);
  return kForward;
}

}  // namespace

FrameTarget classify_frame(const Snapshot& snapshot, const Port& in, net::ConstBytes head) {
  FrameTarget target;
  const auto* ethernet = net::view<net::EthernetHeader>(head);
  if (ethernet == nullptr) {
    target.reason = kRunt;
    return target;
  }
  uint16_t type = ethernet->ethertype.host();
  target.interface = in.routed;
  if (type == net::kEtherTypeVlan) [[unlikely]] {
    const auto* tag = net::view<net::VlanHeader>(head, sizeof(net::EthernetHeader));
    if (tag == nullptr) {
      target.interface = InterfaceId::none();
      target.reason = kRunt;
      return target;
    }
    target.control = tag->tci.host();
    target.tagged = true;
    type = tag->ethertype.host();
    if (const uint16_t vlan = target.control & 0x0fff; vlan != 0) {
      target.interface = InterfaceId::none();
      for (const VlanInterface& candidate : in.vlans) {
        if (candidate.vlan == vlan) target.interface = candidate.interface;
      }
    }
  }
  if (!target.interface.valid() || !snapshot.interfaces[target.interface.index()].active) {
    target.interface = InterfaceId::none();
    target.reason = kOtherTag;
    return target;
  }
  const RoutedInterface& interface = snapshot.interfaces[target.interface.index()];
  if (ethernet->dst.is_multicast()) {
    target.reason = kGroupMac;
  } else if (ethernet->dst.as_u64() != interface.mac) {
    target.reason = kOtherHost;
  } else if (interface.vrf == RoutedInterface::kNoVrf) {
    target.reason = kNotRouted;
  } else if (type != net::kEtherTypeIpv4 && type != net::kEtherTypeIpv6) {
    target.reason = kNotIp;
  }
  return target;
}

RouteReason check_packet(net::ConstBytes head, uint32_t frame_bytes, RouteQuery& query) {
  query = RouteQuery();
  const auto* ethernet = net::view<net::EthernetHeader>(head);
  if (ethernet == nullptr) return kRunt;
  const uint16_t type = ethernet->ethertype.host();
  if (type == net::kEtherTypeIpv4) return check_ipv4(head, frame_bytes, query);
  return type == net::kEtherTypeIpv6 ? check_ipv6(head, frame_bytes, query) : kNotIp;
}

}  // namespace starocean::dataplane
