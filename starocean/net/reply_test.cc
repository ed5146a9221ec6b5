#include "starocean/net/reply.h"

#include <gtest/gtest.h>

#include "starocean/net/checksum.h"
#include "starocean/net/frame_for_test.h"
#include "starocean/net/icmp.h"
#include "starocean/net/parse.h"

namespace starocean::net {
namespace {

constexpr MacAddress kOurs({0x02, 0, 0, 0, 0, 0x77});
// solicited-node address of kV6B
constexpr Ipv6Address kNode = kV6B.solicited_node();

Frame arp_request() {
  BuiltPacket packet;
  EXPECT_TRUE(
      build_arp(packet.buffer(), {.sender_mac = kMacA, .sender_ip = kV4A, .target_ip = kV4B}));
  return packet.frame();
}

Frame ping4(size_t payload) {
  BuiltPacket packet(payload);
  EXPECT_TRUE(push_icmp_echo(packet.buffer(), {.id = 0x4242, .sequence = 3}));
  EXPECT_TRUE(push_ipv4(packet.buffer(),
                        {.src = kV4A, .dst = kV4B, .protocol = kProtoIcmp, .ttl = 9, .id = 5}));
  EXPECT_TRUE(push_ethernet(packet.buffer(), {kMacB, kMacA, kEtherTypeIpv4}));
  return packet.frame();
}

Frame ping6(size_t payload) {
  BuiltPacket packet(payload);
  EXPECT_TRUE(push_icmpv6_echo(packet.buffer(), {.id = 0x4242, .sequence = 3}, kV6A, kV6B));
  EXPECT_TRUE(push_ipv6(packet.buffer(),
                        {.src = kV6A, .dst = kV6B, .next_header = kProtoIcmpv6, .hop_limit = 9}));
  EXPECT_TRUE(push_ethernet(packet.buffer(), {kMacB, kMacA, kEtherTypeIpv6}));
  return packet.frame();
}

be16& field16(Frame& frame, size_t at) {
  return *mutable_view<be16>(frame, at);
}

void set_icmpv6_checksum(Frame& frame) {
  field16(frame, 56) = be16(0);
  const auto& ip = *view<Ipv6Header>(frame, 14);
  auto builder =
      pseudo_header(ip.src, ip.dst, kProtoIcmpv6, static_cast<uint32_t>(frame.size() - 54));
  builder.add(ConstBytes(frame).subspan(54));
  field16(frame, 56) = builder.checksum();
}

Frame solicitation(const Ipv6Address& src, const Ipv6Address& dst, const Frame& options) {
  Frame frame =
      ipv6_frame(kProtoIcmpv6, join({from_hex("87 00 0000 00000000"), Frame(16), options}));
  auto& ip = *mutable_view<Ipv6Header>(frame, 14);
  ip.src = src;
  ip.dst = dst;
  ip.hop_limit = 255;
  mutable_view<NdNeighborSolicitation>(frame, 54)->target = kV6B;
  set_icmpv6_checksum(frame);
  return frame;
}

const Frame kSourceOption = from_hex("01 01 02000000000a");

template <class Make>
void refused(Frame frame, Make make, Reply expected) {
  const Frame before = frame;
  EXPECT_EQ(make(frame), expected);
  EXPECT_EQ(frame, before);
}

TEST(ArpReply, IsTheFrameThatRfc826Wants) {
  Frame frame = arp_request();
  frame.resize(60);
  ASSERT_EQ(make_arp_reply(frame, kOurs), Reply::kMade);
  EXPECT_EQ(frame.size(), 60u);
  frame.resize(42);
  EXPECT_EQ(frame, from_hex("02000000000a 020000000077 0806 0001 0800 06 04 0002"
                            "020000000077 c6336402 02000000000a c0000201"));
}

TEST(ArpReply, KeepsTagsAndRefusesTheRest) {
  Frame tagged = with_tag(arp_request(), {kEtherTypeVlan, 30});
  ASSERT_EQ(make_arp_reply(tagged, kOurs), Reply::kMade);
  EXPECT_EQ(parse(tagged).vlan[0].id(), 30);
  EXPECT_EQ(view<ArpHeader>(tagged, 18)->operation, be16(kArpReply));

  const auto make = [](Frame& frame) { return make_arp_reply(frame, kOurs); };
  refused(udp4_frame(1), make, Reply::kNotARequest);
  Frame frame = arp_request();
  field16(frame, 20) = be16(kArpReply);
  refused(frame, make, Reply::kNotARequest);
  frame = arp_request();
  frame[22] = std::byte{1};  // sent by a group
  refused(frame, make, Reply::kMalformed);
  frame = arp_request();
  frame.pop_back();
  refused(frame, make, Reply::kMalformed);
}

TEST(IcmpEchoReply, EveryPayloadSize) {
  for (size_t payload = 0; payload <= 1472; ++payload) {
    Frame frame = ping4(payload);
    const Frame request = frame;
    frame.resize(std::max<size_t>(frame.size(), 60));
    ASSERT_EQ(make_icmp_echo_reply(frame), Reply::kMade) << payload;
    frame.resize(request.size());
    const auto& ethernet_header = *view<EthernetHeader>(frame);
    EXPECT_EQ(ethernet_header.dst, kMacA);
    EXPECT_EQ(ethernet_header.src, kMacB);
    const auto& ip = *view<Ipv4Header>(frame, 14);
    EXPECT_EQ(ip.src, kV4B);
    EXPECT_EQ(ip.dst, kV4A);
    EXPECT_EQ(ip.ttl, kDefaultTtl);
    EXPECT_TRUE(ipv4_checksum_ok(ipv4_header_bytes(frame, 14)));
    EXPECT_EQ(parse(frame).icmp_type, kIcmpEchoReply);
    EXPECT_EQ(compute_checksum(ConstBytes(frame).subspan(34)), be16(0));
    EXPECT_TRUE(std::equal(frame.begin() + 38, frame.end(), request.begin() + 38));
  }
}

TEST(IcmpEchoReply, RefusesWrongChecksums) {
  for (size_t payload : {0u, 1u, 56u}) {
    const Frame good = ping4(payload);
    for (size_t at = 34; at < good.size(); ++at) {
      if (at == 34) continue;  // the type: then it is no request
      Frame frame = good;
      frame[at] ^= std::byte{0x10};
      refused(frame, make_icmp_echo_reply, Reply::kBadChecksum);
    }
    for (size_t at : {15u, 18u, 22u, 24u, 26u, 30u}) {
      Frame frame = good;
      frame[at] ^= std::byte{0x10};
      refused(frame, make_icmp_echo_reply, Reply::kBadChecksum);
    }
  }
}

void set_ip_checksum(Frame& frame) {
  set_ipv4_checksum(MutableBytes(frame).subspan(14, 20));
}

TEST(IcmpEchoReply, RefusesWhatMustNotBeAnswered) {
  const auto make = make_icmp_echo_reply;
  refused(udp4_frame(8), make, Reply::kNotARequest);
  refused(arp_request(), make, Reply::kNotARequest);
  refused(ping6(8), make, Reply::kNotARequest);

  Frame frame = ping4(8);
  field16(frame, 20) = be16(kIpv4MoreFragments);
  set_ip_checksum(frame);
  refused(frame, make, Reply::kFragment);
  field16(frame, 20) = be16(1);
  set_ip_checksum(frame);
  refused(frame, make, Reply::kFragment);

  for (const char* source : {"0.0.0.0", "224.0.0.1", "255.255.255.255", "127.0.0.1"}) {
    frame = ping4(8);
    *mutable_view<Ipv4Address>(frame, 26) = *Ipv4Address::parse(source);
    set_ip_checksum(frame);
    refused(frame, make, Reply::kNotARequest);
    frame = ping4(8);
    *mutable_view<Ipv4Address>(frame, 30) = *Ipv4Address::parse(source);
    set_ip_checksum(frame);
    refused(frame, make, Reply::kNotARequest);
  }
  frame = ping4(8);
  frame[0] = std::byte{0xff};  // to a group of machines
  refused(frame, make, Reply::kNotARequest);
  frame = ping4(8);
  frame[6] = std::byte{0xff};
  refused(frame, make, Reply::kNotARequest);
  Frame reply = ping4(8);
  ASSERT_EQ(make(reply), Reply::kMade);
  refused(reply, make, Reply::kNotARequest);
  for (size_t length = 14; length < 50; ++length) {
    frame = ping4(8);
    frame.resize(length);
    refused(frame, make, Reply::kMalformed);
  }
}

TEST(IcmpEchoReply, RefusesOptions) {
  Frame frame = ping4(8);
  const Frame options = from_hex("07 04 04 00");
  frame.insert(frame.begin() + 34, options.begin(), options.end());
  auto& ip = *mutable_view<Ipv4Header>(frame, 14);
  ip.version_ihl = 0x46;
  ip.total_length = be16(static_cast<uint16_t>(frame.size() - 14));
  set_ipv4_checksum(MutableBytes(frame).subspan(14, 24));
  refused(frame, make_icmp_echo_reply, Reply::kOptions);
}

TEST(Icmpv6EchoReply, EveryPayloadSize) {
  for (size_t payload = 0; payload <= 1452; ++payload) {
    Frame frame = ping6(payload);
    const Frame request = frame;
    ASSERT_EQ(make_icmpv6_echo_reply(frame), Reply::kMade) << payload;
    EXPECT_EQ(view<EthernetHeader>(frame)->dst, kMacA);
    EXPECT_EQ(view<EthernetHeader>(frame)->src, kMacB);
    EXPECT_EQ(view<Ipv6Header>(frame, 14)->src, kV6B);
    EXPECT_EQ(view<Ipv6Header>(frame, 14)->dst, kV6A);
    EXPECT_EQ(view<Ipv6Header>(frame, 14)->hop_limit, kDefaultTtl);
    EXPECT_EQ(view<IcmpEcho>(frame, 54)->type, kIcmpv6EchoReply);
    EXPECT_EQ(view<IcmpEcho>(frame, 54)->id, be16(0x4242));
    Frame recomputed = frame;
    set_icmpv6_checksum(recomputed);
    EXPECT_EQ(frame, recomputed);
    EXPECT_TRUE(std::equal(frame.begin() + 58, frame.end(), request.begin() + 58));
  }
}

TEST(Icmpv6EchoReply, RefusesTheRest) {
  const auto make = make_icmpv6_echo_reply;
  refused(ping4(8), make, Reply::kNotARequest);
  refused(udp6_frame(8), make, Reply::kNotARequest);
  Frame frame = ping6(9);
  frame.back() ^= std::byte{1};
  refused(frame, make, Reply::kBadChecksum);
  frame = ping6(9);
  mutable_view<Ipv6Header>(frame, 14)->dst = kAllNodes;
  set_icmpv6_checksum(frame);
  refused(frame, make, Reply::kNotARequest);
  frame = ping6(9);
  mutable_view<Ipv6Header>(frame, 14)->src = Ipv6Address();
  set_icmpv6_checksum(frame);
  refused(frame, make, Reply::kNotARequest);
  refused(ipv6_frame(44, from_hex("3a 00 0001 00000001 80 00 0000 0001 0001")), make,
          Reply::kFragment);
  refused(ipv6_frame(60, from_hex("3a 00 01 04 00000000 80 00 0000 0001 0001")), make,
          Reply::kOptions);
  refused(ipv6_frame(kProtoIcmpv6, from_hex("80 00 0000")), make, Reply::kMalformed);
}

Reply advertise(Frame& frame, size_t tailroom = 8) {
  const size_t size = frame.size();
  frame.resize(size + tailroom);
  PacketBuffer packet(frame, 0, size);
  const Reply reply = make_neighbor_advertisement(packet, kOurs);
  frame.resize(packet.size());
  return reply;
}

TEST(NeighborAdvertisement, ToTheAsker) {
  Frame frame = solicitation(kV6A, kNode, kSourceOption);
  ASSERT_EQ(advertise(frame), Reply::kMade);
  Frame expected =
      join({from_hex("02000000000a 020000000077 86dd 60000000 0020 3a ff"), Frame(32),
            from_hex("88 00 0000 60000000"), Frame(16), from_hex("02 01 020000000077")});
  mutable_view<Ipv6Header>(expected, 14)->src = kV6B;
  mutable_view<Ipv6Header>(expected, 14)->dst = kV6A;
  mutable_view<NdNeighborAdvertisement>(expected, 54)->target = kV6B;
  set_icmpv6_checksum(expected);
  EXPECT_EQ(frame, expected);
}

// A probe for reachability may have no option, duplicate address detection has no source (and Linux
// adds a nonce): the answer has its 32 bytes all the same.
TEST(NeighborAdvertisement, HasOneLengthWhateverWasAsked) {
  Frame probe = solicitation(kV6A, kV6B, {});
  ASSERT_EQ(advertise(probe), Reply::kMade);
  EXPECT_EQ(probe.size(), 86u);
  EXPECT_EQ(parse(probe).status, ParseStatus::kOk);

  const Frame nonce = from_hex("0e 01 aabbccddeeff");
  Frame duplicate = solicitation(Ipv6Address(), kNode, join({nonce, nonce}));
  duplicate = with_tag(duplicate, {kEtherTypeVlan, 9});
  ASSERT_EQ(advertise(duplicate), Reply::kMade);
  EXPECT_EQ(duplicate.size(), 90u);
  EXPECT_EQ(view<EthernetHeader>(duplicate)->dst, kAllNodes.multicast_mac());
  EXPECT_EQ(view<Ipv6Header>(duplicate, 18)->dst, kAllNodes);
  EXPECT_EQ(view<NdNeighborAdvertisement>(duplicate, 58)->flags, be32(kNdOverrideFlag));
  EXPECT_EQ(parse(duplicate).status, ParseStatus::kOk);
}

TEST(NeighborAdvertisement, RefusesInvalidSolicitations) {
  const auto make = [](Frame& frame) { return advertise(frame); };
  const Frame good = solicitation(kV6A, kNode, kSourceOption);
  Frame frame = good;
  frame[21] = std::byte{254};  // came over a router
  refused(frame, make, Reply::kMalformed);
  frame = good;
  frame[80] ^= std::byte{1};
  refused(frame, make, Reply::kBadChecksum);
  frame = good;
  frame[55] = std::byte{1};  // code
  set_icmpv6_checksum(frame);
  refused(frame, make, Reply::kMalformed);
  frame = good;
  mutable_view<NdNeighborSolicitation>(frame, 54)->target = kAllNodes;
  set_icmpv6_checksum(frame);
  refused(frame, make, Reply::kMalformed);
  refused(solicitation(kV6A, kNode, from_hex("01 00 000000000000")), make, Reply::kMalformed);
  refused(solicitation(kAllNodes, kNode, {}), make, Reply::kMalformed);
  refused(solicitation(Ipv6Address(), kNode, kSourceOption), make, Reply::kMalformed);
  refused(solicitation(Ipv6Address(), kV6B, {}), make, Reply::kMalformed);
  refused(ping6(4), make, Reply::kNotARequest);
  refused(ipv6_frame(kProtoIcmpv6, from_hex("87 00 0000")), make, Reply::kMalformed);
}

TEST(NeighborAdvertisement, NeedsRoom) {
  Frame frame = solicitation(kV6A, kV6B, {});
  const Frame before = frame;
  EXPECT_EQ(advertise(frame, 7), Reply::kNoRoom);
  EXPECT_EQ(frame, before);
}

}  // namespace
}  // namespace starocean::net
