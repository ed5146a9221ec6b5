#include "starocean/net/checksum.h"

#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "starocean/net/frame_for_test.h"

namespace starocean::net {
namespace {

// RFC 1071 section 1, as the text says it: 16-bit big-endian words, end-around carry, one byte at a
// time.
uint16_t naive_sum(ConstBytes bytes) {
  uint32_t sum = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    const auto byte = std::to_integer<uint32_t>(bytes[i]);
    sum += i % 2 == 0 ? byte << 8 : byte;
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return static_cast<uint16_t>(sum);
}

std::vector<std::byte> random_bytes(size_t size, std::mt19937& random) {
  std::vector<std::byte> bytes(size);
  for (auto& byte : bytes) byte = static_cast<std::byte>(random());
  return bytes;
}

TEST(Checksum, ExampleOfRfc1071) {
  // Section 3: the sum is ddf2.
  const auto bytes = from_hex("0001 f203 f4f5 f6f7");
  EXPECT_EQ(compute_checksum(bytes), be16(0x220d));
  ChecksumBuilder builder;
  builder.add(bytes);
  EXPECT_EQ(builder.sum(), be16(0xddf2));
}

TEST(Checksum, KnownIpv4Header) {
  auto header = from_hex("4500 0073 0000 4000 4011 b861 c0a8 0001 c0a8 00c7");
  EXPECT_TRUE(ipv4_checksum_ok(header));
  header[10] = std::byte{0};
  EXPECT_FALSE(ipv4_checksum_ok(header));
  set_ipv4_checksum(header);
  EXPECT_EQ(view<Ipv4Header>(header)->checksum, be16(0xb861));
  EXPECT_FALSE(ipv4_checksum_ok({}));
}

TEST(Checksum, EveryLengthAndAlignment) {
  std::mt19937 random(2);
  const auto source = random_bytes(2000, random);
  for (size_t alignment = 0; alignment < 8; ++alignment) {
    for (size_t length = 0; length <= source.size(); ++length) {
      // A heap block that ends with the message: a read beyond it is seen by AddressSanitizer.
      std::vector<std::byte> room(alignment + length);
      std::copy_n(source.begin(), length, room.begin() + static_cast<ptrdiff_t>(alignment));
      const auto bytes = ConstBytes(room).subspan(alignment);
      ASSERT_EQ(compute_checksum(bytes).host(), static_cast<uint16_t>(~naive_sum(bytes)))
          << "length " << length << " alignment " << alignment;
    }
  }
}

TEST(Checksum, CarriesOfAllOnes) {
  for (size_t length : {1u, 2u, 63u, 64u, 65u, 9000u, 65535u}) {
    const std::vector<std::byte> ones(length, std::byte{0xff});
    EXPECT_EQ(compute_checksum(ones).host(), static_cast<uint16_t>(~naive_sum(ones))) << length;
    const std::vector<std::byte> zeros(length);
    EXPECT_EQ(compute_checksum(zeros), be16(0xffff));
  }
}

TEST(Checksum, PiecesOfAnyLengthAddUpToTheWhole) {
  std::mt19937 random(3);
  for (int round = 0; round < 3000; ++round) {
    const auto whole = random_bytes(random() % 600, random);
    ChecksumBuilder builder;
    ConstBytes rest = whole;
    while (!rest.empty()) {
      const size_t length = std::min<size_t>(rest.size(), random() % 70);
      builder.add(rest.first(length));
      rest = rest.subspan(length);
    }
    ASSERT_EQ(builder.sum().host(), naive_sum(whole));
  }
}

TEST(Checksum, FieldsCountAsTheirBytes) {
  std::mt19937 random(4);
  const auto bytes = random_bytes(26, random);
  ChecksumBuilder builder;
  builder.add(*view<be16>(bytes));
  builder.add(*view<Ipv4Address>(bytes, 2));
  builder.add(*view<be32>(bytes, 6));
  builder.add(*view<Ipv6Address>(bytes, 10));
  EXPECT_EQ(builder.sum().host(), naive_sum(bytes));
}

TEST(Checksum, PseudoHeaders) {
  const auto v4 = from_hex("c0000201 c6336402 00 11 1234");
  EXPECT_EQ(
      pseudo_header(Ipv4Address(0xc0000201), Ipv4Address(0xc6336402), 17, 0x1234).sum().host(),
      naive_sum(v4));
  // RFC 8200, 8.1: the length has 32 bits.
  const auto v6 = from_hex(
      "20010db8000000000000000000000001 fe8000000000000002005efffe000053 00012345 000000 3a");
  EXPECT_EQ(
      pseudo_header(*view<Ipv6Address>(v6), *view<Ipv6Address>(v6, 16), 58, 0x12345).sum().host(),
      naive_sum(v6));
}

TEST(UpdateChecksum, ExampleOfRfc1624) {
  // Section 4: HC = dd2f, m = 5555, m' = 3285 gives 0000, where equation 2 gives ffff.
  EXPECT_EQ(update_checksum(be16(0xdd2f), be16(0x5555), be16(0x3285)), be16(0x0000));
}

// The updated checksum is the one computed anew, for every width of field at every even place.
template <class Field>
void update_equals_recompute(uint32_t seed) {
  std::mt19937 random(seed);
  for (int round = 0; round < 5000; ++round) {
    auto message = random_bytes(40, random);
    message[39] = std::byte{1};  // else all could be zero, of which the checksum has two forms
    const be16 before = compute_checksum(message);
    const size_t at = random() % ((38 - sizeof(Field)) / 2) * 2;
    auto* field = mutable_view<Field>(message, at);
    const Field old_value = *field;
    for (size_t i = 0; i < sizeof(Field); ++i) {
      // Runs of zeros and ones are where the two zeros of one's complement show.
      const auto kind = random() % 3;
      message[at + i] = kind == 0   ? std::byte{0}
                        : kind == 1 ? std::byte{0xff}
                                    : static_cast<std::byte>(random());
    }
    ASSERT_EQ(update_checksum(before, old_value, *field), compute_checksum(message));
  }
}

TEST(UpdateChecksum, EqualsComputingAnew) {
  update_equals_recompute<be16>(5);
  update_equals_recompute<be32>(6);
  update_equals_recompute<Ipv4Address>(7);
  update_equals_recompute<Ipv6Address>(8);
}

TEST(UpdateChecksum, AWrongOneStaysWrong) {
  const auto message = from_hex("4500 0073 0000 4000 4011 b861 c0a8 0001 c0a8 00c7");
  const be16 wrong(0xb862);
  const be16 updated = update_checksum(wrong, be32(0xc0a80001), be32(0x0a000001));
  auto changed = message;
  *mutable_view<be16>(changed, 10) = updated;
  *mutable_view<be32>(changed, 12) = be32(0x0a000001);
  EXPECT_FALSE(ipv4_checksum_ok(changed));
}

TEST(UpdateChecksum, UdpKeepsNoneAndNeverMakesNone) {
  EXPECT_EQ(update_udp_checksum(be16(0), be16(1), be16(2)), be16(0));
  EXPECT_EQ(update_udp_checksum(be16(0xdd2f), be16(0x5555), be16(0x3285)), be16(0xffff));
  EXPECT_EQ(update_udp_checksum(be16(0x1000), be16(2), be16(1)), be16(0x1001));
}

}  // namespace
}  // namespace starocean::net
