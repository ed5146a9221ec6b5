#include "starocean/net/icmp_error.h"

#include <algorithm>
#include <array>

#include <gtest/gtest.h>

#include "starocean/net/checksum.h"
#include "starocean/net/frame_for_test.h"
#include "starocean/net/icmp.h"

namespace starocean::net {
namespace {

constexpr Ipv4Address kRouter4(0xc0000201 + 99);
constexpr Ipv6Address kRouter6({0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x63});
constexpr IcmpErrorFields kTimeExceeded4{kIcmpTimeExceeded, 0, 0};
constexpr IcmpErrorFields kTimeExceeded6{kIcmpv6TimeExceeded, 0, 0};
constexpr IcmpErrorFields kTooBig6{kIcmpv6PacketTooBig, 0, 1280};

// UDP over IP, without Ethernet.
Frame udp4(size_t payload, uint8_t tos = 0) {
  BuiltPacket built(payload);
  EXPECT_TRUE(push_udp(built.buffer(), {.src_port = 1000, .dst_port = 2000}, kV4A, kV4B));
  EXPECT_TRUE(push_ipv4(
      built.buffer(),
      {.src = kV4A, .dst = kV4B, .protocol = kProtoUdp, .ttl = 1, .dscp_ecn = tos, .id = 77}));
  return built.frame();
}

Frame udp6(size_t payload) {
  BuiltPacket built(payload);
  EXPECT_TRUE(push_udp(built.buffer(), {.src_port = 1000, .dst_port = 2000}, kV6A, kV6B));
  EXPECT_TRUE(push_ipv6(built.buffer(), {.src = kV6A, .dst = kV6B, .next_header = kProtoUdp}));
  return built.frame();
}

// The packet with `room` before it, and what became of it.
struct Made {
  Made(const Frame& packet, size_t room)
      : bytes(room + packet.size()), buffer(bytes, room, packet.size()) {
    std::copy(packet.begin(), packet.end(), bytes.begin() + static_cast<std::ptrdiff_t>(room));
  }
  Frame packet() { return {buffer.bytes().begin(), buffer.bytes().end()}; }
  std::vector<std::byte> bytes;
  PacketBuffer buffer;
};

TEST(IcmpError, QuotesThePacketAndGoesBackToItsSender) {
  const Frame about = udp4(30, 0xb9);
  Made made(about, 28);
  ASSERT_TRUE(make_icmp_error(made.buffer, kTimeExceeded4, kRouter4, 4711));
  const Frame error = made.packet();
  ASSERT_EQ(error.size(), 28 + about.size());
  const auto& ip = *view<Ipv4Header>(error);
  EXPECT_TRUE(ipv4_checksum_ok(ipv4_header_bytes(error)));
  EXPECT_EQ(ip.src, kRouter4);
  EXPECT_EQ(ip.dst, kV4A);
  EXPECT_EQ(ip.ttl, 64);
  EXPECT_EQ(ip.dscp_ecn, 0xb9 % 32 / 2 * 2 + 0xc0);
  EXPECT_EQ(ip.id, be16(4711));
  EXPECT_FALSE(ip.dont_fragment());
  const auto& icmp = *view<IcmpError>(error, 20);
  EXPECT_EQ(icmp.type, kIcmpTimeExceeded);
  EXPECT_EQ(icmp.code, 0);
  EXPECT_EQ(icmp.info, be32(0));
  EXPECT_EQ(compute_checksum(ConstBytes(error).subspan(20)), be16(0));
  EXPECT_TRUE(std::equal(about.begin(), about.end(), error.begin() + 28));
}

// Headers by hand, checksums from a program of its own.
TEST(IcmpError, ByteByByte) {
  const Ipv4Address router(0xcb007109);
  const Frame about =
      from_hex("45b9 0020 004d 0000 0111 cc90 c000 0201 c633 6402 03e8 07d0 000c 0000 dead beef");
  Made expired(about, 28);
  ASSERT_TRUE(make_icmp_error(expired.buffer, kTimeExceeded4, router, 0x1267));
  const Frame headers =
      from_hex("45d8 003c 1267 0000 4001 6977 cb00 7109 c000 0201 0b00 4b9e 0000 0000");
  EXPECT_EQ(expired.packet(), join({headers, about}));
  Made too_long(about, 28);
  ASSERT_TRUE(make_icmp_error(too_long.buffer, {3, 4, 1300}, router, 1));
  const Frame with_mtu =
      from_hex("45d8 003c 0001 0000 4001 7bdd cb00 7109 c000 0201 0304 4e86 0000 0514");
  EXPECT_EQ(too_long.packet(), join({with_mtu, about}));
}

TEST(Icmpv6Error, ByteByByte) {
  const Frame about = from_hex(
      "6000 0000 000c 1101 2001 0db8 0000 0000 0000 0000 0000 000a"
      "2001 0db8 0000 0000 0000 0000 0000 000b 03e8 07d0 000c 0000 dead beef");
  const Frame addresses =
      from_hex("2001 0db8 0000 0000 0000 0000 0000 0063 2001 0db8 0000 0000 0000 0000 0000 000a");
  const Frame ip = join({from_hex("6000 0000 003c 3a40"), addresses});
  Made expired(about, 48);
  ASSERT_TRUE(make_icmpv6_error(expired.buffer, kTimeExceeded6, kRouter6));
  EXPECT_EQ(expired.packet(), join({ip, from_hex("0300 2ab4 0000 0000"), about}));
  Made too_big(about, 48);
  ASSERT_TRUE(make_icmpv6_error(too_big.buffer, {2, 0, 1400}, kRouter6));
  EXPECT_EQ(too_big.packet(), join({ip, from_hex("0200 263c 0000 0578"), about}));
}

// net/ipv4/icmp.c: RT_TOS() keeps four bits, one of them of ECN.
TEST(IcmpError, TypeOfServiceAsLinuxMakesIt) {
  for (int tos = 0; tos < 256; ++tos) {
    Made made(udp4(3, static_cast<uint8_t>(tos)), 28);
    ASSERT_TRUE(make_icmp_error(made.buffer, kTimeExceeded4, kRouter4, 1));
    EXPECT_EQ(std::to_integer<int>(made.packet()[1]),
              0xc0 + (tos & 16) + (tos & 8) + (tos & 4) + (tos & 2));
  }
}

// Quotes of odd length too. A whole IP header is the least there is to quote.
TEST(IcmpError, ChecksumsAreRightForEveryLength) {
  for (size_t payload = 0; payload < 560; ++payload) {
    Made made(udp4(payload), 28);
    ASSERT_TRUE(make_icmp_error(made.buffer, kTimeExceeded4, kRouter4, 1));
    const Frame error = made.packet();
    ASSERT_EQ(error.size(), std::min<size_t>(28 + 28 + payload, 576));
    ASSERT_EQ(slow_checksum(ConstBytes(error).first(20)), 0) << payload;
    ASSERT_EQ(slow_checksum(ConstBytes(error).subspan(20)), 0) << payload;
    Made six(udp6(payload), 48);
    ASSERT_TRUE(make_icmpv6_error(six.buffer, kTimeExceeded6, kRouter6));
    const Frame error6 = six.packet();
    ASSERT_EQ(error6.size(), 48 + 48 + payload);
    const auto length = static_cast<uint16_t>(error6.size() - 40);
    Frame pseudo(error6.begin() + 8, error6.begin() + 40);
    for (const uint32_t byte : {0u, 0u, uint32_t{length} >> 8, length & 0xffu, 0u, 0u, 0u, 58u}) {
      pseudo.push_back(static_cast<std::byte>(byte));
    }
    const Frame message(error6.begin() + 40, error6.end());
    ASSERT_EQ(slow_checksum(join({pseudo, message})), 0) << payload;
  }
  Made cut(Frame(19, std::byte{0x45}), 28);
  EXPECT_FALSE(make_icmp_error(cut.buffer, kTimeExceeded4, kRouter4, 1));
  EXPECT_EQ(cut.packet(), Frame(19, std::byte{0x45}));
  Made cut6(Frame(39, std::byte{0x60}), 48);
  EXPECT_FALSE(make_icmpv6_error(cut6.buffer, kTimeExceeded6, kRouter6));
  EXPECT_EQ(cut6.packet(), Frame(39, std::byte{0x60}));
}

TEST(IcmpError, IsAtMost576BytesLongAndSaysTheMtu) {
  for (const size_t payload : {519u, 520u, 521u, 1400u}) {
    const Frame about = udp4(payload);
    Made made(about, 100);
    const IcmpErrorFields fields{kIcmpDestinationUnreachable, kIcmpFragmentationNeeded, 1300};
    ASSERT_TRUE(make_icmp_error(made.buffer, fields, kRouter4, 1));
    const Frame error = made.packet();
    EXPECT_EQ(error.size(), std::min<size_t>(28 + about.size(), 576));
    EXPECT_EQ(view<Ipv4Header>(error)->total_length.host(), error.size());
    EXPECT_EQ(compute_checksum(ConstBytes(error).subspan(20)), be16(0));
    EXPECT_EQ(view<IcmpError>(error, 20)->info, be32(1300));
    EXPECT_TRUE(std::equal(error.begin() + 28, error.end(), about.begin()));
  }
}

TEST(Icmpv6Error, QuotesAtMost1280BytesInAll) {
  for (const size_t payload : {0u, 1183u, 1184u, 1185u, 9000u}) {
    const Frame about = udp6(payload);
    Made made(about, 48);
    ASSERT_TRUE(make_icmpv6_error(made.buffer, {kIcmpv6PacketTooBig, 0, 1400}, kRouter6));
    const Frame error = made.packet();
    ASSERT_EQ(error.size(), std::min<size_t>(48 + about.size(), 1280));
    const auto& ip = *view<Ipv6Header>(error);
    EXPECT_EQ(ip.src, kRouter6);
    EXPECT_EQ(ip.dst, kV6A);
    EXPECT_EQ(ip.hop_limit, 64);
    EXPECT_EQ(ip.traffic_class(), 0);
    EXPECT_EQ(ip.payload_length.host(), error.size() - 40);
    ChecksumBuilder sum =
        pseudo_header(ip.src, ip.dst, kProtoIcmpv6, static_cast<uint32_t>(error.size() - 40));
    sum.add(ConstBytes(error).subspan(40));
    EXPECT_EQ(sum.checksum(), be16(0));
    EXPECT_EQ(view<IcmpError>(error, 40)->info, be32(1400));
    EXPECT_TRUE(std::equal(error.begin() + 48, error.end(), about.begin()));
  }
}

TEST(IcmpError, WithoutRoomNothingChanges) {
  const Frame about4 = udp4(8), about6 = udp6(8);
  Made four(about4, 27), six(about6, 47);
  EXPECT_FALSE(make_icmp_error(four.buffer, kTimeExceeded4, kRouter4, 1));
  EXPECT_FALSE(make_icmpv6_error(six.buffer, kTimeExceeded6, kRouter6));
  EXPECT_EQ(four.packet(), about4);
  EXPECT_EQ(six.packet(), about6);
}

// ---- About what there is none ----

bool may(const Frame& ip_packet, const IcmpErrorFields& fields) {
  const bool is_v4 = std::to_integer<uint8_t>(ip_packet[0]) >> 4 == 4;
  BuiltPacket built;
  std::byte* at = built.buffer().append(ip_packet.size());
  std::copy(ip_packet.begin(), ip_packet.end(), at);
  EXPECT_TRUE(
      push_ethernet(built.buffer(), {kMacA, kMacB, is_v4 ? kEtherTypeIpv4 : kEtherTypeIpv6}));
  const Frame frame = built.frame();
  return may_cause_icmp_error(frame, parse(frame), fields);
}

Frame edited4(void (*edit)(Ipv4Header&)) {
  Frame frame = udp4(30);
  edit(*mutable_view<Ipv4Header>(frame));
  return frame;
}

TEST(IcmpError, NeverAboutOthersThanOneStationsFirstFragmentToOneStation) {
  EXPECT_TRUE(may(udp4(30), kTimeExceeded4));
  EXPECT_TRUE(may(edited4([](Ipv4Header& ip) { ip.flags_offset = be16(kIpv4MoreFragments); }),
                  kTimeExceeded4));
  EXPECT_FALSE(may(edited4([](Ipv4Header& ip) { ip.flags_offset = be16(1); }), kTimeExceeded4));
  for (const uint32_t source : {0u, 0xe0000001u, 0xffffffffu, 0x7f000001u}) {
    Frame frame = udp4(30);
    mutable_view<Ipv4Header>(frame)->src = Ipv4Address(source);
    EXPECT_FALSE(may(frame, kTimeExceeded4)) << source;
  }
  for (const uint32_t destination : {0xe0000001u, 0xefffffffu, 0xffffffffu}) {
    Frame frame = udp4(30);
    mutable_view<Ipv4Header>(frame)->dst = Ipv4Address(destination);
    EXPECT_FALSE(may(frame, kTimeExceeded4)) << destination;
  }
}

TEST(IcmpError, AboutIcmpOnlyWhenItIsKnownToBeAQuery) {
  for (int type = 0; type < 256; ++type) {
    Frame frame = edited4([](Ipv4Header& ip) { ip.protocol = kProtoIcmp; });
    frame[20] = static_cast<std::byte>(type);
    const bool is_query = type == 0 || type == 8 || (type >= 13 && type <= 18);
    EXPECT_EQ(may(frame, kTimeExceeded4), is_query) << type;
  }
  Frame short_one = edited4([](Ipv4Header& ip) {
    ip.protocol = kProtoIcmp;
    ip.total_length = be16(21);
  });
  short_one.resize(21);
  short_one[20] = std::byte{kIcmpEchoRequest};
  EXPECT_TRUE(may(short_one, kTimeExceeded4));
  short_one.resize(20);
  mutable_view<Ipv4Header>(short_one)->total_length = be16(20);
  EXPECT_FALSE(may(short_one, kTimeExceeded4));
}

TEST(Icmpv6Error, NeverAboutErrorsGroupsOrNobody) {
  EXPECT_TRUE(may(udp6(30), kTimeExceeded6));
  for (int type = 0; type < 256; ++type) {
    Frame frame = udp6(30);
    mutable_view<Ipv6Header>(frame)->next_header = kProtoIcmpv6;
    frame[40] = static_cast<std::byte>(type);
    EXPECT_EQ(may(frame, kTimeExceeded6), type >= 128 && type != 137) << type;
  }
  Frame group = udp6(30);
  mutable_view<Ipv6Header>(group)->dst = kAllNodes;
  EXPECT_FALSE(may(group, kTimeExceeded6));
  EXPECT_TRUE(may(group, kTooBig6));
  Frame nobody = udp6(30);
  mutable_view<Ipv6Header>(nobody)->src = Ipv6Address();
  EXPECT_FALSE(may(nobody, kTooBig6));
  mutable_view<Ipv6Header>(nobody)->src = kAllNodes;
  EXPECT_FALSE(may(nobody, kTooBig6));
}

// Linux takes class E for unicast, and network 0 but for its first address.
TEST(IcmpError, AboutSourcesThatLinuxRoutes) {
  for (const uint32_t source :
       {0xf0000001u, 0xfffffffeu, 0x00000005u, 0xdfffffffu, 0x7effffffu, 0x80000000u}) {
    Frame frame = udp4(30);
    mutable_view<Ipv4Header>(frame)->src = Ipv4Address(source);
    EXPECT_TRUE(may(frame, kTimeExceeded4)) << source;
  }
}

TEST(IcmpError, TheTypeIsReadBehindOptionsAndNotFromPadding) {
  Frame with_options = join({edited4([](Ipv4Header& ip) {
    ip.protocol = kProtoIcmp;
    ip.version_ihl = 0x46;
  })});
  with_options[20] = std::byte{kIcmpEchoRequest};
  with_options[24] = std::byte{kIcmpTimeExceeded};
  EXPECT_FALSE(may(with_options, kTimeExceeded4));
  with_options[24] = std::byte{kIcmpEchoRequest};
  EXPECT_TRUE(may(with_options, kTimeExceeded4));
  // An IP packet that ends behind its header; what looks like an echo request is padding.
  Frame padded = edited4([](Ipv4Header& ip) {
    ip.protocol = kProtoIcmp;
    ip.total_length = be16(20);
  });
  padded[20] = std::byte{kIcmpEchoRequest};
  EXPECT_FALSE(may(padded, kTimeExceeded4));
}

TEST(Icmpv6Error, NeverWhereAnErrorMayBeHidden) {
  const Frame error = from_hex("0100 0000 0000 0000");
  const Frame query = from_hex("8000 0000 0000 0000");
  const auto behind = [](int options, const Frame& message) {
    Frame rest;
    for (int i = 0; i < options; ++i) {
      rest =
          join({rest, from_hex(i + 1 < options ? "3c00 0104 0000 0000" : "3a00 0104 0000 0000")});
    }
    const Frame all = ipv6_frame(kProtoDestinationOptions, join({rest, message}));
    return Frame(all.begin() + sizeof(EthernetHeader), all.end());
  };
  for (const int options : {1, 2, 16}) {
    EXPECT_FALSE(may(behind(options, error), kTimeExceeded6)) << options;
    EXPECT_TRUE(may(behind(options, query), kTimeExceeded6)) << options;
  }
  // More than are walked.
  EXPECT_FALSE(may(behind(17, error), kTimeExceeded6));
  EXPECT_FALSE(may(behind(17, query), kTimeExceeded6));
  // Linux, is_ineligible(): cut inside extension headers, it is not known to be ICMP.
  Frame cut = behind(1, {});
  cut.resize(46);
  mutable_view<Ipv6Header>(cut)->payload_length = be16(6);
  EXPECT_TRUE(may(cut, kTimeExceeded6));
  // ICMP without a type, and the same in the first of several fragments.
  EXPECT_FALSE(may(behind(1, {}), kTimeExceeded6));
  const Frame first = ipv6_frame(kProtoFragment, from_hex("3a00 0001 0000 0007"));
  EXPECT_TRUE(may(Frame(first.begin() + sizeof(EthernetHeader), first.end()), kTimeExceeded6));
}

TEST(Icmpv6Error, NotToTheLoopbackAddress) {
  Frame frame = udp6(30);
  mutable_view<Ipv6Header>(frame)->src =
      Ipv6Address({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1});
  EXPECT_FALSE(may(frame, kTimeExceeded6));
  EXPECT_FALSE(may(frame, kTooBig6));
}

// Errors about errors would never end.
TEST(IcmpError, NoneAboutOneThatWasMadeHere) {
  for (const uint8_t type :
       std::array<uint8_t, 2>{kIcmpDestinationUnreachable, kIcmpTimeExceeded}) {
    Made made(udp4(100), 28);
    ASSERT_TRUE(make_icmp_error(made.buffer, {type, 0, 0}, kRouter4, 1));
    EXPECT_FALSE(may(made.packet(), kTimeExceeded4));
  }
  for (const uint8_t type : std::array<uint8_t, 3>{1, 2, 3}) {
    Made made(udp6(100), 48);
    ASSERT_TRUE(make_icmpv6_error(made.buffer, {type, 0, 1280}, kRouter6));
    EXPECT_FALSE(may(made.packet(), kTimeExceeded6));
    EXPECT_FALSE(may(made.packet(), kTooBig6));
  }
}

TEST(Icmpv6Error, AboutAnyFragmentAsLinuxHasIt) {
  Frame frame = udp6(30);
  mutable_view<Ipv6Header>(frame)->next_header = kProtoFragment;
  auto* fragment = mutable_view<Ipv6FragmentHeader>(frame, 40);
  *fragment = {kProtoIcmpv6, 0, be16(8), be32(1)};
  EXPECT_TRUE(may(frame, kTimeExceeded6));
  fragment->offset_flags = be16(1);
  frame[48] = std::byte{kIcmpv6TimeExceeded};
  EXPECT_FALSE(may(frame, kTimeExceeded6));
  frame[48] = std::byte{kIcmpv6EchoRequest};
  EXPECT_TRUE(may(frame, kTimeExceeded6));
}

}  // namespace
}  // namespace starocean::net
