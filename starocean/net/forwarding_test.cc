// TTL, flow hash, fragments and MSS: what a router does to a packet or asks of it.

#include "starocean/net/forwarding.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <random>
#include <type_traits>
#include <vector>

#include <gtest/gtest.h>

#include "starocean/net/fragment.h"
#include "starocean/net/frame_for_test.h"
#include "starocean/net/mss_clamp.h"

namespace starocean::net {
namespace {

TEST(Ttl, EveryHopKeepsTheChecksumRightOrWrong) {
  for (uint32_t id = 0; id < 0x10000; id += 7) {
    BuiltPacket built(8);
    ASSERT_TRUE(push_ipv4(built.buffer(), {.src = kV4A,
                                           .dst = kV4B,
                                           .protocol = kProtoUdp,
                                           .ttl = static_cast<uint8_t>(2 + id % 254),
                                           .id = static_cast<uint16_t>(id)}));
    auto& header = *mutable_view<Ipv4Header>(built.buffer().bytes());
    EXPECT_TRUE(plain_checksum_ok(header));
    const uint8_t before = header.ttl;
    decrement_ttl(header);
    ASSERT_EQ(header.ttl, before - 1);
    ASSERT_TRUE(ipv4_checksum_ok(ipv4_header_bytes(built.buffer().bytes()))) << id;
    ASSERT_TRUE(plain_checksum_ok(header)) << id;
    ASSERT_NE(header.checksum, be16(0xffff));  // as a full computation never gives it
    header.checksum = be16(static_cast<uint16_t>(header.checksum.host() ^ 0x0100));
    decrement_ttl(header);
    ASSERT_FALSE(plain_checksum_ok(header)) << id;
  }
}

// As if computed anew, from random headers with every TTL.
TEST(Ttl, ChecksumIsThatOfTheWholeHeader) {
  std::mt19937 random(5);
  for (int round = 0; round < 50'000; ++round) {
    Frame bytes(sizeof(Ipv4Header));
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
    bytes[0] = std::byte{0x45};
    bytes[8] = static_cast<std::byte>(1 + round % 255);
    Frame expected = bytes;
    const auto finish = [](Frame& header) {
      header[10] = header[11] = std::byte{0};
      const uint16_t checksum = slow_checksum(header);
      header[10] = static_cast<std::byte>(checksum >> 8);
      header[11] = static_cast<std::byte>(checksum & 0xff);
    };
    finish(bytes);
    ASSERT_TRUE(plain_checksum_ok(*view<Ipv4Header>(bytes)));
    expected[8] = static_cast<std::byte>(round % 255);
    finish(expected);
    decrement_ttl(*mutable_view<Ipv4Header>(bytes));
    ASSERT_EQ(bytes, expected) << round;
    // One bit wrong, anywhere, is seen, and another hop does not hide it.
    bytes[random() % bytes.size()] ^= static_cast<std::byte>(1 << random() % 8);
    ASSERT_FALSE(plain_checksum_ok(*view<Ipv4Header>(bytes))) << round;
    if (bytes[8] == std::byte{0}) continue;
    decrement_ttl(*mutable_view<Ipv4Header>(bytes));
    ASSERT_FALSE(plain_checksum_ok(*view<Ipv4Header>(bytes))) << round;
    ASSERT_NE(slow_checksum(bytes), 0) << round;
  }
}

FiveTuple tuple_of(uint32_t source, uint32_t destination, uint16_t port) {
  FiveTuple tuple;
  tuple.src = Ipv6Address::mapped(Ipv4Address(source));
  tuple.dst = Ipv6Address::mapped(Ipv4Address(destination));
  tuple.src_port = be16(port);
  tuple.dst_port = be16(443);
  tuple.protocol = kProtoTcp;
  tuple.ip_version = 4;
  return tuple;
}

TEST(FlowHash, IsTheSameOnEveryMachine) {
  EXPECT_EQ(flow_hash(tuple_of(0x0a000001, 0xc0000201, 1024)), 2560881558u);
}

// Values from a program of its own that follows the definition from the bytes of the tuple on.
TEST(FlowHash, KnownValues) {
  const auto hash = [](auto src, auto dst, uint16_t src_port, uint16_t dst_port, uint8_t protocol) {
    constexpr bool kIsV4 = std::is_same_v<decltype(src), Ipv4Address>;
    FiveTuple tuple;
    if constexpr (kIsV4) {
      tuple.src = Ipv6Address::mapped(src);
      tuple.dst = Ipv6Address::mapped(dst);
    } else {
      tuple.src = src;
      tuple.dst = dst;
    }
    tuple.src_port = be16(src_port);
    tuple.dst_port = be16(dst_port);
    tuple.protocol = protocol;
    tuple.ip_version = kIsV4 ? 4 : 6;
    return flow_hash(tuple);
  };
  EXPECT_EQ(hash(kV4A, kV4B, 1111, 80, kProtoTcp), 0xbe747e8cu);
  EXPECT_EQ(hash(kV4B, kV4A, 80, 1111, kProtoTcp), 0x7fd656d5u);
  EXPECT_EQ(hash(kV4A, kV4B, 0, 0, kProtoUdp), 0x18f29273u);
  EXPECT_EQ(hash(kV6A, kV6B, 1111, 80, kProtoTcp), 0xfb582ab3u);
  EXPECT_EQ(hash(kV6B, kV6A, 80, 1111, kProtoTcp), 0x7fcb3ee1u);
  EXPECT_EQ(hash(kV6A, kV6B, 0, 0, kProtoIcmpv6), 0x2437949du);
  EXPECT_EQ(hash(Ipv4Address(), Ipv4Address(), 0, 0, 0), 0x68db26ffu);
}

// Whatever decides: the upper bits, the lower ones, or the rest of a division.
TEST(FlowHash, SpreadsRandomFlowsOverEightHops) {
  std::mt19937_64 random(17);
  for (const bool v6 : {false, true}) {
    std::array<std::array<int, 8>, 4> buckets{};
    constexpr int kFlows = 80'000;
    for (int i = 0; i < kFlows; ++i) {
      FiveTuple tuple = tuple_of(static_cast<uint32_t>(random()), static_cast<uint32_t>(random()),
                                 static_cast<uint16_t>(random()));
      tuple.dst_port = be16(static_cast<uint16_t>(random()));
      if (v6) {
        const auto address = [&] {
          return Ipv6Address(
              std::bit_cast<Ipv6Address::Bytes>(std::array<uint64_t, 2>{random(), random()}));
        };
        tuple.src = address();
        tuple.dst = address();
        tuple.ip_version = 6;
      }
      const uint32_t hash = flow_hash(tuple);
      const uint32_t symmetric = symmetric_flow_hash(tuple);
      ASSERT_EQ(symmetric, symmetric_flow_hash(tuple.reversed()));
      ++buckets[0][hash >> 29];
      ++buckets[1][hash & 7];
      ++buckets[2][symmetric >> 29];
      ++buckets[3][symmetric & 7];
    }
    for (const auto& shares : buckets) {
      EXPECT_GT(*std::min_element(shares.begin(), shares.end()), kFlows / 8 * 95 / 100);
      EXPECT_LT(*std::max_element(shares.begin(), shares.end()), kFlows / 8 * 105 / 100);
    }
  }
}

// The first fragment has ports, the others none: they must not go different ways.
TEST(FlowHash, IsThatOfTheDatagramForAllItsFragments) {
  std::array<uint32_t, 3> hashes{};
  const std::array<uint16_t, 3> flags = {kIpv4MoreFragments, kIpv4MoreFragments | 2, 4};
  for (size_t i = 0; i < flags.size(); ++i) {
    Frame frame = udp4_frame(64);
    mutable_view<Ipv4Header>(frame, sizeof(EthernetHeader))->flags_offset = be16(flags[i]);
    FiveTuple tuple;
    ASSERT_TRUE(parse_five_tuple(frame, tuple));
    hashes[i] = flow_hash(tuple);
  }
  EXPECT_EQ(hashes[0], hashes[1]);
  EXPECT_EQ(hashes[0], hashes[2]);
}

TEST(FlowHash, SymmetricOnlyWhenAsked) {
  const FiveTuple there = tuple_of(0x0a000001, 0xc0000201, 1024);
  EXPECT_NE(flow_hash(there), flow_hash(there.reversed()));
  EXPECT_EQ(symmetric_flow_hash(there), symmetric_flow_hash(there.reversed()));
  const FiveTuple itself = tuple_of(0x0a000001, 0x0a000001, 1024);
  EXPECT_EQ(symmetric_flow_hash(itself), symmetric_flow_hash(itself.reversed()));
}

// Whatever varies: 64 buckets get their share, within a quarter, of 64,000 flows.
TEST(FlowHash, SpreadsFlowsThatDifferInOneField) {
  using Maker = FiveTuple (*)(uint32_t);
  const std::array<Maker, 4> makers = {
      [](uint32_t i) { return tuple_of(0x0a000000 + i, 0xc0000201, 1024); },
      [](uint32_t i) { return tuple_of(0x0a000001, 0xc0000000 + i, 1024); },
      [](uint32_t i) { return tuple_of(0x0a000001, 0xc0000201, static_cast<uint16_t>(i)); },
      [](uint32_t i) { return tuple_of(0x0a000000 + i, 0xc0000000 + i, 1024); }};
  for (size_t field = 0; field < makers.size(); ++field) {
    std::array<int, 64> high{}, low{};
    for (uint32_t i = 0; i < 64'000; ++i) {
      const uint32_t hash = flow_hash(makers[field](i));
      ++high[hash >> 26];
      ++low[hash & 63];
    }
    for (const auto& buckets : {high, low}) {
      EXPECT_GT(*std::min_element(buckets.begin(), buckets.end()), 750) << field;
      EXPECT_LT(*std::max_element(buckets.begin(), buckets.end()), 1250) << field;
    }
  }
}

// ---- Fragments ----

Ipv4Header header_of(uint16_t total, uint16_t flags_offset = 0) {
  Ipv4Header header{};
  header.version_ihl = 0x45;
  header.total_length = be16(total);
  header.id = be16(4321);
  header.flags_offset = be16(flags_offset);
  header.ttl = 9;
  header.protocol = kProtoUdp;
  header.src = kV4A;
  header.dst = kV4B;
  return header;
}

// Each byte of the payload is in one piece, in order, and each piece fits.
void expect_covers(const Ipv4Header& header, uint32_t mtu) {
  const FragmentPlan plan = plan_fragments(header, mtu);
  ASSERT_GT(plan.count, 0);
  uint32_t next = header.fragment_offset_bytes();
  for (uint16_t i = 0; i < plan.count; ++i) {
    const Ipv4Header piece = fragment_header(header, plan, i);
    const bool last = i + 1 == plan.count;
    EXPECT_TRUE(plain_checksum_ok(piece));
    EXPECT_LE(piece.total_length.host(), mtu);
    EXPECT_EQ(piece.fragment_offset_bytes(), next);
    EXPECT_EQ(piece.more_fragments(), !last || header.more_fragments());
    EXPECT_FALSE(piece.dont_fragment());
    EXPECT_EQ(piece.id, header.id);
    EXPECT_EQ(piece.ttl, header.ttl);
    if (!last) {
      EXPECT_EQ((piece.total_length.host() - 20) % 8, 0);
    }
    next += piece.total_length.host() - 20u;
  }
  EXPECT_EQ(next, header.fragment_offset_bytes() + header.total_length.host() - 20u);
}

TEST(Fragments, CoverThePayloadOfWholePacketsAndOfFragments) {
  for (const uint32_t mtu : {28u, 68u, 576u, 1280u, 1499u, 1500u}) {
    expect_covers(header_of(65535), mtu);
    for (const uint16_t total : std::array<uint16_t, 6>{21, 28, 29, 1500, 1501, 9000}) {
      expect_covers(header_of(total), mtu);
      expect_covers(header_of(total, uint16_t{kIpv4MoreFragments + 100}), mtu);
      expect_covers(header_of(total, 100), mtu);
    }
  }
}

TEST(Fragments, NoneWhereNothingFits) {
  EXPECT_EQ(plan_fragments(header_of(1500), 27).count, 0);
  EXPECT_EQ(plan_fragments(header_of(20), 1500).count, 0);
  EXPECT_EQ(plan_fragments(header_of(10), 1500).count, 0);
  EXPECT_NE(plan_fragments(header_of(1535, 8000), 576).count, 0);
  EXPECT_EQ(plan_fragments(header_of(1536, 8000), 576).count, 0);
}

// ---- MSS ----

Frame syn(const std::vector<uint8_t>& options, uint8_t flags = kTcpSyn, bool v6 = false) {
  BuiltPacket built(0);
  std::vector<std::byte> bytes;
  bytes.reserve(options.size());
  for (const uint8_t option : options) bytes.push_back(static_cast<std::byte>(option));
  const TcpFields fields{.src_port = 1,
                         .dst_port = 2,
                         .sequence = 3,
                         .flags = flags,
                         .window = 1000,
                         .options = bytes};
  if (v6) {
    EXPECT_TRUE(push_tcp(built.buffer(), fields, kV6A, kV6B));
    EXPECT_TRUE(push_ipv6(built.buffer(), {.src = kV6A, .dst = kV6B, .next_header = kProtoTcp}));
  } else {
    EXPECT_TRUE(push_tcp(built.buffer(), fields, kV4A, kV4B));
    EXPECT_TRUE(push_ipv4(built.buffer(), {.src = kV4A, .dst = kV4B, .protocol = kProtoTcp}));
  }
  EXPECT_TRUE(push_ethernet(built.buffer(), {kMacA, kMacB, v6 ? kEtherTypeIpv6 : kEtherTypeIpv4}));
  return built.frame();
}

bool tcp_checksum_ok(const Frame& frame) {
  const ParsedPacket packet = parse(frame);
  ChecksumBuilder sum;
  if (packet.ip_version == 4) {
    const auto& ip = *view<Ipv4Header>(frame, packet.l3_offset);
    sum = pseudo_header(ip.src, ip.dst, kProtoTcp, packet.l4_length());
  } else {
    const auto& ip = *view<Ipv6Header>(frame, packet.l3_offset);
    sum = pseudo_header(ip.src, ip.dst, kProtoTcp, packet.l4_length());
  }
  sum.add(ConstBytes(frame).subspan(packet.l4_offset, packet.l4_length()));
  return sum.checksum() == be16(0);
}

TEST(MssClamp, LowersWhatIsTooHighAtAnyPlace) {
  const std::vector<std::vector<uint8_t>> kOptions = {
      {2, 4, 0x05, 0xb4},
      {1, 2, 4, 0x05, 0xb4, 0, 0, 0},
      {4, 2, 2, 4, 0x05, 0xb4, 1, 1},
      {3, 3, 7, 2, 4, 0x05, 0xb4, 0},
  };
  for (const auto& options : kOptions) {
    for (const bool v6 : {false, true}) {
      for (const uint8_t flags : {kTcpSyn, static_cast<uint8_t>(kTcpSyn | kTcpAck)}) {
        Frame frame = syn(options, flags, v6);
        const Frame before = frame;
        ASSERT_TRUE(tcp_checksum_ok(frame));
        EXPECT_FALSE(clamp_mss(frame, parse(frame), 1460));
        EXPECT_EQ(frame, before);
        EXPECT_TRUE(clamp_mss(frame, parse(frame), 1221));
        EXPECT_TRUE(tcp_checksum_ok(frame));
        // Only the option's value and the checksum differ.
        size_t changed = 0;
        for (size_t i = 0; i < frame.size(); ++i) changed += frame[i] != before[i];
        EXPECT_LE(changed, 4u);
        EXPECT_FALSE(clamp_mss(frame, parse(frame), 1221));
      }
    }
  }
}

TEST(MssClamp, LeavesAloneWhatIsNoSynOrMakesNoSense) {
  const std::vector<std::vector<uint8_t>> kOptions = {
      {},                         // none
      {1, 1, 1, 0},               // only padding
      {0, 2, 4, 9, 9, 9, 9, 9},   // behind the end
      {8, 0, 2, 4, 9, 9, 0, 0},   // a length of 0
      {8, 1, 2, 4, 9, 9, 0, 0},   // and of 1
      {8, 60, 2, 4, 9, 9, 0, 0},  // beyond the header
      {2, 3, 9, 9, 0, 0, 0, 0},   // an MSS of another length
      {1, 1, 1, 2},               // cut
  };
  for (const auto& options : kOptions) {
    Frame frame = syn(options);
    const Frame before = frame;
    EXPECT_FALSE(clamp_mss(frame, parse(frame), 100));
    EXPECT_EQ(frame, before);
  }
  Frame no_syn = syn({2, 4, 0x05, 0xb4}, kTcpAck);
  EXPECT_FALSE(clamp_mss(no_syn, parse(no_syn), 100));
}

TEST(MssClamp, FitsTheMtu) {
  EXPECT_EQ(mss_for_mtu(4, 1500), 1460);
  EXPECT_EQ(mss_for_mtu(6, 1500), 1440);
  EXPECT_EQ(mss_for_mtu(4, 30), 0);
  EXPECT_EQ(mss_for_mtu(4, 100'000), 65535);
}

}  // namespace
}  // namespace starocean::net
