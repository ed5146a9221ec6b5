// A MAC address (EUI-48), as its six bytes lie in the frame.
//
// Alignment 1 and no padding: it stands as a member of header structs over any address. A value
// type; any thread.
#pragma once

#include <array>
#include <bit>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "starocean/base/result.h"

namespace starocean::net {

class MacAddress {
 public:
  static constexpr size_t kSize = 6;
  using Bytes = std::array<uint8_t, kSize>;

  constexpr MacAddress() = default;
  explicit constexpr MacAddress(const Bytes& bytes) : bytes_(bytes) {}

  // Six groups of two hexadecimal digits, all joined by ':' or all by '-'. The error names the
  // text.
  static Result<MacAddress> parse(std::string_view text);
  static constexpr MacAddress broadcast() {
    return MacAddress({0xff, 0xff, 0xff, 0xff, 0xff, 0xff});
  }

  // Lower case, joined by ':'.
  std::string to_string() const;
  constexpr const Bytes& bytes() const { return bytes_; }

  // The I/G bit (IEEE 802-2014, 8.2.2). Broadcast is multicast too.
  constexpr bool is_multicast() const { return (bytes_[0] & 1) != 0; }
  constexpr bool is_unicast() const { return !is_multicast(); }
  constexpr bool is_broadcast() const { return *this == broadcast(); }
  constexpr bool is_zero() const { return *this == MacAddress(); }
  // 01:80:c2:00:00:00 to 0f: a bridge never forwards these (IEEE 802.1Q-2018, table 8-1).
  constexpr bool is_reserved_8021d() const {
    return bytes_[0] == 0x01 && bytes_[1] == 0x80 && bytes_[2] == 0xc2 && bytes_[3] == 0 &&
           bytes_[4] == 0 && bytes_[5] < 0x10;
  }

  // The 48 bits in the low part of an integer, for hashing and comparing: equal addresses give
  // equal integers, but the value depends on the CPU's byte order.
  constexpr uint64_t as_u64() const {
    struct Words {
      std::array<uint8_t, 4> first;
      std::array<uint8_t, 2> last;
    };
    const auto words = std::bit_cast<Words>(bytes_);
    return std::bit_cast<uint32_t>(words.first) | uint64_t{std::bit_cast<uint16_t>(words.last)}
                                                      << 32;
  }

  // By integers: a defaulted comparison of byte arrays calls memcmp.
  constexpr bool operator==(const MacAddress& other) const { return as_u64() == other.as_u64(); }
  // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy takes the 0 of a defaulted <=> for a pointer
  constexpr std::strong_ordering operator<=>(const MacAddress&) const = default;

 private:
  Bytes bytes_{};
};

static_assert(sizeof(MacAddress) == 6 && alignof(MacAddress) == 1);

}  // namespace starocean::net

template <>
struct std::hash<starocean::net::MacAddress> {
  size_t operator()(const starocean::net::MacAddress& mac) const noexcept {
    return std::hash<uint64_t>()(mac.as_u64());
  }
};
