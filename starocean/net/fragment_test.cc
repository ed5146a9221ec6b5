// Cut as a router does it, put together as a receiver does it, from nothing but the bytes of the pieces.

#include "starocean/net/fragment.h"

#include <algorithm>
#include <cstring>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "starocean/net/frame_for_test.h"

namespace starocean::net {
namespace {

Frame packet_of(size_t payload, uint16_t flags_offset, std::mt19937& random) {
  Frame packet(20 + payload);
  for (std::byte& byte : packet) byte = static_cast<std::byte>(random());
  const auto put = [&](size_t at, size_t value) {
    packet[at] = static_cast<std::byte>(value >> 8);
    packet[at + 1] = static_cast<std::byte>(value & 0xff);
  };
  packet[0] = std::byte{0x45};
  put(2, packet.size());
  put(6, flags_offset);
  put(10, 0);
  put(10, slow_checksum(ConstBytes(packet).first(20)));
  return packet;
}

unsigned at16(const Frame& bytes, size_t at) {
  return std::to_integer<unsigned>(bytes[at]) << 8 | std::to_integer<unsigned>(bytes[at + 1]);
}

std::vector<Frame> cut(const Frame& packet, uint32_t mtu_bytes) {
  const auto& header = *view<Ipv4Header>(packet);
  const FragmentPlan plan = plan_fragments(header, mtu_bytes);
  std::vector<Frame> pieces;
  for (uint16_t number = 0; number < plan.count; ++number) {
    const Ipv4Header piece = fragment_header(header, plan, number);
    Frame bytes(sizeof piece);
    std::memcpy(bytes.data(), &piece, sizeof piece);
    const size_t begin = sizeof piece + size_t{number} * plan.piece_bytes;
    const size_t length = piece.total_length.host() - sizeof piece;
    if (!fits(packet.size(), begin, length)) {
      ADD_FAILURE() << "piece " << number << " leads out of the packet";
      return {};
    }
    const auto from = packet.begin() + static_cast<std::ptrdiff_t>(begin);
    bytes.insert(bytes.end(), from, from + static_cast<std::ptrdiff_t>(length));
    pieces.push_back(bytes);
  }
  return pieces;
}

// What is written with 8 bytes a unit into a receiver's buffer; each byte once.
void expect_whole(const Frame& packet, std::vector<Frame> pieces, uint32_t mtu_bytes,
                  std::mt19937& random) {
  const size_t first = size_t{at16(packet, 6) & 0x1fff} * 8;
  const bool more_after = (at16(packet, 6) & 0x2000) != 0;
  Frame payload(packet.size() - 20);
  std::vector<int> written(payload.size());
  size_t lasts = 0;
  std::shuffle(pieces.begin(), pieces.end(), random);
  for (const Frame& piece : pieces) {
    ASSERT_LE(piece.size(), mtu_bytes);
    ASSERT_EQ(at16(piece, 2), piece.size());
    ASSERT_EQ(slow_checksum(ConstBytes(piece).first(20)), 0);
    const size_t begin = size_t{at16(piece, 6) & 0x1fff} * 8 - first;
    const size_t length = piece.size() - 20;
    ASSERT_GT(length, 0u);
    ASSERT_TRUE(fits(payload.size(), begin, length));
    const bool is_last = begin + length == payload.size();
    lasts += is_last;
    ASSERT_EQ((at16(piece, 6) & 0x2000) != 0, more_after || !is_last);
    ASSERT_EQ(at16(piece, 6) & 0xc000, 0u);
    ASSERT_TRUE(is_last || length % 8 == 0);
    for (size_t i = 0; i < length; ++i) {
      payload[begin + i] = piece[20 + i];
      ++written[begin + i];
    }
    // All of the header but length, flags and offset, and checksum.
    for (const size_t same : {0, 1, 4, 5, 8, 9, 12, 13, 14, 15, 16, 17, 18, 19}) {
      ASSERT_EQ(piece[same], packet[same]) << same;
    }
  }
  ASSERT_EQ(lasts, 1u);
  ASSERT_TRUE(std::all_of(written.begin(), written.end(), [](int times) { return times == 1; }));
  ASSERT_TRUE(std::equal(payload.begin(), payload.end(), packet.begin() + 20));
}

TEST(Fragment, PiecesByteByByte) {
  // 59 bytes, 24 to a piece; the headers by hand, checksums from a program of its own.
  Frame packet = from_hex("4510 004f 1234 0000 0911 b323 c000 0201 c633 6402");
  for (int i = 0; i < 59; ++i) packet.push_back(static_cast<std::byte>(i));
  const std::vector<Frame> pieces = cut(packet, 51);
  ASSERT_EQ(pieces.size(), 3u);
  const auto payload = [&](int from, int to) {
    return Frame(packet.begin() + 20 + from, packet.begin() + 20 + to);
  };
  const Frame first = from_hex("4510 002c 1234 2000 0911 9346 c000 0201 c633 6402");
  const Frame second = from_hex("4510 002c 1234 2003 0911 9343 c000 0201 c633 6402");
  const Frame third = from_hex("4510 001f 1234 0006 0911 b34d c000 0201 c633 6402");
  EXPECT_EQ(pieces[0], join({first, payload(0, 24)}));
  EXPECT_EQ(pieces[1], join({second, payload(24, 48)}));
  EXPECT_EQ(pieces[2], join({third, payload(48, 59)}));
}

TEST(Fragment, RandomPacketsComeTogetherAgain) {
  std::mt19937 random(791);
  for (int round = 0; round < 4000; ++round) {
    const size_t payload = 1 + random() % (round % 8 == 0 ? 9000 : 400);
    const auto offset = static_cast<uint16_t>(random() % 3 == 0 ? random() % 7000 : 0);
    const bool more = random() % 3 == 0;
    const bool reserved = random() % 4 == 0;
    const auto flags = static_cast<uint16_t>((more ? 0x2000 : 0) | (reserved ? 0x8000 : 0));
    // With more to come, as it is on the wire: whole units.
    const Frame packet = packet_of(more ? (payload + 7) / 8 * 8 : payload, flags | offset, random);
    const uint32_t mtu_bytes = 28 + static_cast<uint32_t>(random() % (round % 2 == 0 ? 64 : 1600));
    const std::vector<Frame> pieces = cut(packet, mtu_bytes);
    ASSERT_FALSE(pieces.empty()) << packet.size() << " bytes, MTU " << mtu_bytes;
    ASSERT_NO_FATAL_FAILURE(expect_whole(packet, pieces, mtu_bytes, random))
        << packet.size() << " bytes at " << offset << ", MTU " << mtu_bytes;
    // Twice on the way: each piece again, for half of what it has.
    std::vector<Frame> again;
    for (const Frame& piece : pieces) {
      const std::vector<Frame> more_pieces = cut(piece, std::max(mtu_bytes / 2, 28u));
      again.insert(again.end(), more_pieces.begin(), more_pieces.end());
    }
    ASSERT_NO_FATAL_FAILURE(expect_whole(packet, again, std::max(mtu_bytes / 2, 28u), random));
  }
}

TEST(Fragment, TheLargestDatagramThroughTheSmallestMtu) {
  std::mt19937 random(792);
  const Frame packet = packet_of(65515, 0, random);
  const std::vector<Frame> pieces = cut(packet, 28);
  ASSERT_EQ(pieces.size(), 8190u);  // 65515 / 8, rounded up
  ASSERT_NO_FATAL_FAILURE(expect_whole(packet, pieces, 28, random));
}

// RFC 791, 3.2: what is left goes in one piece as soon as that fits.
TEST(Fragment, NoMorePiecesThanNeeded) {
  std::mt19937 random(793);
  const auto count = [&](size_t payload, uint32_t mtu_bytes) {
    return cut(packet_of(payload, 0, random), mtu_bytes).size();
  };
  EXPECT_EQ(count(51, 47), 2u);  // 24 and 27
  EXPECT_EQ(count(52, 47), 3u);
  EXPECT_EQ(count(27, 47), 1u);
  EXPECT_EQ(count(1472 + 1479, 1499), 2u);
  EXPECT_EQ(count(1472 + 1480, 1499), 3u);
  EXPECT_EQ(count(2960, 1500), 2u);
  EXPECT_EQ(count(2961, 1500), 3u);
}

TEST(Fragment, AnMtuBeyondAllDatagramsLeavesThemWhole) {
  std::mt19937 random(794);
  const Frame packet = packet_of(65515, 0, random);
  // 65556 to 65563 leave a multiple of 65536 for the payload.
  for (const uint32_t mtu_bytes :
       {65535u, 65536u, 65555u, 65556u, 65563u, 65564u, 131092u, 0xffffffffu}) {
    const std::vector<Frame> pieces = cut(packet, mtu_bytes);
    ASSERT_EQ(pieces.size(), 1u) << mtu_bytes;
    EXPECT_EQ(pieces[0], packet) << mtu_bytes;
  }
}

}  // namespace
}  // namespace starocean::net
