#include "starocean/net/finish_checksum.h"

#include <functional>
#include <random>

#include <gtest/gtest.h>

#include "starocean/net/checksum.h"
#include "starocean/net/frame_for_test.h"

namespace starocean::net {
namespace {

be16& checksum_field(Frame& frame) {
  const ParsedPacket packet = parse(frame);
  return packet.is_tcp() ? mutable_view<TcpHeader>(frame, packet.l4_offset)->checksum
                         : mutable_view<UdpHeader>(frame, packet.l4_offset)->checksum;
}

// What Linux leaves in the field: the pseudo-header's sum.
Frame unfinished(Frame frame) {
  const ParsedPacket packet = parse(frame);
  const auto sum = [&](const auto& ip) {
    return pseudo_header(ip.src, ip.dst, packet.protocol, packet.l4_length()).sum();
  };
  checksum_field(frame) = packet.ip_version == 4 ? sum(*view<Ipv4Header>(frame, packet.l3_offset))
                                                 : sum(*view<Ipv6Header>(frame, packet.l3_offset));
  return frame;
}

TEST(FinishChecksum, MakesTheOneThatTheBuilderMakes) {
  for (size_t payload : {0u, 1u, 2u, 3u, 63u, 64u, 1447u, 1448u, 8000u}) {
    for (const auto& build : std::initializer_list<std::function<Frame(size_t)>>{
             [](size_t size) { return tcp4_frame(size); }, udp4_frame, tcp6_frame, udp6_frame}) {
      const Frame good = build(payload);
      Frame frame = unfinished(good);
      ASSERT_NE(frame, good);
      EXPECT_TRUE(finish_transport_checksum(frame, parse(frame)));
      EXPECT_EQ(frame, good) << payload;
      EXPECT_FALSE(finish_transport_checksum(frame, parse(frame)));
      EXPECT_EQ(frame, good);
    }
  }
}

TEST(FinishChecksum, OfAFrameInPiecesOfAnyLength) {
  std::mt19937 random(10);
  for (int round = 0; round < 500; ++round) {
    const Frame good = tcp4_frame(random() % 9000);
    Frame frame = unfinished(good);
    frame.resize(frame.size() + random() % 20);  // padding does not count
    std::vector<MutableBytes> pieces;
    MutableBytes rest(frame);
    size_t length = 54 + random() % 100;
    while (!rest.empty()) {
      length = std::min(length, rest.size());
      pieces.push_back(rest.first(length));
      rest = rest.subspan(length);
      length = random() % 2100;
    }
    ASSERT_TRUE(finish_transport_checksum(pieces, parse(pieces[0], frame.size())));
    frame.resize(good.size());
    ASSERT_EQ(frame, good);
  }
}

TEST(FinishChecksum, LeavesEverythingElseAlone) {
  const auto untouched = [](Frame frame) {
    const Frame before = frame;
    EXPECT_FALSE(finish_transport_checksum(frame, parse(frame)));
    EXPECT_EQ(frame, before);
  };
  Frame wrong = udp4_frame(8);
  checksum_field(wrong) = be16(static_cast<uint16_t>(checksum_field(wrong).host() + 1));
  untouched(wrong);
  Frame none = udp4_frame(8);
  checksum_field(none) = be16(0);
  untouched(none);
  Frame fragment = unfinished(udp4_frame(8));
  mutable_view<Ipv4Header>(fragment, 14)->flags_offset = be16(kIpv4MoreFragments);
  untouched(fragment);
  mutable_view<Ipv4Header>(fragment, 14)->flags_offset = be16(5);
  untouched(fragment);
  Frame cut = unfinished(udp4_frame(8));
  cut.resize(cut.size() - 1);
  untouched(cut);
  untouched(ethernet(0x88cc, Frame(46)));
  untouched(ipv6_frame(kProtoIcmpv6, from_hex("80 00 0000 0001 0001")));
}

TEST(FinishChecksum, LostPiecesAreNoticed) {
  Frame frame = unfinished(tcp4_frame(3000));
  const ParsedPacket packet = parse(frame);
  const MutableBytes first = MutableBytes(frame).first(1000);
  EXPECT_FALSE(finish_transport_checksum(first, packet));
  EXPECT_FALSE(finish_transport_checksum(MutableBytes(frame).first(40), packet));
  EXPECT_FALSE(finish_transport_checksum(std::span<const MutableBytes>(), packet));
}

// UDP only: a checksum that comes out as 0 is sent as ffff.
TEST(FinishChecksum, ZeroBecomesAllOnesInUdp) {
  Frame frame = udp4_frame(2);
  // With a zero payload, the checksum itself is the payload that makes the checksum zero.
  *mutable_view<be16>(frame, 42) = be16(0);
  Frame zero_payload = unfinished(frame);
  ASSERT_TRUE(finish_transport_checksum(zero_payload, parse(zero_payload)));
  *mutable_view<be16>(frame, 42) = checksum_field(zero_payload);
  frame = unfinished(frame);
  ASSERT_TRUE(finish_transport_checksum(frame, parse(frame)));
  EXPECT_EQ(checksum_field(frame), be16(0xffff));
}

TEST(FinishChecksum, UsesTheFinalDestination) {
  const Ipv6Address last = *Ipv6Address::parse("2001:db8::ff");
  Frame udp = from_hex("0457 08ae 000c 0000 01020304");
  const be16 sum = pseudo_header(kV6A, last, kProtoUdp, 12).sum();
  auto builder = pseudo_header(kV6A, last, kProtoUdp, 12);
  builder.add(udp);
  const be16 expected = builder.checksum();
  mutable_view<UdpHeader>(udp)->checksum = sum;
  Frame address(16);
  *mutable_view<Ipv6Address>(address) = last;
  Frame frame = ipv6_frame(43, join({from_hex("11 02 04 01 00000000"), address, udp}));
  ASSERT_TRUE(finish_transport_checksum(frame, parse(frame)));
  EXPECT_EQ(checksum_field(frame), expected);
}

Frame in_vxlan(const Frame& inner, bool outer_checksum) {
  BuiltPacket packet(inner.size());
  std::copy(inner.begin(), inner.end(), packet.buffer().bytes().begin());
  const UdpFields udp{50000, kVxlanPort, outer_checksum};
  EXPECT_TRUE(push_vxlan(packet.buffer(), 100));
  EXPECT_TRUE(push_udp(packet.buffer(), udp, kV4A, kV4B));
  EXPECT_TRUE(push_ipv4(packet.buffer(), {.src = kV4A, .dst = kV4B, .protocol = kProtoUdp}));
  EXPECT_TRUE(push_ethernet(packet.buffer(), {kMacB, kMacA, kEtherTypeIpv4}));
  return packet.frame();
}

TEST(FinishChecksum, InsideVxlan) {
  for (const Frame& inner : {tcp4_frame(333), udp6_frame(10)}) {
    for (const bool outer_checksum : {false, true}) {
      const Frame good = in_vxlan(inner, outer_checksum);
      Frame frame = good;
      const Frame inner_unfinished = unfinished(inner);
      std::copy(inner_unfinished.begin(), inner_unfinished.end(), frame.begin() + 50);
      // The outer one: none, already right for the finished inner packet, or unfinished too.
      Frame both = unfinished(frame);
      EXPECT_TRUE(finish_transport_checksum(frame, parse(frame)));
      EXPECT_EQ(frame, good);
      EXPECT_FALSE(finish_transport_checksum(frame, parse(frame)));
      EXPECT_TRUE(finish_transport_checksum(both, parse(both)));
      EXPECT_EQ(both, in_vxlan(inner, true));
    }
  }
}

TEST(FinishChecksum, InsideVxlanInPieces) {
  const Frame good = in_vxlan(tcp4_frame(3001), false);
  Frame frame = good;
  const Frame inner = unfinished(tcp4_frame(3001));
  std::copy(inner.begin(), inner.end(), frame.begin() + 50);
  const MutableBytes all(frame);
  const MutableBytes pieces[] = {all.first(133), all.subspan(133, 1501), all.subspan(1634)};
  EXPECT_TRUE(finish_transport_checksum(pieces, parse(pieces[0], frame.size())));
  EXPECT_EQ(frame, good);
}

TEST(FinishChecksum, VxlanCutAnywhereIsSafe) {
  const Frame inner = unfinished(tcp4_frame(20));
  const Frame whole = in_vxlan(inner, false);
  for (size_t length = 0; length < whole.size(); ++length) {
    Frame cut(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(length));
    EXPECT_FALSE(finish_transport_checksum(cut, parse(cut)));
    // The headers of the outer packet agree with its length, those of the inner one do not.
    if (length < 50) continue;
    mutable_view<Ipv4Header>(cut, 14)->total_length = be16(static_cast<uint16_t>(length - 14));
    mutable_view<UdpHeader>(cut, 34)->length = be16(static_cast<uint16_t>(length - 34));
    EXPECT_FALSE(finish_transport_checksum(cut, parse(cut)));
  }
}

}  // namespace
}  // namespace starocean::net
