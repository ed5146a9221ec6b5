#include "starocean/net/checksum.h"

#include <bit>

#include "starocean/base/check.h"

namespace starocean::net {
namespace {

template <class Word>
Word load(const std::byte* from) {
  Word word;
  std::memcpy(&word, from, sizeof word);
  return word;
}

uint32_t fold_to_32(uint64_t sum) {
  sum = (sum & 0xffffffff) + (sum >> 32);
  return static_cast<uint32_t>(sum + (sum >> 32));
}

uint16_t fold(uint64_t sum) {
  const uint32_t half = fold_to_32(sum);
  const uint32_t words = (half & 0xffff) + (half >> 16);
  return static_cast<uint16_t>(words + (words >> 16));
}

// Two 64-bit lanes: what SSE2 and NEON have; without either the compiler splits them.
using Lanes = uint64_t __attribute__((vector_size(16)));

// Each 32-bit word is added to a 64-bit lane, so that no carry is lost and none needs adding back.
uint64_t sum_blocks(const std::byte*& data, size_t& length) {
  constexpr size_t kBlock = 64;
  constexpr Lanes kLow = {0xffffffff, 0xffffffff};
  Lanes even[2] = {};
  Lanes odd[2] = {};
  for (; length >= kBlock; data += kBlock, length -= kBlock) {
    for (size_t i = 0; i < 4; ++i) {
      const auto words = load<Lanes>(data + i * sizeof(Lanes));
      even[i % 2] += words & kLow;
      odd[i % 2] += words >> 32;
    }
  }
  const Lanes all = even[0] + even[1] + odd[0] + odd[1];
  return all[0] + all[1];
}

// The sum of `length` bytes as words in memory order, the last one padded with a zero byte; not
// folded.
uint64_t sum_bytes(const std::byte* data, size_t length) {
  uint64_t sum = 0;
  if (length >= 64) sum = sum_blocks(data, length);
  for (; length >= 8; data += 8, length -= 8) {
    const auto words = load<uint64_t>(data);
    sum += (words & 0xffffffff) + (words >> 32);
  }
  if (length >= 4) {
    sum += load<uint32_t>(data);
    data += 4;
    length -= 4;
  }
  if (length >= 2) {
    sum += load<uint16_t>(data);
    data += 2;
    length -= 2;
  }
  if (length == 1) {
    const auto last = std::to_integer<uint16_t>(*data);
    sum += be16(static_cast<uint16_t>(last << 8)).raw();
  }
  return sum;
}

// ~HC + ~m + m', complemented (RFC 1624, equation 3), for sums of any number of words.
be16 replace(be16 checksum, uint64_t before, uint64_t after) {
  const auto kept = static_cast<uint16_t>(~checksum.raw());
  const auto removed = static_cast<uint16_t>(~fold(before));
  return be16::from_raw(static_cast<uint16_t>(~fold(uint64_t{kept} + removed + fold(after))));
}

uint64_t sum_of(const Ipv6Address& address) {
  return sum_bytes(reinterpret_cast<const std::byte*>(address.bytes().data()), Ipv6Address::kSize);
}

}  // namespace

void ChecksumBuilder::add(ConstBytes bytes) {
  uint64_t sum = sum_bytes(bytes.data(), bytes.size());
  // Every byte of this piece stands in the other half of its word: swap the halves of the sum
  // (RFC 1071, 2 (B)).
  if (odd_) sum = __builtin_bswap16(fold(sum));
  sum_ += fold_to_32(sum);
  odd_ ^= (bytes.size() & 1) != 0;
}

be16 ChecksumBuilder::sum() const {
  return be16::from_raw(fold(sum_));
}

be16 compute_checksum(ConstBytes bytes) {
  return be16::from_raw(static_cast<uint16_t>(~fold(sum_bytes(bytes.data(), bytes.size()))));
}

ChecksumBuilder pseudo_header(Ipv4Address src, Ipv4Address dst, uint8_t protocol,
                              uint32_t length_bytes) {
  ChecksumBuilder builder;
  builder.add(src);
  builder.add(dst);
  builder.add(be16(protocol));
  builder.add(be32(length_bytes));
  return builder;
}

ChecksumBuilder pseudo_header(const Ipv6Address& src, const Ipv6Address& dst, uint8_t protocol,
                              uint32_t length_bytes) {
  ChecksumBuilder builder;
  builder.add(src);
  builder.add(dst);
  builder.add(be32(length_bytes));
  builder.add(be32(protocol));
  return builder;
}

be16 update_checksum(be16 checksum, be16 before, be16 after) {
  return replace(checksum, before.raw(), after.raw());
}

be16 update_checksum(be16 checksum, be32 before, be32 after) {
  return replace(checksum, before.raw(), after.raw());
}

be16 update_checksum(be16 checksum, Ipv4Address before, Ipv4Address after) {
  return update_checksum(checksum, before.be(), after.be());
}

be16 update_checksum(be16 checksum, const Ipv6Address& before, const Ipv6Address& after) {
  return replace(checksum, sum_of(before), sum_of(after));
}

bool ipv4_checksum_ok(ConstBytes header) {
  return !header.empty() && compute_checksum(header).raw() == 0;
}

void set_ipv4_checksum(MutableBytes bytes) {
  auto* header = mutable_view<Ipv4Header>(bytes);
  SO_CHECK(header != nullptr, "an IPv4 checksum is set in a whole header");
  header->checksum = be16(0);
  header->checksum = compute_checksum(bytes);
}

}  // namespace starocean::net
