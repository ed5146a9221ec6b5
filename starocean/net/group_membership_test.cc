// IGMP and MLD messages by their bytes, whole, cut, and wrong.

#include "starocean/net/group_membership.h"

#include <cstring>
#include <vector>

#include <gtest/gtest.h>

#include "starocean/net/build.h"
#include "starocean/net/checksum.h"

namespace starocean::net {
namespace {

using Bytes = std::vector<uint8_t>;
using Frame = std::vector<std::byte>;

Bytes operator+(Bytes left, const Bytes& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

void set_checksum(Bytes& message, be16 sum) {
  std::memcpy(&message[2], &sum, sizeof sum);
}

Frame finish(PacketBuffer& packet, uint16_t ethertype) {
  EXPECT_TRUE(push_ethernet(packet, {.dst = MacAddress({1, 0, 0x5e, 0, 0, 1}),
                                     .src = MacAddress({2, 0, 0, 0, 0, 1}),
                                     .ethertype = ethertype}));
  return {packet.bytes().begin(), packet.bytes().end()};
}

Frame igmp(Bytes message, uint32_t source = 0x0a000001, uint32_t destination = 0xe0000016,
           uint8_t protocol = 2) {
  if (message.size() >= 4) {
    set_checksum(message, be16(0));
    set_checksum(message, compute_checksum(std::as_bytes(std::span(message))));
  }
  std::vector<std::byte> room(4096);
  PacketBuffer packet(room, 256);
  std::memcpy(packet.append(message.size()), message.data(), message.size());
  EXPECT_TRUE(push_ipv4(packet, {.src = Ipv4Address(source),
                                 .dst = Ipv4Address(destination),
                                 .protocol = protocol,
                                 .ttl = 1}));
  return finish(packet, kEtherTypeIpv4);
}

const Ipv6Address kLinkLocal = *Ipv6Address::parse("fe80::1"),
                  kAllMld = *Ipv6Address::parse("ff02::16");

Frame mld(Bytes message, const Ipv6Address& source = kLinkLocal, uint8_t hop_limit = 1) {
  set_checksum(message, be16(0));
  ChecksumBuilder sum =
      pseudo_header(source, kAllMld, kProtoIcmpv6, static_cast<uint32_t>(message.size()));
  sum.add(std::as_bytes(std::span(message)));
  set_checksum(message, sum.checksum());
  // Hop-by-hop options with a router alert (RFC 2711), as MLD has them.
  message = Bytes{58, 0, 5, 2, 0, 0, 1, 0} + message;
  std::vector<std::byte> room(4096);
  PacketBuffer packet(room, 256);
  std::memcpy(packet.append(message.size()), message.data(), message.size());
  EXPECT_TRUE(push_ipv6(
      packet,
      {.src = source, .dst = kAllMld, .next_header = kProtoHopByHop, .hop_limit = hop_limit}));
  return finish(packet, kEtherTypeIpv6);
}

GroupMessage parse_message(const Frame& frame) {
  return parse_group_message(frame, parse(frame));
}

// "+01:00:5e:01:02:03 -…": what a report says.
std::string groups_of(const Frame& frame) {
  const GroupMessage message = parse_message(frame);
  EXPECT_EQ(message.kind, GroupMessage::kReport);
  GroupRecords records(message);
  std::string out;
  while (records.next()) {
    out.append(out.empty() ? "" : " ").append(records.joins() ? "+" : "-");
    out += records.mac().to_string();
  }
  return out;
}

const Bytes kGroup4 = {0xef, 0x81, 2, 3};  // 239.129.2.3
const Bytes kGroup6 = {0xff, 0x0e, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4};
const Bytes kSource4 = {10, 0, 0, 9};

Bytes record(uint8_t type, const Bytes& group, uint8_t sources = 0, uint8_t auxiliary = 0) {
  Bytes out = Bytes{type, auxiliary, 0, sources} + group;
  for (int i = 0; i < sources; ++i) out = out + (group.size() == 4 ? kSource4 : kGroup6);
  return out + Bytes(size_t{auxiliary} * 4, 0xaa);
}

TEST(GroupMessage, QueriesOfAllVersions) {
  EXPECT_EQ(parse_message(igmp({0x11, 0, 0, 0, 0, 0, 0, 0})).kind, GroupMessage::kQuery);
  EXPECT_EQ(parse_message(igmp({0x11, 100, 0, 0, 0, 0, 0, 0, 2, 125, 0, 0})).kind,
            GroupMessage::kQuery);
  EXPECT_TRUE(parse_message(igmp({0x11, 0, 0, 0, 0, 0, 0, 0})).has_source);
  EXPECT_FALSE(parse_message(igmp({0x11, 0, 0, 0, 0, 0, 0, 0}, 0)).has_source);
  const Bytes query = Bytes{130, 0, 0, 0, 0x27, 0x10, 0, 0} + Bytes(16, 0);
  const GroupMessage v6 = parse_message(mld(query));
  EXPECT_EQ(v6.kind, GroupMessage::kQuery);
  EXPECT_EQ(v6.family, IpFamily::kIpv6);
  EXPECT_EQ(parse_message(mld(query + Bytes{2, 125, 0, 0})).kind, GroupMessage::kQuery);
}

TEST(GroupMessage, ReportsAndLeavesOfTheFirstVersions) {
  for (const uint8_t type : {uint8_t{0x12}, uint8_t{0x16}}) {
    EXPECT_EQ(groups_of(igmp(Bytes{type, 0, 0, 0} + kGroup4)), "+01:00:5e:01:02:03");
  }
  EXPECT_EQ(groups_of(igmp(Bytes{0x17, 0, 0, 0} + kGroup4)), "-01:00:5e:01:02:03");
  EXPECT_EQ(groups_of(mld(Bytes{131, 0, 0, 0, 0, 0, 0, 0} + kGroup6)), "+33:33:01:02:03:04");
  EXPECT_EQ(groups_of(mld(Bytes{132, 0, 0, 0, 0, 0, 0, 0} + kGroup6)), "-33:33:01:02:03:04");
}

TEST(GroupMessage, RecordsOfTheLaterVersions) {
  const Bytes other4 = {0xe8, 0, 0, 1};
  const Bytes v3 = Bytes{0x22, 0, 0, 0, 0, 0, 0, 8} + record(4, kGroup4) + record(3, kGroup4) +
                   record(2, other4, 2) + record(1, other4, 1, 3) + record(1, other4) +
                   record(5, other4, 1) + record(6, other4, 1) + record(9, other4);
  EXPECT_EQ(groups_of(igmp(v3)),
            "+01:00:5e:01:02:03 -01:00:5e:01:02:03 +01:00:5e:00:00:01 +01:00:5e:00:00:01 "
            "-01:00:5e:00:00:01 +01:00:5e:00:00:01");
  const Bytes v2 = Bytes{143, 0, 0, 0, 0, 0, 0, 2} + record(4, kGroup6, 1) + record(3, kGroup6);
  EXPECT_EQ(groups_of(mld(v2)), "+33:33:01:02:03:04 -33:33:01:02:03:04");
  EXPECT_EQ(groups_of(mld(v2, Ipv6Address())), "+33:33:01:02:03:04 -33:33:01:02:03:04")
      << "without an address yet (RFC 3590)";
}

TEST(GroupMessage, GroupsOfTheLinkAndNoGroupsAtAllAreNotWorthSnooping) {
  EXPECT_EQ(groups_of(igmp({0x16, 0, 0, 0, 224, 0, 0, 251})), "");
  EXPECT_EQ(groups_of(igmp({0x16, 0, 0, 0, 10, 0, 0, 1})), "");
  Bytes solicited = kGroup6;
  solicited[1] = 0x02;
  EXPECT_EQ(groups_of(mld(Bytes{131, 0, 0, 0, 0, 0, 0, 0} + solicited)), "");
  EXPECT_EQ(groups_of(mld(Bytes{131, 0, 0, 0, 0, 0, 0, 0} + Bytes(16, 0x20))), "");
}

TEST(GroupMessage, RecordsThatAreCutOffEndTheReport) {
  const Bytes one = record(4, kGroup4);
  const std::string first = "+01:00:5e:01:02:03";
  EXPECT_EQ(groups_of(igmp(Bytes{0x22, 0, 0, 0, 0, 0, 0xff, 0xff} + one)), first)
      << "65535 records";
  for (size_t left = 0; left < 8; ++left) {
    const Bytes cut(one.begin(), one.begin() + static_cast<std::ptrdiff_t>(left));
    EXPECT_EQ(groups_of(igmp(Bytes{0x22, 0, 0, 0, 0, 0, 0, 2} + one + cut)), first) << left;
  }
  Bytes many_sources = record(4, kGroup4);
  many_sources[2] = many_sources[3] = 0xff;
  EXPECT_EQ(groups_of(igmp(Bytes{0x22, 0, 0, 0, 0, 0, 0, 2} + many_sources + one)), "");
  EXPECT_EQ(groups_of(igmp(Bytes{0x22, 0, 0, 0, 0, 0, 0, 0} + one)), "")
      << "no record is announced";
}

TEST(GroupMessage, WhatIsWrongIsMalformedAsAWhole) {
  const Bytes report = Bytes{0x16, 0, 0, 0} + kGroup4;
  Frame frame = igmp(report);
  frame.back() ^= std::byte{1};
  EXPECT_EQ(parse_message(frame).kind, GroupMessage::kMalformed) << "checksum";
  EXPECT_EQ(parse_message(igmp({0x16, 0, 0, 0, 0xef})).kind, GroupMessage::kMalformed) << "short";
  EXPECT_EQ(parse_message(igmp({0x99, 0, 0, 0, 0, 0, 0, 0})).kind, GroupMessage::kMalformed);
  EXPECT_EQ(parse_message(igmp(report, 0x0a000001, 0x0a000002)).kind, GroupMessage::kMalformed)
      << "to no group";
  const Bytes done = Bytes{131, 0, 0, 0, 0, 0, 0, 0} + kGroup6;
  EXPECT_EQ(parse_message(mld(done, kLinkLocal, 2)).kind, GroupMessage::kMalformed) << "hop limit";
  EXPECT_EQ(parse_message(mld(done, *Ipv6Address::parse("2001:db8::1"))).kind,
            GroupMessage::kMalformed);
  const Bytes query = Bytes{130, 0, 0, 0, 0, 0, 0, 0} + Bytes(16, 0);
  EXPECT_EQ(parse_message(mld(query, Ipv6Address())).kind, GroupMessage::kMalformed);
  EXPECT_EQ(parse_message(mld({131, 0, 0, 0, 0, 0, 0, 0, 0xff})).kind, GroupMessage::kMalformed);
  frame = mld(done);
  frame.back() ^= std::byte{1};
  EXPECT_EQ(parse_message(frame).kind, GroupMessage::kMalformed) << "checksum";
}

// At every length at which a frame may end: no wild read (the fuzzer looks for them too), nothing learned.
TEST(GroupMessage, AFrameCutAnywhereTeachesNothing) {
  for (const Frame& whole : {igmp(Bytes{0x22, 0, 0, 0, 0, 0, 0, 1} + record(4, kGroup4)),
                             mld(Bytes{143, 0, 0, 0, 0, 0, 0, 1} + record(4, kGroup6))}) {
    ASSERT_EQ(parse_message(whole).kind, GroupMessage::kReport);
    for (size_t length = 0; length < whole.size(); ++length) {
      Frame cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
      cut.shrink_to_fit();
      const GroupMessage::Kind kind = parse_message(cut).kind;
      EXPECT_TRUE(kind == GroupMessage::kNone || kind == GroupMessage::kMalformed) << length;
    }
  }
}

TEST(GroupMessage, OtherTrafficIsNone) {
  EXPECT_EQ(parse_message(igmp(Bytes(20, 0), 0x0a000001, 0xe0000016, 17)).kind,
            GroupMessage::kNone);
  EXPECT_EQ(parse_message(mld(Bytes{135, 0, 0, 0, 0, 0, 0, 0} + kGroup6)).kind,
            GroupMessage::kNone);
  EXPECT_EQ(parse_message(igmp({0x20, 0, 0, 0}, 0x0a000001, 0xe000000d, 103)).kind,
            GroupMessage::kRouter);
  EXPECT_EQ(parse_message(igmp({0x21, 0, 0, 0}, 0x0a000001, 0xe000000d, 103)).kind,
            GroupMessage::kNone);
}

}  // namespace
}  // namespace starocean::net
