// Integers in network byte order, as types of their own.
//
// A be16/be32/be64 holds the bytes as they lie in the packet; it has alignment 1, so that packed header
// structs may be laid over any address, and no arithmetic, so that a forgotten conversion does not
// compile. `host()` reads it, construction from a host integer writes it. Works the same on big-endian
// CPUs (the tests run on s390x).
#pragma once

#include <array>
#include <bit>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace starocean {

template <class T>
class BigEndian {
 public:
  using Host = T;

  constexpr BigEndian() = default;
  explicit constexpr BigEndian(T value) : bytes_(std::bit_cast<Bytes>(swap(value))) {}

  constexpr T host() const { return swap(raw()); }
  // The integer whose memory image is these bytes: for checksums and hashes, where order is immaterial
  // or handled by the caller.
  constexpr T raw() const { return std::bit_cast<T>(bytes_); }
  static constexpr BigEndian from_raw(T raw) {
    BigEndian result;
    result.bytes_ = std::bit_cast<Bytes>(raw);
    return result;
  }

  // As one integer: GCC 12 compiles a defaulted comparison of the bytes into a call of memcmp.
  constexpr bool operator==(const BigEndian& other) const { return raw() == other.raw(); }
  constexpr std::strong_ordering operator<=>(const BigEndian& other) const {
    return host() <=> other.host();
  }

 private:
  using Bytes = std::array<uint8_t, sizeof(T)>;

  static constexpr T swap(T value) {
    if constexpr (std::endian::native == std::endian::big) {
      return value;
    } else if constexpr (sizeof(T) == 2) {
      return __builtin_bswap16(value);
    } else if constexpr (sizeof(T) == 4) {
      return __builtin_bswap32(value);
    } else {
      return __builtin_bswap64(value);
    }
  }

  Bytes bytes_{};
};

using be16 = BigEndian<uint16_t>;
using be32 = BigEndian<uint32_t>;
using be64 = BigEndian<uint64_t>;

static_assert(sizeof(be16) == 2 && alignof(be16) == 1);
static_assert(sizeof(be32) == 4 && alignof(be32) == 1);
static_assert(sizeof(be64) == 8 && alignof(be64) == 1);

}  // namespace starocean
