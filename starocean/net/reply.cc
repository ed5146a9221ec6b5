#include "starocean/net/reply.h"

#include <utility>

#include "starocean/net/build.h"
#include "starocean/net/checksum.h"
#include "starocean/net/icmp.h"
#include "starocean/net/options.h"
#include "starocean/net/parse.h"

namespace starocean::net {
namespace {

// What is wrong with a frame as an ICMP message of `type` over IP `version`; kMade: nothing so far.
Reply check_icmp_message(const ParsedPacket& packet, uint8_t version, uint8_t protocol,
                         uint8_t type) {
  const uint16_t ethertype = version == 4 ? kEtherTypeIpv4 : kEtherTypeIpv6;
  if (packet.ethertype != ethertype) return Reply::kNotARequest;
  if (packet.l4_offset != 0 && packet.protocol != protocol) return Reply::kNotARequest;
  if (is_malformed(packet.status)) return Reply::kMalformed;
  if (packet.fragment != Fragment::kNone) return Reply::kFragment;
  if (packet.icmp_type != type) return Reply::kNotARequest;
  if (packet.ip_options) return Reply::kOptions;
  return Reply::kMade;
}

// Answers go from one host to one host (RFC 1122, 3.2.2 and 3.2.2.6).
bool from_one_host(const EthernetHeader& ethernet) {
  return ethernet.src.is_unicast() && !ethernet.src.is_zero();
}

bool is_host(Ipv4Address address) {
  return !address.is_zero() && !address.is_multicast() && !address.is_broadcast() &&
         !address.is_loopback();
}

bool is_host(const Ipv6Address& address) {
  return !address.is_unspecified() && !address.is_multicast() && !address.is_loopback();
}

be16 icmpv6_checksum(const Ipv6Header& ip, ConstBytes message) {
  auto builder = pseudo_header(ip.src, ip.dst, kProtoIcmpv6, static_cast<uint32_t>(message.size()));
  builder.add(message);
  return builder.checksum();
}

// Replaces the type, and with it the 16-bit word of type and code that the checksum covers.
void set_icmp_type(IcmpHeader& icmp, uint8_t type) {
  const auto word = [&] { return be16(static_cast<uint16_t>(icmp.type << 8 | icmp.code)); };
  const be16 before = word();
  icmp.type = type;
  icmp.checksum = update_checksum(icmp.checksum, before, word());
}

void set_ttl(Ipv4Header& ip, uint8_t ttl) {
  const auto word = [&] { return be16(static_cast<uint16_t>(ip.ttl << 8 | ip.protocol)); };
  const be16 before = word();
  ip.ttl = ttl;
  ip.checksum = update_checksum(ip.checksum, before, word());
}

// RFC 4861, 7.1.1, but for what the parser and the checksum have shown.
bool is_valid_solicitation(const Ipv6Header& ip, const NdNeighborSolicitation& message,
                           ConstBytes option_bytes) {
  if (ip.hop_limit != 255 || message.code != 0 || message.target.is_multicast()) return false;
  if (ip.src.is_multicast()) return false;
  bool has_source = false;
  NdOptions options(option_bytes);
  while (options.next()) has_source = has_source || options.kind() == kNdSourceLinkAddress;
  if (options.malformed()) return false;
  if (!ip.src.is_unspecified()) return true;
  // ff02::1:ff00:0/104: a solicited-node address, of whatever node.
  const auto node = ip.dst.solicited_node();
  return ip.dst == node && !has_source;
}

}  // namespace

Reply make_arp_reply(MutableBytes frame, MacAddress mac) {
  const ParsedPacket packet = parse(frame);
  if (packet.ethertype != kEtherTypeArp) return Reply::kNotARequest;
  if (packet.status != ParseStatus::kOk) return Reply::kMalformed;
  auto& ethernet = *mutable_view<EthernetHeader>(frame);
  auto& arp = *mutable_view<ArpHeader>(frame, packet.l3_offset);
  if (arp.operation.host() != kArpRequest) return Reply::kNotARequest;
  // A sender that could not be answered, or that would make us tell lies about a group.
  if (!from_one_host(ethernet) || arp.sender_mac.is_multicast() || arp.sender_ip.is_multicast() ||
      arp.sender_ip.is_broadcast()) {
    return Reply::kMalformed;
  }
  ethernet.dst = ethernet.src;
  ethernet.src = mac;
  arp.operation = be16(kArpReply);
  arp.target_mac = arp.sender_mac;
  arp.sender_mac = mac;
  std::swap(arp.sender_ip, arp.target_ip);
  return Reply::kMade;
}

Reply make_icmp_echo_reply(MutableBytes frame) {
  const ParsedPacket packet = parse(frame);
  const Reply problem = check_icmp_message(packet, 4, kProtoIcmp, kIcmpEchoRequest);
  if (problem != Reply::kMade) return problem;
  auto& ethernet = *mutable_view<EthernetHeader>(frame);
  auto& ip = *mutable_view<Ipv4Header>(frame, packet.l3_offset);
  auto& icmp = *mutable_view<IcmpHeader>(frame, packet.l4_offset);
  if (!ipv4_checksum_ok(frame.subspan(packet.l3_offset, sizeof(Ipv4Header))) ||
      compute_checksum(frame.subspan(packet.l4_offset, packet.l4_length())).raw() != 0) {
    return Reply::kBadChecksum;
  }
  if (!from_one_host(ethernet) || ethernet.dst.is_multicast() || !is_host(ip.src) ||
      !is_host(ip.dst)) {
    return Reply::kNotARequest;
  }
  std::swap(ethernet.src, ethernet.dst);
  std::swap(ip.src, ip.dst);  // leaves the sum as it is
  set_ttl(ip, kDefaultTtl);
  set_icmp_type(icmp, kIcmpEchoReply);
  return Reply::kMade;
}

Reply make_icmpv6_echo_reply(MutableBytes frame) {
  const ParsedPacket packet = parse(frame);
  const Reply problem = check_icmp_message(packet, 6, kProtoIcmpv6, kIcmpv6EchoRequest);
  if (problem != Reply::kMade) return problem;
  if (packet.l4_length() < sizeof(IcmpEcho)) return Reply::kMalformed;
  auto& ethernet = *mutable_view<EthernetHeader>(frame);
  auto& ip = *mutable_view<Ipv6Header>(frame, packet.l3_offset);
  auto& icmp = *mutable_view<IcmpHeader>(frame, packet.l4_offset);
  if (icmpv6_checksum(ip, frame.subspan(packet.l4_offset, packet.l4_length())).raw() != 0) {
    return Reply::kBadChecksum;
  }
  if (!from_one_host(ethernet) || ethernet.dst.is_multicast() || !is_host(ip.src) ||
      !is_host(ip.dst)) {
    return Reply::kNotARequest;
  }
  std::swap(ethernet.src, ethernet.dst);
  std::swap(ip.src, ip.dst);
  ip.hop_limit = kDefaultTtl;
  set_icmp_type(icmp, kIcmpv6EchoReply);
  return Reply::kMade;
}

Reply make_neighbor_advertisement(PacketBuffer& packet, MacAddress mac) {
  constexpr size_t kAnswer = sizeof(NdNeighborAdvertisement) + sizeof(NdLinkAddressOption);
  const ParsedPacket parsed = parse(packet.bytes());
  const Reply problem = check_icmp_message(parsed, 6, kProtoIcmpv6, kNdNeighborSolicitation);
  if (problem != Reply::kMade) return problem;
  if (parsed.l4_length() < sizeof(NdNeighborSolicitation)) return Reply::kMalformed;
  const MutableBytes message = packet.bytes().subspan(parsed.l4_offset, parsed.l4_length());
  const auto& solicitation = *view<NdNeighborSolicitation>(message);
  const auto& asked = *view<Ipv6Header>(packet.bytes(), parsed.l3_offset);
  if (icmpv6_checksum(asked, message).raw() != 0) return Reply::kBadChecksum;
  if (!is_valid_solicitation(asked, solicitation, message.subspan(sizeof solicitation)) ||
      !from_one_host(*view<EthernetHeader>(packet.bytes()))) {
    return Reply::kMalformed;
  }
  const size_t length = parsed.l4_offset + kAnswer;
  if (length > packet.size() && packet.append(length - packet.size()) == nullptr) {
    return Reply::kNoRoom;
  }
  packet.trim(length);

  auto& ethernet = *mutable_view<EthernetHeader>(packet.bytes());
  auto& ip = *mutable_view<Ipv6Header>(packet.bytes(), parsed.l3_offset);
  auto& answer = *mutable_view<NdNeighborAdvertisement>(packet.bytes(), parsed.l4_offset);
  const bool asker_has_address = !ip.src.is_unspecified();
  ip.dst = asker_has_address ? ip.src : kAllNodes;
  ip.src = answer.target;
  ip.payload_length = be16(uint16_t{kAnswer});
  ethernet.dst = asker_has_address ? ethernet.src : kAllNodes.multicast_mac();
  ethernet.src = mac;
  answer.type = kNdNeighborAdvertisement;
  answer.checksum = be16(0);
  answer.flags = be32(kNdOverrideFlag | (asker_has_address ? kNdSolicitedFlag : 0));
  *mutable_view<NdLinkAddressOption>(packet.bytes(), parsed.l4_offset + sizeof answer) = {
      kNdTargetLinkAddress, 1, mac};
  answer.checksum = icmpv6_checksum(ip, packet.bytes().subspan(parsed.l4_offset, kAnswer));
  return Reply::kMade;
}

}  // namespace starocean::net
