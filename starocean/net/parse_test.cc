#include "starocean/net/parse.h"

#include <random>

#include <gtest/gtest.h>

#include "starocean/net/five_tuple.h"
#include "starocean/net/frame_for_test.h"
#include "starocean/net/icmp.h"

namespace starocean::net {
namespace {

TEST(Parse, TcpOverIpv4) {
  const Frame frame = tcp4_frame(5, from_hex("020405b4"));
  const ParsedPacket packet = parse(frame);
  EXPECT_EQ(packet.status, ParseStatus::kOk);
  EXPECT_EQ(packet.ethertype, kEtherTypeIpv4);
  EXPECT_EQ(packet.ip_version, 4);
  EXPECT_EQ(packet.protocol, kProtoTcp);
  EXPECT_EQ(packet.l3_offset, 14);
  EXPECT_EQ(packet.l4_offset, 34);
  EXPECT_EQ(packet.payload_offset, 58);
  EXPECT_EQ(packet.l3_length, 20u + 24u + 5u);
  EXPECT_EQ(packet.l4_length(), 24u + 5u);
  EXPECT_TRUE(packet.is_tcp());
  EXPECT_FALSE(packet.is_udp());
  EXPECT_FALSE(packet.ip_options);
  EXPECT_EQ(packet.src_port, 1111);
  EXPECT_EQ(packet.dst_port, 80);
  EXPECT_EQ(packet.tcp_flags, kTcpSyn | kTcpEce);
  EXPECT_EQ(*view<Ipv4Address>(frame, packet.src_address_offset()), kV4A);
  EXPECT_EQ(*view<Ipv4Address>(frame, packet.dst_address_offset()), kV4B);
  EXPECT_EQ(packet.pseudo_dst_offset, packet.dst_address_offset());
}

TEST(Parse, UdpOverIpv6) {
  const Frame frame = udp6_frame(9);
  const ParsedPacket packet = parse(frame);
  EXPECT_EQ(packet.status, ParseStatus::kOk);
  EXPECT_EQ(packet.ip_version, 6);
  EXPECT_TRUE(packet.is_udp());
  EXPECT_EQ(packet.l4_offset, 54);
  EXPECT_EQ(packet.payload_offset, 62);
  EXPECT_EQ(packet.l3_length, 40u + 8u + 9u);
  EXPECT_EQ(*view<Ipv6Address>(frame, packet.src_address_offset()), kV6A);
  EXPECT_EQ(*view<Ipv6Address>(frame, packet.dst_address_offset()), kV6B);
}

TEST(Parse, Tags) {
  const Frame tagged = with_tag(udp4_frame(0), {kEtherTypeVlan, 0x6123});
  ParsedPacket packet = parse(tagged);
  EXPECT_EQ(packet.status, ParseStatus::kOk);
  ASSERT_EQ(packet.vlan_count, 1);
  EXPECT_EQ(packet.vlan[0].id(), 0x123);
  EXPECT_EQ(packet.vlan[0].priority(), 3);
  EXPECT_FALSE(packet.vlan[0].drop_eligible());
  EXPECT_EQ(packet.l3_offset, 18);
  EXPECT_EQ(packet.ethertype, kEtherTypeIpv4);

  const Frame twice = with_tag(tagged, {kEtherTypeServiceVlan, 0x1fff});
  packet = parse(twice);
  EXPECT_EQ(packet.status, ParseStatus::kOk);
  ASSERT_EQ(packet.vlan_count, 2);
  EXPECT_EQ(packet.vlan[0], (VlanTag{kEtherTypeServiceVlan, 0x1fff}));
  EXPECT_TRUE(packet.vlan[0].drop_eligible());
  EXPECT_EQ(packet.vlan[1], (VlanTag{kEtherTypeVlan, 0x6123}));
  EXPECT_EQ(packet.l3_offset, 22);
  EXPECT_TRUE(packet.is_udp());

  packet = parse(with_tag(twice, {kEtherTypeServiceVlan, 7}));
  EXPECT_EQ(packet.status, ParseStatus::kUnknownEtherType);
  EXPECT_EQ(packet.vlan_count, 2);
  EXPECT_EQ(packet.ethertype, kEtherTypeVlan);
  EXPECT_EQ(packet.l3_offset, 22);
}

TEST(Parse, ArpAndWhatIsNone) {
  BuiltPacket packet;
  ASSERT_TRUE(
      build_arp(packet.buffer(), {.sender_mac = kMacA, .sender_ip = kV4A, .target_ip = kV4B}));
  Frame frame = packet.frame();
  EXPECT_EQ(parse(frame).status, ParseStatus::kOk);
  EXPECT_EQ(parse(frame).ip_version, 0);
  EXPECT_EQ(parse(frame).l3_length, 28u);
  mutable_view<ArpHeader>(frame, 14)->hardware_size = 8;
  EXPECT_EQ(parse(frame).status, ParseStatus::kBadArp);
}

TEST(Parse, WhatIsNotKnown) {
  EXPECT_EQ(parse(ethernet(0x88cc, Frame(46))).status, ParseStatus::kUnknownEtherType);
  const ParsedPacket llc = parse(ethernet(0x0026, Frame(46)));
  EXPECT_EQ(llc.status, ParseStatus::kUnknownEtherType);
  EXPECT_EQ(llc.ethertype, 0x26);
  Frame gre = udp4_frame(4);
  gre[23] = std::byte{47};
  const ParsedPacket packet = parse(gre);
  EXPECT_EQ(packet.status, ParseStatus::kUnknownProtocol);
  EXPECT_EQ(packet.protocol, 47);
  EXPECT_EQ(packet.l4_offset, 34);
  EXPECT_FALSE(packet.has_ports);
}

// The bytes after the IP length are padding, and never a header.
TEST(Parse, PaddingIsNotRead) {
  Frame frame = udp4_frame(0);
  frame.resize(60);
  ParsedPacket packet = parse(frame);
  EXPECT_EQ(packet.status, ParseStatus::kOk);
  EXPECT_EQ(packet.l4_length(), 8u);
  EXPECT_EQ(packet.frame_length, 60u);
  mutable_view<Ipv4Header>(frame, 14)->total_length = be16(27);
  packet = parse(frame);
  EXPECT_EQ(packet.status, ParseStatus::kTruncatedTransport);
  EXPECT_FALSE(packet.has_ports);
}

TEST(Parse, WrongIpHeaders) {
  Frame frame = udp4_frame(20);
  auto& ip = *mutable_view<Ipv4Header>(frame, 14);
  const Ipv4Header good = ip;
  ip.version_ihl = 0x44;
  EXPECT_EQ(parse(frame).status, ParseStatus::kBadIpHeader);
  ip.version_ihl = 0x65;
  EXPECT_EQ(parse(frame).status, ParseStatus::kBadIpHeader);
  ip = good;
  ip.total_length = be16(19);
  EXPECT_EQ(parse(frame).status, ParseStatus::kBadIpLength);
  EXPECT_EQ(parse(frame).l4_offset, 0);
  ip.total_length = be16(49);
  const ParsedPacket packet = parse(frame);
  EXPECT_EQ(packet.status, ParseStatus::kBadIpLength);
  EXPECT_EQ(packet.dst_port, 2222) << "what is there is read all the same";
  ip.total_length = good.total_length;
  ip.version_ihl = 0x4f;
  EXPECT_EQ(parse(frame).status, ParseStatus::kTruncatedIpv4);

  Frame six = udp6_frame(20);
  six[14] = std::byte{0x45};
  EXPECT_EQ(parse(six).status, ParseStatus::kBadIpHeader);
  six[14] = std::byte{0x60};
  mutable_view<Ipv6Header>(six, 14)->payload_length = be16(29);
  EXPECT_EQ(parse(six).status, ParseStatus::kBadIpLength);
}

TEST(Parse, WrongTransportLengths) {
  Frame tcp = tcp4_frame(0);
  mutable_view<TcpHeader>(tcp, 34)->data_offset_reserved = 0x40;
  EXPECT_EQ(parse(tcp).status, ParseStatus::kBadTransport);
  EXPECT_EQ(parse(tcp).src_port, 1111);
  EXPECT_EQ(parse(tcp).payload_offset, 0);
  mutable_view<TcpHeader>(tcp, 34)->data_offset_reserved = 0x60;
  EXPECT_EQ(parse(tcp).status, ParseStatus::kTruncatedTransport);
  Frame udp = udp4_frame(4);
  auto& length = mutable_view<UdpHeader>(udp, 34)->length;
  length = be16(7);
  EXPECT_EQ(parse(udp).status, ParseStatus::kBadTransport);
  length = be16(13);
  EXPECT_EQ(parse(udp).status, ParseStatus::kBadTransport);
  length = be16(8);  // shorter than IP says is allowed
  EXPECT_EQ(parse(udp).status, ParseStatus::kOk);
}

TEST(Parse, Ipv4Fragments) {
  Frame frame = udp4_frame(64);
  auto& ip = *mutable_view<Ipv4Header>(frame, 14);
  mutable_view<UdpHeader>(frame, 34)->length = be16(1000);  // of the whole datagram
  ip.flags_offset = be16(kIpv4MoreFragments);
  ParsedPacket packet = parse(frame);
  EXPECT_EQ(packet.status, ParseStatus::kOk);
  EXPECT_EQ(packet.fragment, Fragment::kFirst);
  EXPECT_EQ(packet.dst_port, 2222);
  ip.flags_offset = be16(kIpv4MoreFragments | 185);
  packet = parse(frame);
  EXPECT_EQ(packet.status, ParseStatus::kOk);
  EXPECT_EQ(packet.fragment, Fragment::kLater);
  EXPECT_EQ(packet.fragment_offset, 1480);
  EXPECT_FALSE(packet.has_ports);
  EXPECT_FALSE(packet.is_udp());
  EXPECT_EQ(packet.protocol, kProtoUdp);
  EXPECT_EQ(packet.l4_offset, 34);
  ip.flags_offset = be16(0x1fff);
  EXPECT_EQ(parse(frame).fragment_offset, 65528);
  ip.flags_offset = be16(kIpv4DontFragment);
  EXPECT_EQ(parse(frame).fragment, Fragment::kNone);
}

// Hop-by-hop, destination options, routing (all segments visited), fragment, AH, then UDP.
TEST(Parse, Ipv6ExtensionHeaders) {
  const Frame udp = from_hex("0457 08ae 0008 0000");
  const Frame hop = from_hex("3c 00 01 04 00000000");
  const Frame destination = from_hex("2b 01 01 0c 000000000000000000000000");
  const Frame routing = from_hex("2c 02 04 00 00000000 20010db8000000000000000000000001");
  const Frame fragment = from_hex("33 00 0000 12345678");
  const Frame authentication = from_hex("11 04 0000 00000001 00000001 000000000000000000000000");
  const Frame frame =
      ipv6_frame(0, join({hop, destination, routing, fragment, authentication, udp}));
  const ParsedPacket packet = parse(frame);
  EXPECT_EQ(packet.status, ParseStatus::kOk);
  EXPECT_TRUE(packet.ip_options);
  EXPECT_EQ(packet.protocol, kProtoUdp);
  EXPECT_EQ(packet.l4_offset, 54 + 8 + 16 + 24 + 8 + 24);
  EXPECT_EQ(packet.src_port, 1111);
  EXPECT_EQ(packet.fragment, Fragment::kNone) << "an atomic fragment is whole";
  EXPECT_EQ(packet.pseudo_dst_offset, packet.dst_address_offset());

  const Frame misplaced = ipv6_frame(60, join({from_hex("00 00 01 04 00000000"), hop, udp}));
  EXPECT_EQ(parse(misplaced).status, ParseStatus::kUnknownProtocol);
  EXPECT_EQ(parse(misplaced).protocol, kProtoHopByHop);
  const Frame nothing = ipv6_frame(59, Frame(3));
  EXPECT_EQ(parse(nothing).status, ParseStatus::kOk);
  EXPECT_EQ(parse(ipv6_frame(kProtoEsp, Frame(16))).status, ParseStatus::kUnknownProtocol);
  EXPECT_EQ(parse(ipv6_frame(kProtoEsp, Frame(16))).protocol, kProtoEsp);
}

TEST(Parse, Ipv6Fragments) {
  const Frame udp = from_hex("0457 08ae 0400 0000 aabbccdd");
  ParsedPacket packet = parse(ipv6_frame(44, join({from_hex("11 00 0001 12345678"), udp})));
  EXPECT_EQ(packet.status, ParseStatus::kOk);
  EXPECT_EQ(packet.fragment, Fragment::kFirst);
  EXPECT_EQ(packet.src_port, 1111);
  packet = parse(ipv6_frame(44, join({from_hex("3c 00 05a9 12345678"), udp})));
  EXPECT_EQ(packet.status, ParseStatus::kOk);
  EXPECT_EQ(packet.fragment, Fragment::kLater);
  EXPECT_EQ(packet.fragment_offset, 0x5a8);
  EXPECT_EQ(packet.protocol, 60) << "what the header names is not read in a later fragment";
  EXPECT_EQ(packet.l4_offset, 62);
  EXPECT_FALSE(packet.has_ports);
}

TEST(Parse, FinalDestinationOfARoutingHeader) {
  const Frame udp = from_hex("0457 08ae 0008 0000");
  const Frame two = Frame(32);
  // Segment routing: the list is in reverse order. Type 0: the last address.
  const Frame segments = ipv6_frame(43, join({from_hex("11 04 04 01 01000000"), two, udp}));
  EXPECT_EQ(parse(segments).pseudo_dst_offset, 54 + 8);
  const Frame type0 = ipv6_frame(43, join({from_hex("11 04 00 01 00000000"), two, udp}));
  EXPECT_EQ(parse(type0).pseudo_dst_offset, 54 + 8 + 16);
  const Frame unknown = ipv6_frame(43, join({from_hex("11 04 03 01 00000000"), two, udp}));
  EXPECT_EQ(parse(unknown).pseudo_dst_offset, 0);
  const Frame empty = ipv6_frame(43, join({from_hex("11 00 04 01 00000000"), udp}));
  EXPECT_EQ(parse(empty).pseudo_dst_offset, 0);
  EXPECT_EQ(parse(empty).src_port, 1111);
}

TEST(Parse, EndlessExtensionHeaders) {
  Frame chain;
  for (int i = 0; i < 200; ++i) chain = join({chain, from_hex("3c 00 01 04 00000000")});
  EXPECT_EQ(parse(ipv6_frame(60, chain)).status, ParseStatus::kTooManyExtensions);
}

TEST(Parse, Icmp) {
  BuiltPacket echo(10);
  ASSERT_TRUE(push_icmp_echo(echo.buffer(), {}));
  ASSERT_TRUE(push_ipv4(echo.buffer(), {.src = kV4A, .dst = kV4B, .protocol = kProtoIcmp}));
  ASSERT_TRUE(push_ethernet(echo.buffer(), {kMacB, kMacA, kEtherTypeIpv4}));
  ParsedPacket packet = parse(echo.frame());
  EXPECT_EQ(packet.status, ParseStatus::kOk);
  EXPECT_EQ(packet.icmp_type, 8);
  EXPECT_EQ(packet.payload_offset, 42);
  packet = parse(ipv6_frame(kProtoIcmpv6, from_hex("8f 01 0000")));
  EXPECT_EQ(packet.status, ParseStatus::kOk);
  EXPECT_EQ(packet.icmp_type, 143);
  EXPECT_EQ(packet.icmp_code, 1);
  // ICMP over IPv6, and ICMPv6 over IPv4, are not.
  EXPECT_EQ(parse(ipv6_frame(kProtoIcmp, Frame(8))).status, ParseStatus::kUnknownProtocol);
  Frame wrong = echo.frame();
  wrong[23] = std::byte{kProtoIcmpv6};
  EXPECT_EQ(parse(wrong).status, ParseStatus::kUnknownProtocol);
}

TEST(Parse, AFrameInPieces) {
  const Frame frame = tcp4_frame(3000);
  const ParsedPacket whole = parse(frame);
  const ParsedPacket piece = parse(ConstBytes(frame).first(100), frame.size());
  EXPECT_EQ(piece.status, ParseStatus::kOk);
  EXPECT_EQ(piece.l3_length, whole.l3_length);
  EXPECT_EQ(piece.payload_offset, whole.payload_offset);
  EXPECT_EQ(parse(ConstBytes(frame).first(100), frame.size() - 1).status,
            ParseStatus::kBadIpLength);
}

TEST(Parse, EveryStatusHasAName) {
  for (int i = 0; i < static_cast<int>(ParseStatus::kCount); ++i) {
    EXPECT_STRNE(to_string(static_cast<ParseStatus>(i)), "unknown status") << i;
  }
  EXPECT_FALSE(is_malformed(ParseStatus::kUnknownProtocol));
  EXPECT_TRUE(is_malformed(ParseStatus::kTruncatedEthernet));
}

std::vector<Frame> one_of_each() {
  BuiltPacket arp;
  EXPECT_TRUE(build_arp(arp.buffer(), {.sender_mac = kMacA, .sender_ip = kV4A, .target_ip = kV4B}));
  const Frame extensions =
      ipv6_frame(0, join({from_hex("2b 00 01 04 00000000"),
                          from_hex("2c 02 04 00 00000000 20010db8000000000000000000000001"),
                          from_hex("11 00 0000 12345678"), from_hex("0457 08ae 0008 0000")}));
  return {arp.frame(),
          tcp4_frame(4, from_hex("020405b4")),
          udp4_frame(4),
          tcp6_frame(4),
          udp6_frame(0),
          extensions,
          ipv6_frame(kProtoIcmpv6, from_hex("80 00 0000 0001 0001")),
          with_tag(with_tag(tcp4_frame(0), {kEtherTypeVlan, 1}), {kEtherTypeServiceVlan, 2})};
}

// Cut anywhere, a frame is never taken for a good one, nothing outside it is read (each is a heap
// block of its own for AddressSanitizer), and no offset leads out of it.
TEST(Parse, CutAtEveryLength) {
  for (const Frame& whole : one_of_each()) {
    ASSERT_EQ(parse(whole).status, ParseStatus::kOk);
    for (size_t length = 0; length < whole.size(); ++length) {
      const Frame cut(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(length));
      const ParsedPacket packet = parse(cut);
      EXPECT_TRUE(is_malformed(packet.status)) << length << " " << to_string(packet.status);
      EXPECT_LE(packet.l3_offset, length);
      EXPECT_LE(packet.l4_offset, length);
      EXPECT_LE(packet.payload_offset, length);
      if (length < 14) {
        EXPECT_EQ(packet.status, ParseStatus::kTruncatedEthernet);
      }
    }
  }
}

// The fast path and the full parser say the same of every frame, whole, cut, or with bytes changed.
TEST(FiveTuple, AgreesWithTheParser) {
  std::mt19937 random(9);
  const auto frames = one_of_each();
  for (int round = 0; round < 100000; ++round) {
    Frame frame = frames[random() % frames.size()];
    for (auto changes = random() % 3; changes > 0; --changes) {
      frame[12 + random() % (frame.size() - 12)] = static_cast<std::byte>(random());
    }
    if (random() % 8 == 0) frame.resize(random() % frame.size());
    FiveTuple fast;
    FiveTuple full;
    const bool fast_made = parse_five_tuple(frame, fast);
    const bool full_made = five_tuple(frame, parse(frame), full);
    ASSERT_EQ(fast_made, full_made);
    if (full_made) {
      ASSERT_EQ(fast, full);
    }
  }
}

TEST(FiveTuple, HoldsWhatTheFrameSays) {
  FiveTuple tuple;
  ASSERT_TRUE(parse_five_tuple(tcp4_frame(0), tuple));
  EXPECT_EQ(tuple.src, Ipv6Address::mapped(kV4A));
  EXPECT_EQ(tuple.dst, Ipv6Address::mapped(kV4B));
  EXPECT_EQ(tuple.src_port, be16(1111));
  EXPECT_EQ(tuple.dst_port, be16(80));
  EXPECT_EQ(tuple.protocol, kProtoTcp);
  EXPECT_EQ(tuple.ip_version, 4);
  EXPECT_EQ(tuple.reversed().src_port, be16(80));
  EXPECT_NE(tuple, tuple.reversed());
  EXPECT_EQ(tuple, tuple.reversed().reversed());
  ASSERT_TRUE(parse_five_tuple(udp6_frame(0), tuple));
  EXPECT_EQ(tuple.src, kV6A);
  EXPECT_EQ(tuple.ip_version, 6);
  EXPECT_EQ(tuple.dst_port, be16(2222));
  EXPECT_FALSE(parse_five_tuple(ethernet(0x88cc, Frame(46)), tuple));
}

TEST(FiveTuple, FragmentsOfADatagramShareOne) {
  Frame first = udp4_frame(64);
  mutable_view<Ipv4Header>(first, 14)->flags_offset = be16(kIpv4MoreFragments);
  Frame later = udp4_frame(64);
  mutable_view<Ipv4Header>(later, 14)->flags_offset = be16(8);
  FiveTuple a;
  FiveTuple b;
  ASSERT_TRUE(parse_five_tuple(first, a));
  ASSERT_TRUE(parse_five_tuple(later, b));
  EXPECT_EQ(a, b);
  EXPECT_EQ(a.src_port, be16(0));
  EXPECT_EQ(a.protocol, kProtoUdp);
}

}  // namespace
}  // namespace starocean::net
