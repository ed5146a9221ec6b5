// IPv4 and IPv6 addresses, as their bytes lie in the packet: alignment 1, no padding, usable as
// members of header structs over any address. Value types; any thread.
#pragma once

#include <array>
#include <bit>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>

#include "starocean/base/endian.h"
#include "starocean/base/result.h"
#include "starocean/net/mac_address.h"

namespace starocean::net {

class Ipv4Address {
 public:
  constexpr Ipv4Address() = default;
  // From an integer in host order: 0x0a000001 is 10.0.0.1.
  explicit constexpr Ipv4Address(uint32_t host) : value_(host) {}
  explicit constexpr Ipv4Address(be32 value) : value_(value) {}

  // Four decimal numbers joined by '.', none with a leading zero (which some programs take as
  // octal).
  static Result<Ipv4Address> parse(std::string_view text);
  std::string to_string() const;

  constexpr uint32_t host() const { return value_.host(); }
  constexpr be32 be() const { return value_; }

  constexpr bool is_zero() const { return value_.raw() == 0; }
  // 224.0.0.0/4 (RFC 5771).
  constexpr bool is_multicast() const { return host() >> 28 == 0xe; }
  // The limited broadcast address 255.255.255.255 (RFC 919); that of a subnet needs its mask.
  constexpr bool is_broadcast() const { return value_.raw() == 0xffffffff; }
  // 127.0.0.0/8 (RFC 1122, 3.2.1.3).
  constexpr bool is_loopback() const { return host() >> 24 == 127; }

  // As integers: a defaulted comparison of byte arrays calls memcmp.
  constexpr bool operator==(const Ipv4Address& other) const {
    return value_.raw() == other.value_.raw();
  }
  constexpr std::strong_ordering operator<=>(const Ipv4Address& other) const {
    return host() <=> other.host();
  }

 private:
  be32 value_;
};

class Ipv6Address {
 public:
  static constexpr size_t kSize = 16;
  using Bytes = std::array<uint8_t, kSize>;

  constexpr Ipv6Address() = default;
  explicit constexpr Ipv6Address(const Bytes& bytes) : bytes_(bytes) {}
  // ::ffff:a.b.c.d (RFC 4291, 2.5.5.2).
  static constexpr Ipv6Address mapped(Ipv4Address v4) {
    struct Layout {
      uint64_t zeros;
      std::array<uint8_t, 4> prefix;
      Ipv4Address address;
    };
    return Ipv6Address(std::bit_cast<Bytes>(Layout{0, {0, 0, 0xff, 0xff}, v4}));
  }

  // The forms of RFC 4291, 2.2: full, with one "::", with a dotted IPv4 tail. No zone ("%eth0").
  static Result<Ipv6Address> parse(std::string_view text);
  // The form of RFC 5952, section 4; IPv4-mapped addresses end in a dotted quad (section 5).
  std::string to_string() const;

  constexpr const Bytes& bytes() const { return bytes_; }

  constexpr bool is_unspecified() const { return *this == Ipv6Address(); }
  constexpr bool is_multicast() const { return bytes_[0] == 0xff; }
  // fe80::/10.
  constexpr bool is_link_local() const { return bytes_[0] == 0xfe && (bytes_[1] & 0xc0) == 0x80; }
  constexpr bool is_loopback() const {
    Bytes one{};
    one[15] = 1;
    return bytes_ == one;
  }
  constexpr bool is_mapped() const { return *this == mapped(Ipv4Address(embedded_ipv4())); }
  // The last four bytes as an IPv4 address in host order; meaningful when is_mapped().
  constexpr uint32_t embedded_ipv4() const {
    return uint32_t{bytes_[12]} << 24 | uint32_t{bytes_[13]} << 16 | uint32_t{bytes_[14]} << 8 |
           bytes_[15];
  }
  // ff02::1:ffXX:XXXX, where solicitations for this address go (RFC 4291, 2.7.1).
  constexpr Ipv6Address solicited_node() const {
    return Ipv6Address(
        {0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, bytes_[13], bytes_[14], bytes_[15]});
  }
  // 33:33 and the last four bytes: the MAC address of a multicast address (RFC 2464, section 7).
  constexpr MacAddress multicast_mac() const {
    return MacAddress({0x33, 0x33, bytes_[12], bytes_[13], bytes_[14], bytes_[15]});
  }

  constexpr bool operator==(const Ipv6Address& other) const {
    const auto mine = std::bit_cast<Words>(bytes_);
    const auto theirs = std::bit_cast<Words>(other.bytes_);
    return ((mine[0] ^ theirs[0]) | (mine[1] ^ theirs[1])) == 0;
  }
  // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy takes the 0 of a defaulted <=> for a pointer
  constexpr std::strong_ordering operator<=>(const Ipv6Address&) const = default;

 private:
  using Words = std::array<uint64_t, 2>;

  Bytes bytes_{};
};

// ff02::1 (RFC 4291, 2.7.1).
inline constexpr Ipv6Address kAllNodes({0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1});

static_assert(sizeof(Ipv4Address) == 4 && alignof(Ipv4Address) == 1);
static_assert(sizeof(Ipv6Address) == 16 && alignof(Ipv6Address) == 1);

}  // namespace starocean::net

template <>
struct std::hash<starocean::net::Ipv4Address> {
  size_t operator()(const starocean::net::Ipv4Address& address) const noexcept {
    return std::hash<uint32_t>()(address.be().raw());
  }
};

template <>
struct std::hash<starocean::net::Ipv6Address> {
  size_t operator()(const starocean::net::Ipv6Address& address) const noexcept {
    return std::hash<std::string_view>()(
        {reinterpret_cast<const char*>(address.bytes().data()), address.bytes().size()});
  }
};
