#include "starocean/net/group_membership.h"

#include <array>
#include <cstring>

#include "starocean/net/checksum.h"
#include "starocean/net/ip_header.h"

namespace starocean::net {
namespace {

constexpr uint8_t kProtoIgmp = 2;
constexpr uint8_t kProtoPim = 103;
constexpr uint8_t kPimHello = 0x20;  // version 2, type 0

constexpr uint8_t kIgmpQuery = 0x11;
constexpr uint8_t kIgmpReportV1 = 0x12;
constexpr uint8_t kIgmpReportV2 = 0x16;
constexpr uint8_t kIgmpLeave = 0x17;
constexpr uint8_t kIgmpReportV3 = 0x22;

constexpr uint8_t kMldQuery = 130;
constexpr uint8_t kMldReport = 131;
constexpr uint8_t kMldDone = 132;
constexpr uint8_t kMldReportV2 = 143;

// RFC 3376, 4.2.12, and RFC 3810, 5.2.12.
enum RecordType : uint8_t { kIsInclude = 1, kIsExclude, kToInclude, kToExclude, kAllow, kBlock };

struct Igmp {
  uint8_t type;
  uint8_t max_response;
  be16 checksum;
  Ipv4Address group;  // of a version 3 report: reserved, and the number of records
};
static_assert(sizeof(Igmp) == 8);

struct Mld {
  uint8_t type;
  uint8_t code;
  be16 checksum;
  be16 max_response;
  be16 count;  // of a version 2 report; reserved in version 1
};
static_assert(sizeof(Mld) == 8);

struct Record {
  uint8_t type;
  uint8_t auxiliary_words;
  be16 sources;
};
static_assert(sizeof(Record) == 4);

size_t address_bytes(IpFamily family) {
  return family == IpFamily::kIpv4 ? sizeof(Ipv4Address) : sizeof(Ipv6Address);
}

// The message as the IP header delimits it; empty when it is not all there.
ConstBytes message_of(ConstBytes frame, const ParsedPacket& packet) {
  const uint32_t length = packet.l4_length();
  return fits(frame.size(), packet.l4_offset, length) ? frame.subspan(packet.l4_offset, length)
                                                      : ConstBytes();
}

GroupMessage::Kind kind_of_igmp(uint8_t type) {
  switch (type) {
    case kIgmpQuery:
      return GroupMessage::kQuery;
    case kIgmpReportV1:
    case kIgmpReportV2:
    case kIgmpLeave:
    case kIgmpReportV3:
      return GroupMessage::kReport;
    default:
      return GroupMessage::kMalformed;
  }
}

GroupMessage parse_igmp(ConstBytes frame, const ParsedPacket& packet) {
  GroupMessage message;
  message.kind = GroupMessage::kMalformed;
  const ConstBytes bytes = message_of(frame, packet);
  const auto* ip = view<Ipv4Header>(frame, packet.l3_offset);
  const auto* igmp = view<Igmp>(bytes);
  if (ip == nullptr || igmp == nullptr || compute_checksum(bytes).raw() != 0) return message;
  if (!ip->dst.is_multicast()) return message;
  message.kind = kind_of_igmp(igmp->type);
  message.type = igmp->type;
  message.has_source = ip->src != Ipv4Address();
  message.body = bytes.subspan(sizeof(be32));
  return message;
}

GroupMessage parse_mld(ConstBytes frame, const ParsedPacket& packet) {
  GroupMessage message;
  message.family = IpFamily::kIpv6;
  message.kind = GroupMessage::kMalformed;
  const ConstBytes bytes = message_of(frame, packet);
  const auto* ip = view<Ipv6Header>(frame, packet.l3_offset);
  const auto* mld = view<Mld>(bytes);
  if (ip == nullptr || mld == nullptr || ip->hop_limit != 1) return message;
  // RFC 3810, 5.1.14 and 5.2.13: a query comes from a link-local address; a report may come from none.
  message.has_source = ip->src != Ipv6Address();
  const bool is_query = mld->type == kMldQuery;
  if (!ip->src.is_link_local() && (is_query || message.has_source)) return message;
  ChecksumBuilder sum =
      pseudo_header(ip->src, ip->dst, kProtoIcmpv6, static_cast<uint32_t>(bytes.size()));
  sum.add(bytes);
  const bool has_group =
      mld->type == kMldReportV2 || bytes.size() >= sizeof(Mld) + sizeof(Ipv6Address);
  if (sum.checksum().raw() != 0 || !has_group) return message;
  message.kind = is_query ? GroupMessage::kQuery : GroupMessage::kReport;
  message.type = mld->type;
  message.body = bytes.subspan(mld->type == kMldReportV2 ? sizeof(be32) : sizeof(Mld));
  return message;
}

GroupMessage parse_pim(ConstBytes frame, const ParsedPacket& packet) {
  GroupMessage message;
  message.family = packet.ip_version == 4 ? IpFamily::kIpv4 : IpFamily::kIpv6;
  const ConstBytes bytes = message_of(frame, packet);
  if (!bytes.empty() && static_cast<uint8_t>(bytes[0]) == kPimHello) {
    message.kind = GroupMessage::kRouter;
  }
  return message;
}

bool is_mld(uint8_t type) {
  return type == kMldQuery || type == kMldReport || type == kMldDone || type == kMldReportV2;
}

}  // namespace

GroupMessage parse_group_message(ConstBytes frame, const ParsedPacket& packet) {
  if (packet.l4_offset == 0 || packet.fragment != Fragment::kNone) return {};
  if (packet.protocol == kProtoPim) return parse_pim(frame, packet);
  if (packet.ip_version == 4 && packet.protocol == kProtoIgmp) return parse_igmp(frame, packet);
  if (packet.ip_version == 6 && packet.protocol == kProtoIcmpv6 && is_mld(packet.icmp_type)) {
    return parse_mld(frame, packet);
  }
  return {};
}

GroupRecords::GroupRecords(const GroupMessage& report)
    : family_(report.family),
      type_(report.type),
      in_records_(report.type == kIgmpReportV3 || report.type == kMldReportV2),
      rest_(report.body) {
  if (report.kind != GroupMessage::kReport) {
    rest_ = {};
  } else if (in_records_) {
    // Two reserved bytes, then the number of records (RFC 3376, 4.2; RFC 3810, 5.2).
    const auto* count = view<be16>(rest_, sizeof(be16));
    left_ = count == nullptr ? uint16_t{0} : count->host();
    rest_ = count == nullptr ? ConstBytes() : rest_.subspan(2 * sizeof(be16));
  } else {
    left_ = 1;
  }
}

bool GroupRecords::next() {
  while (left_ != 0) {
    --left_;
    if (in_records_) {
      if (next_record()) return true;
      continue;
    }
    const size_t size = address_bytes(family_);
    if (rest_.size() < size) return false;
    return take(rest_.first(size), type_ != kIgmpLeave && type_ != kMldDone);
  }
  return false;
}

// False when this record says nothing, or is cut off: then there is no further one.
bool GroupRecords::next_record() {
  const size_t size = address_bytes(family_);
  const auto* record = view<Record>(rest_);
  const size_t length = record == nullptr ? 0
                                          : sizeof(Record) + size + record->sources.host() * size +
                                                size_t{record->auxiliary_words} * sizeof(be32);
  if (record == nullptr || rest_.size() < length) {
    left_ = 0;
    return false;
  }
  const ConstBytes group = rest_.subspan(sizeof(Record), size);
  const uint8_t type = record->type;
  const bool has_sources = record->sources.host() != 0;
  rest_ = rest_.subspan(length);
  switch (type) {
    case kIsExclude:
    case kToExclude:
      return take(group, true);
    case kIsInclude:
    case kToInclude:
      return take(group, has_sources);
    case kAllow:
      return has_sources && take(group, true);
    case kBlock:  // of some sources: others may still be wanted
    default:
      return false;
  }
}

bool GroupRecords::take(ConstBytes group, bool joins) {
  const auto first = static_cast<uint8_t>(group[0]);
  const bool is_group = family_ == IpFamily::kIpv4 ? first >> 4 == 0xe : first == 0xff;
  if (!is_group || stays_on_link(group)) return false;
  MacAddress::Bytes bytes{};
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(group[i]); };
  if (family_ == IpFamily::kIpv4) {
    bytes = {0x01, 0x00, 0x5e, static_cast<uint8_t>(byte(1) & 0x7f), byte(2), byte(3)};
  } else {
    bytes = {0x33, 0x33, byte(12), byte(13), byte(14), byte(15)};
  }
  mac_ = MacAddress(bytes);
  joins_ = joins;
  return true;
}

bool stays_on_link(ConstBytes address) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(address[i]); };
  if (address.size() == sizeof(Ipv4Address)) return byte(0) == 224 && byte(1) == 0 && byte(2) == 0;
  constexpr uint8_t kLinkLocalScope = 2;
  return address.size() == sizeof(Ipv6Address) && byte(0) == 0xff &&
         (byte(1) & 0x0f) <= kLinkLocalScope;
}

}  // namespace starocean::net
