// What clamp_mss() leaves is compared, whole, with a packet made anew by other code.

#include "starocean/net/mss_clamp.h"

#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "starocean/net/frame_for_test.h"

namespace starocean::net {
namespace {

void put16(Frame& bytes, size_t at, size_t value) {
  bytes[at] = static_cast<std::byte>(value >> 8);
  bytes[at + 1] = static_cast<std::byte>(value & 0xff);
}

Frame addresses(bool v6) {
  return v6 ? from_hex(
                  "2001 0db8 0000 0000 0000 0000 0000 000a"
                  "2001 0db8 0000 0000 0000 0000 0000 000b")
            : from_hex("c000 0201 c633 6402");
}

// Ethernet and IP before a TCP segment.
Frame frame_of(const Frame& segment, bool v6) {
  Frame ip = join({v6 ? from_hex("6000 0000 0000 0640") : from_hex("4500 0000 0001 0000 4006 0000"),
                   addresses(v6)});
  put16(ip, v6 ? 4 : 2, v6 ? segment.size() : 20 + segment.size());
  if (!v6) put16(ip, 10, slow_checksum(ip));
  const Frame ethernet =
      from_hex(v6 ? "0200 0000 000b 0200 0000 000a 86dd" : "0200 0000 000b 0200 0000 000a 0800");
  return join({ethernet, ip, segment});
}

// Options must fill whole words.
Frame segment_of(const Frame& options, const Frame& payload, bool v6, uint8_t flags = kTcpSyn) {
  Frame segment =
      join({from_hex("0457 0050 0102 0304 0000 0000 0000 faf0 0000 0000"), options, payload});
  segment[12] = static_cast<std::byte>((20 + options.size()) / 4 << 4);
  segment[13] = std::byte{flags};
  Frame pseudo = addresses(v6);
  pseudo.resize(pseudo.size() + (v6 ? 8 : 4));
  put16(pseudo, pseudo.size() - (v6 ? 6 : 2), segment.size());
  put16(pseudo, v6 ? pseudo.size() - 2 : pseudo.size() - 4, 6);
  put16(segment, 16, slow_checksum(join({pseudo, segment})));
  return segment;
}

bool clamp(Frame& frame, uint16_t mss) {
  frame.shrink_to_fit();
  return clamp_mss(frame, parse(frame), mss);
}

TEST(MssClampBytes, AtEvenAndOddPlaces) {
  struct Case {
    bool v6;
    const char* before;
    const char* after;
  };
  // 1460 becomes 1400. Checksums from a program of its own.
  const std::vector<Case> cases = {
      {false, "0457005001020304000000006002faf0 a851 0000 020405b4",
       "0457005001020304000000006002faf0 a88d 0000 02040578"},
      {true, "0457005001020304000000006002faf0 3902 0000 020405b4",
       "0457005001020304000000006002faf0 393e 0000 02040578"},
      {false, "0457005001020304000000007002faf0 e6fd 0000 01020405b4000000",
       "0457005001020304000000007002faf0 22fe 0000 0102040578000000"},
      {true, "0457005001020304000000007002faf0 77ae 0000 01020405b4000000",
       "0457005001020304000000007002faf0 b3ae 0000 0102040578000000"},
  };
  for (const Case& one : cases) {
    Frame frame = frame_of(from_hex(one.before), one.v6);
    EXPECT_TRUE(clamp(frame, 1400));
    EXPECT_EQ(frame, frame_of(from_hex(one.after), one.v6));
  }
}

TEST(MssClampBytes, RandomSegmentsAreAsMadeAnew) {
  std::mt19937 random(9293);
  for (int round = 0; round < 20'000; ++round) {
    const bool v6 = round % 2 == 0;
    const size_t words = 1 + random() % 10;
    const size_t place = random() % (words * 4 - 3);
    // Before the option padding of one byte each, or an unknown option over all of the room.
    Frame options(words * 4, std::byte{1});
    if (place >= 2 && random() % 2 == 0) {
      for (size_t i = 2; i < place; ++i) options[i] = static_cast<std::byte>(random());
      options[0] = std::byte{253};
      options[1] = static_cast<std::byte>(place);
    }
    options[place] = std::byte{2};
    options[place + 1] = std::byte{4};
    const auto mss = static_cast<uint16_t>(random());
    const auto limit = static_cast<uint16_t>(1 + random() % 65535);
    put16(options, place + 2, mss);
    Frame payload(random() % 40);
    for (std::byte& byte : payload) byte = static_cast<std::byte>(random());
    const uint8_t flags = random() % 2 == 0 ? kTcpSyn : static_cast<uint8_t>(kTcpSyn | kTcpAck);
    Frame frame = frame_of(segment_of(options, payload, v6, flags), v6);
    ASSERT_EQ(parse(frame).status, ParseStatus::kOk);
    const bool is_lowered = mss > limit;
    put16(options, place + 2, is_lowered ? limit : mss);
    ASSERT_EQ(clamp(frame, limit), is_lowered) << mss << " limited to " << limit;
    ASSERT_EQ(frame, frame_of(segment_of(options, payload, v6, flags), v6))
        << mss << " limited to " << limit << " at " << place << (v6 ? ", IPv6" : ", IPv4");
    ASSERT_FALSE(clamp(frame, limit));
  }
}

// The difference from what would be right is kept: a receiver still sees that it was damaged.
TEST(MssClampBytes, AWrongChecksumStaysWrong) {
  const Frame options = from_hex("01 0204 05b4 000000");
  for (size_t wrong = 1; wrong < 0xffff; wrong += 251) {
    Frame segment = segment_of(options, {}, false);
    const size_t right =
        std::to_integer<size_t>(segment[16]) << 8 | std::to_integer<size_t>(segment[17]);
    put16(segment, 16, (right + wrong) % 0xffff);
    Frame frame = frame_of(segment, false);
    ASSERT_TRUE(clamp(frame, 536));
    const Frame good = frame_of(segment_of(from_hex("01 0204 0218 000000"), {}, false), false);
    ASSERT_NE(frame, good) << wrong;
    put16(frame, 50, std::to_integer<size_t>(good[50]) << 8 | std::to_integer<size_t>(good[51]));
    ASSERT_EQ(frame, good) << wrong;
  }
}

// The checksum of a first fragment is that of the whole datagram, of which only a part is there.
TEST(MssClampBytes, FirstFragments) {
  const Frame payload(64, std::byte{0x5a});
  const Frame before = segment_of(from_hex("0204 05b4"), payload, false);
  const Frame after = segment_of(from_hex("0204 0400"), payload, false);
  const auto first_of = [](const Frame& segment) {
    Frame frame = frame_of(Frame(segment.begin(), segment.begin() + 48), false);
    put16(frame, 14 + 6, 0x2000);
    return frame;
  };
  Frame frame = first_of(before);
  EXPECT_TRUE(clamp(frame, 1024));
  EXPECT_EQ(frame, first_of(after));
  // A later one may look as it likes.
  frame = first_of(before);
  put16(frame, 14 + 6, 0x2001);
  const Frame later = frame;
  EXPECT_FALSE(clamp(frame, 1024));
  EXPECT_EQ(frame, later);
}

TEST(MssClampBytes, TouchesNothingElse) {
  const Frame options = from_hex("0204 05b4");
  const Frame syn = segment_of(options, {}, false);
  std::vector<Frame> others;
  for (int flags = 0; flags < 256; ++flags) {
    if ((flags & kTcpSyn) != 0) continue;
    others.push_back(frame_of(segment_of(options, {}, false, static_cast<uint8_t>(flags)), false));
  }
  // UDP; a data offset beyond the packet, with what could be an option as padding; one below 20.
  others.push_back(frame_of(syn, false));
  others.back()[14 + 9] = std::byte{17};
  others.push_back(frame_of(syn, false));
  put16(others.back(), 14 + 2, 40);
  others.push_back(frame_of(syn, false));
  others.back()[14 + 20 + 12] = std::byte{0x40};
  // Options without end, cut by the header's end at every length.
  for (const char* text : {"0101 0102", "0101 0204", "01 0204 05", "fd00 0204", "fd01 0204",
                           "fd05 0204", "0203 05b4", "0205 05b4"}) {
    others.push_back(frame_of(segment_of(from_hex(text), {}, false), false));
  }
  for (const Frame& other : others) {
    Frame frame = other;
    EXPECT_FALSE(clamp(frame, 1));
    EXPECT_EQ(frame, other);
  }
  // Cut anywhere: what was not there is not written, and nothing before it.
  const Frame whole = frame_of(syn, false);
  for (size_t length = 0; length < whole.size(); ++length) {
    Frame frame(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
    const Frame before = frame;
    EXPECT_FALSE(clamp(frame, 1)) << length;
    EXPECT_EQ(frame, before) << length;
  }
}

TEST(MssClampBytes, NoMssOfZero) {
  Frame frame = frame_of(segment_of(from_hex("0204 05b4"), {}, false), false);
  const Frame before = frame;
  EXPECT_FALSE(clamp(frame, mss_for_mtu(4, 40)));
  EXPECT_EQ(frame, before);
  EXPECT_TRUE(clamp(frame, mss_for_mtu(4, 41)));
  EXPECT_EQ(mss_for_mtu(4, 41), 1);
  EXPECT_EQ(mss_for_mtu(6, 60), 0);
  EXPECT_EQ(mss_for_mtu(6, 61), 1);
  EXPECT_EQ(mss_for_mtu(6, 1280), 1220);  // RFC 6691 with RFC 8200, section 5
}

}  // namespace
}  // namespace starocean::net
