#include "starocean/net/build.h"

#include <gtest/gtest.h>

#include "starocean/net/checksum.h"
#include "starocean/net/frame_for_test.h"
#include "starocean/net/icmp.h"
#include "starocean/net/options.h"
#include "starocean/net/parse.h"

namespace starocean::net {
namespace {

bool transport_checksum_ok(ConstBytes frame) {
  const ParsedPacket packet = parse(frame);
  const ConstBytes message = frame.subspan(packet.l4_offset, packet.l4_length());
  const auto check = [&](const auto& ip) {
    auto builder = pseudo_header(ip.src, ip.dst, packet.protocol, packet.l4_length());
    builder.add(message);
    return builder.checksum() == be16(0);
  };
  return packet.ip_version == 4 ? check(*view<Ipv4Header>(frame, packet.l3_offset))
                                : check(*view<Ipv6Header>(frame, packet.l3_offset));
}

TEST(PacketBuffer, GrowsAndShrinksWithinItsRoom) {
  std::vector<std::byte> room(100);
  PacketBuffer packet(room, 10, 80);
  EXPECT_EQ(packet.headroom(), 10u);
  EXPECT_EQ(packet.tailroom(), 10u);
  EXPECT_EQ(packet.push(11), nullptr);
  EXPECT_EQ(packet.append(11), nullptr);
  EXPECT_EQ(packet.size(), 80u);
  EXPECT_EQ(packet.push(10), room.data());
  EXPECT_EQ(packet.append(10), room.data() + 90);
  EXPECT_EQ(packet.size(), 100u);
  EXPECT_FALSE(packet.pull(101));
  EXPECT_TRUE(packet.pull(60));
  EXPECT_EQ(packet.data(), room.data() + 60);
  packet.trim(50);
  EXPECT_EQ(packet.size(), 40u);
  packet.trim(0);
  EXPECT_EQ(packet.size(), 0u);
  EXPECT_EQ(packet.tailroom(), 40u);
  EXPECT_EQ(packet.push(SIZE_MAX), nullptr);
  EXPECT_EQ(packet.append(SIZE_MAX), nullptr);
  EXPECT_FALSE(packet.pull(SIZE_MAX));
}

TEST(PacketBufferDeathTest, APacketOutsideItsBufferIsABrokenInvariant) {
  std::vector<std::byte> room(100);
  EXPECT_DEATH(PacketBuffer(room, 60, 41), "inside its buffer");
  EXPECT_DEATH(PacketBuffer(room, SIZE_MAX, 2), "inside its buffer");
}

TEST(PacketBuffer, PushedHeadersAreZero) {
  std::vector<std::byte> room(100, std::byte{0xff});
  PacketBuffer packet(room, 50);
  ASSERT_NE(packet.push_header<TcpHeader>(), nullptr);
  for (const std::byte byte : packet.bytes()) EXPECT_EQ(byte, std::byte{0});
}

// The whole frame, byte by byte, as RFC 826 and Ethernet have it.
TEST(Build, Arp) {
  BuiltPacket request;
  ASSERT_TRUE(
      build_arp(request.buffer(), {.sender_mac = kMacA, .sender_ip = kV4A, .target_ip = kV4B}));
  EXPECT_EQ(request.frame(), from_hex("ffffffffffff 02000000000a 0806 0001 0800 06 04 0001"
                                      "02000000000a c0000201 000000000000 c6336402"));
  BuiltPacket reply;
  ASSERT_TRUE(build_arp(reply.buffer(), {kArpReply, kMacA, kV4A, kMacB, kV4B}));
  EXPECT_EQ(reply.frame(), from_hex("02000000000b 02000000000a 0806 0001 0800 06 04 0002"
                                    "02000000000a c0000201 02000000000b c6336402"));
  EXPECT_FALSE(build_arp(reply.buffer(), {})) << "not empty";
}

TEST(Build, KnownUdpPacket) {
  // As scapy builds it.
  const Frame frame = udp4_frame(2);
  EXPECT_EQ(frame, from_hex("02000000000b 02000000000a 0800"
                            "4500 001e 0000 4000 4011 4e98 c0000201 c6336402"
                            "0457 08ae 000a 069d 0001"));
}

TEST(Build, ChecksumsAreRightForEveryLength) {
  for (size_t payload = 0; payload < 200; ++payload) {
    EXPECT_TRUE(transport_checksum_ok(udp4_frame(payload)));
    EXPECT_TRUE(transport_checksum_ok(udp6_frame(payload)));
    EXPECT_TRUE(transport_checksum_ok(tcp4_frame(payload)));
    EXPECT_TRUE(transport_checksum_ok(tcp6_frame(payload)));
  }
  EXPECT_TRUE(ipv4_checksum_ok(ipv4_header_bytes(udp4_frame(3), 14)));
}

TEST(Build, TcpOptions) {
  const Frame frame = tcp4_frame(1, from_hex("020405b4 01 03 03 07"));
  const ParsedPacket parsed = parse(frame);
  EXPECT_TRUE(transport_checksum_ok(frame));
  TcpOptions options(
      ConstBytes(frame).subspan(54, static_cast<size_t>(parsed.payload_offset - 54)));
  ASSERT_TRUE(options.next());
  EXPECT_EQ(options.kind(), kTcpOptionMss);
  EXPECT_EQ(*view<be16>(options.value()), be16(1460));
  ASSERT_TRUE(options.next());
  EXPECT_EQ(options.kind(), 1);
  ASSERT_TRUE(options.next());
  EXPECT_EQ(options.bytes().size(), 3u);
  EXPECT_FALSE(options.next());
  EXPECT_FALSE(options.malformed());

  BuiltPacket packet;
  const Frame odd(3);
  const Frame many(44);
  EXPECT_FALSE(push_tcp(packet.buffer(), {.options = odd}, kV4A, kV4B));
  EXPECT_FALSE(push_tcp(packet.buffer(), {.options = many}, kV4A, kV4B));
}

TEST(Build, Ipv6Fields) {
  BuiltPacket packet(3);
  ASSERT_TRUE(push_ipv6(packet.buffer(), {.src = kV6A,
                                          .dst = kV6B,
                                          .next_header = 59,
                                          .hop_limit = 7,
                                          .traffic_class = 0xb8,
                                          .flow_label = 0xabcde}));
  const auto& ip = *view<Ipv6Header>(packet.buffer().bytes());
  EXPECT_EQ(ip.version(), 6);
  EXPECT_EQ(ip.traffic_class(), 0xb8);
  EXPECT_EQ(ip.flow_label(), 0xabcdeu);
  EXPECT_EQ(ip.payload_length, be16(3));
  EXPECT_EQ(ip.hop_limit, 7);
}

TEST(Build, Echo) {
  BuiltPacket v4(5);
  ASSERT_TRUE(push_icmp_echo(v4.buffer(), {.reply = true, .id = 0x1234, .sequence = 7}));
  EXPECT_EQ(compute_checksum(v4.buffer().bytes()), be16(0));
  const auto& echo = *view<IcmpEcho>(v4.buffer().bytes());
  EXPECT_EQ(echo.type, kIcmpEchoReply);
  EXPECT_EQ(echo.id, be16(0x1234));
  EXPECT_EQ(echo.sequence, be16(7));

  BuiltPacket v6(5);
  ASSERT_TRUE(push_icmpv6_echo(v6.buffer(), {.id = 1}, kV6A, kV6B));
  ASSERT_TRUE(push_ipv6(v6.buffer(), {.src = kV6A, .dst = kV6B, .next_header = kProtoIcmpv6}));
  ASSERT_TRUE(push_ethernet(v6.buffer(), {kMacB, kMacA, kEtherTypeIpv6}));
  EXPECT_TRUE(transport_checksum_ok(v6.frame()));
}

TEST(Build, TagsGoOnAndComeOff) {
  const Frame plain = udp4_frame(5);
  BuiltPacket packet(plain.size());
  std::copy(plain.begin(), plain.end(), packet.buffer().bytes().begin());
  ASSERT_TRUE(push_vlan(packet.buffer(), {kEtherTypeVlan, 0x2005}));
  ASSERT_TRUE(push_vlan(packet.buffer(), {kEtherTypeServiceVlan, 6}));
  Frame start = packet.frame();
  start.resize(22);
  EXPECT_EQ(start, from_hex("02000000000b 02000000000a 88a8 0006 8100 2005 0800"));
  EXPECT_EQ(pop_vlan(packet.buffer()), (VlanTag{kEtherTypeServiceVlan, 6}));
  EXPECT_EQ(pop_vlan(packet.buffer()), (VlanTag{kEtherTypeVlan, 0x2005}));
  EXPECT_EQ(pop_vlan(packet.buffer()), std::nullopt);
  EXPECT_EQ(packet.frame(), plain);

  BuiltPacket tiny(13);
  EXPECT_FALSE(push_vlan(tiny.buffer(), {kEtherTypeVlan, 1}));
  Frame cut = with_tag(plain, {kEtherTypeVlan, 1});
  PacketBuffer truncated(cut, 0, 17);
  EXPECT_EQ(pop_vlan(truncated), std::nullopt);
}

TEST(Build, VxlanOverBothVersions) {
  const Frame inner = udp6_frame(5);
  const VxlanFields tunnel{.vni = 0xabcdef, .src_port = 50001, .src_mac = kMacA, .dst_mac = kMacB};
  for (const bool v4 : {true, false}) {
    BuiltPacket packet(inner.size());
    std::copy(inner.begin(), inner.end(), packet.buffer().bytes().begin());
    ASSERT_TRUE(
        v4 ? encapsulate_vxlan(packet.buffer(), tunnel, Ipv4Fields{.src = kV4A, .dst = kV4B})
           : encapsulate_vxlan(packet.buffer(), tunnel, Ipv6Fields{.src = kV6A, .dst = kV6B}));
    const Frame frame = packet.frame();
    const ParsedPacket parsed = parse(frame);
    EXPECT_EQ(parsed.status, ParseStatus::kOk);
    EXPECT_EQ(parsed.dst_port, kVxlanPort);
    EXPECT_EQ(parsed.src_port, 50001);
    EXPECT_EQ(view<UdpHeader>(frame, parsed.l4_offset)->checksum, be16(0));
    const auto& vxlan = *view<VxlanHeader>(frame, parsed.payload_offset);
    EXPECT_TRUE(vxlan.has_vni());
    EXPECT_EQ(vxlan.vni(), 0xabcdefu);
    EXPECT_EQ(Frame(frame.begin() + parsed.payload_offset + 8, frame.end()), inner);
  }
  BuiltPacket packet(1);
  EXPECT_FALSE(push_vxlan(packet.buffer(), 0x1000000));
}

// No room, or a length that fits no field: refused, and nothing changed.
TEST(Build, RefusesWhatDoesNotFit) {
  std::vector<std::byte> room(100);
  PacketBuffer packet(room, 7, 40);
  const VxlanFields tunnel{.vni = 1};
  EXPECT_FALSE(push_udp(packet, {}, kV4A, kV4B));
  EXPECT_FALSE(push_tcp(packet, {}, kV6A, kV6B));
  EXPECT_FALSE(push_ipv4(packet, {}));
  EXPECT_FALSE(push_ipv6(packet, {}));
  EXPECT_FALSE(push_ethernet(packet, {}));
  EXPECT_FALSE(push_icmp_echo(packet, {}));
  EXPECT_FALSE(push_icmpv6_echo(packet, {}, kV6A, kV6B));
  EXPECT_FALSE(push_vxlan(packet, 1));
  EXPECT_FALSE(encapsulate_vxlan(packet, tunnel, Ipv4Fields{}));
  EXPECT_FALSE(encapsulate_vxlan(packet, tunnel, Ipv6Fields{}));
  EXPECT_EQ(packet.size(), 40u);
  EXPECT_EQ(packet.headroom(), 7u);
  PacketBuffer three(room, 3, 40);
  EXPECT_FALSE(push_vlan(three, {kEtherTypeVlan, 1}));

  std::vector<std::byte> large(70000);
  PacketBuffer big(large, 100, 65528);
  EXPECT_FALSE(push_udp(big, {}, kV4A, kV4B));
  EXPECT_FALSE(push_tcp(big, {}, kV4A, kV4B));
  EXPECT_FALSE(push_ipv4(big, {}));
  EXPECT_FALSE(encapsulate_vxlan(big, tunnel, Ipv4Fields{}));
  EXPECT_FALSE(encapsulate_vxlan(big, tunnel, Ipv6Fields{}));
  EXPECT_EQ(big.size(), 65528u);
  EXPECT_TRUE(push_ipv6(big, {}));
}

TEST(Options, ImpossibleLengthsEndTheWalk) {
  const auto walk = [](auto options) {
    int count = 0;
    while (options.next()) ++count;
    return options.malformed() ? -1 : count;
  };
  EXPECT_EQ(walk(TcpOptions(from_hex("01 01 00 ff"))), 2);
  EXPECT_EQ(walk(TcpOptions(from_hex("02 04 05"))), -1);
  EXPECT_EQ(walk(TcpOptions(from_hex("02"))), -1);
  EXPECT_EQ(walk(TcpOptions(from_hex("02 00"))), -1);
  EXPECT_EQ(walk(TcpOptions(from_hex("02 01"))), -1);
  EXPECT_EQ(walk(Ipv6Options(from_hex("00 01 00 05 02 0000"))), 3);
  EXPECT_EQ(walk(Ipv6Options(from_hex("05 03 0000"))), -1);
  EXPECT_EQ(walk(NdOptions(from_hex("01 01 020000000001 05 01 0000 000005dc"))), 2);
  EXPECT_EQ(walk(NdOptions(from_hex("01 00 020000000001"))), -1);
  EXPECT_EQ(walk(NdOptions(from_hex("01 02 020000000001"))), -1);
  EXPECT_EQ(walk(NdOptions({})), 0);
}

}  // namespace
}  // namespace starocean::net
