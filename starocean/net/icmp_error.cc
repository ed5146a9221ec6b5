#include "starocean/net/icmp_error.h"

#include <algorithm>

#include "starocean/net/build.h"
#include "starocean/net/checksum.h"
#include "starocean/net/icmp.h"
#include "starocean/net/ip_header.h"

namespace starocean::net {
namespace {

// Linux, net/ipv4/icmp.c: errors keep the packet's type of service and take precedence 6, "internetwork
// control" (RFC 1812, 4.3.2.5).
constexpr uint8_t kTosMask = 0x1e;
constexpr uint8_t kPrecedence = 0xc0;

// Types that neither are errors nor unknown, for which Linux assumes the worst (net/ipv4/icmp.c, icmp_pointers):
// echo, timestamp, information, address mask.
bool is_icmp_query(uint8_t type) {
  constexpr uint8_t kTimestamp = 13, kAddressMaskReply = 18;
  return type == kIcmpEchoReply || type == kIcmpEchoRequest ||
         (type >= kTimestamp && type <= kAddressMaskReply);
}

constexpr uint8_t kNdRedirect = 137;
constexpr uint8_t kHighestIcmpv6Error = 127;  // RFC 4443, 2.1

// The first byte of what follows IP; null when there is none.
const std::byte* message_type(ConstBytes frame, const ParsedPacket& parsed) {
  if (parsed.l4_offset == 0 || parsed.l4_length() == 0) return nullptr;
  return parsed.l4_offset < frame.size() ? &frame[parsed.l4_offset] : nullptr;
}

bool may_cause_icmp4(ConstBytes frame, const ParsedPacket& parsed) {
  const auto* header = view<Ipv4Header>(frame, parsed.l3_offset);
  if (header == nullptr || parsed.fragment == Fragment::kLater) return false;
  const bool one_sender = !header->src.is_zero() && !header->src.is_multicast() &&
                          !header->src.is_broadcast() && !header->src.is_loopback();
  if (!one_sender || header->dst.is_multicast() || header->dst.is_broadcast()) return false;
  if (header->protocol != kProtoIcmp) return true;
  const std::byte* type = message_type(frame, parsed);
  return type != nullptr && is_icmp_query(std::to_integer<uint8_t>(*type));
}

bool may_cause_icmp6(ConstBytes frame, const ParsedPacket& parsed, bool to_group) {
  const auto* header = view<Ipv6Header>(frame, parsed.l3_offset);
  if (header == nullptr) return false;
  if (header->src.is_unspecified() || header->src.is_multicast() || header->src.is_loopback()) {
    return false;
  }
  if (header->dst.is_multicast() && !to_group) return false;
  // Behind so many extension headers there may be an error; where they are cut off, Linux answers.
  if (parsed.l4_offset == 0) return parsed.status != ParseStatus::kTooManyExtensions;
  // What follows a fragment's header is not looked at, except in the first.
  if (parsed.protocol != kProtoIcmpv6) return true;
  if (parsed.fragment == Fragment::kLater) return true;
  const std::byte* first = message_type(frame, parsed);
  // As Linux has it (net/ipv6/icmp.c, is_ineligible): of a fragment, even when there is no type in it.
  if (first == nullptr) return parsed.fragment != Fragment::kNone;
  const auto type = std::to_integer<uint8_t>(*first);
  return type > kHighestIcmpv6Error && type != kNdRedirect;
}

}  // namespace

bool may_cause_icmp_error(ConstBytes frame, const ParsedPacket& parsed,
                          const IcmpErrorFields& fields) {
  if (parsed.ip_version == 4) return may_cause_icmp4(frame, parsed);
  return parsed.ip_version == 6 &&
         may_cause_icmp6(frame, parsed, fields.type == kIcmpv6PacketTooBig);
}

bool make_icmp_error(PacketBuffer& packet, const IcmpErrorFields& fields, Ipv4Address source,
                     uint16_t id) {
  constexpr size_t kHeaders = sizeof(Ipv4Header) + sizeof(IcmpError);
  const auto* about = view<Ipv4Header>(packet.bytes());
  if (about == nullptr || packet.headroom() < kHeaders) return false;
  const Ipv4Address sender = about->src;
  const auto tos = static_cast<uint8_t>((about->dscp_ecn & kTosMask) | kPrecedence);
  packet.trim(kMaxIcmpErrorBytes - kHeaders);
  auto* icmp = packet.push_header<IcmpError>();
  icmp->type = fields.type;
  icmp->code = fields.code;
  icmp->info = be32(fields.info);
  icmp->checksum = compute_checksum(packet.bytes());
  return push_ipv4(packet, {.src = source,
                            .dst = sender,
                            .protocol = kProtoIcmp,
                            .dscp_ecn = tos,
                            .id = id,
                            .dont_fragment = false});
}

bool make_icmpv6_error(PacketBuffer& packet, const IcmpErrorFields& fields,
                       const Ipv6Address& source) {
  constexpr size_t kHeaders = sizeof(Ipv6Header) + sizeof(IcmpError);
  const auto* about = view<Ipv6Header>(packet.bytes());
  if (about == nullptr || packet.headroom() < kHeaders) return false;
  const Ipv6Address sender = about->src;
  packet.trim(kMaxIcmpv6ErrorBytes - kHeaders);
  auto* icmp = packet.push_header<IcmpError>();
  icmp->type = fields.type;
  icmp->code = fields.code;
  icmp->info = be32(fields.info);
  ChecksumBuilder sum =
      pseudo_header(source, sender, kProtoIcmpv6, static_cast<uint32_t>(packet.size()));
  sum.add(packet.bytes());
  icmp->checksum = sum.checksum();
  return push_ipv6(packet, {.src = source, .dst = sender, .next_header = kProtoIcmpv6});
}

}  // namespace starocean::net
