// Addresses of either family, and prefixes. An IPv4 address is kept in mapped form (::ffff:a.b.c.d,
// RFC 4291, 2.5.5.2), so that one type, one comparison and one hash serve both. Value types; any thread.
#pragma once

#include <compare>
#include <cstdint>
#include <string>

#include "starocean/net/ip_address.h"

namespace starocean::net {

enum class IpFamily : uint8_t { kIpv4 = 4, kIpv6 = 6 };

// The family that an address in this form belongs to.
constexpr IpFamily family_of(const Ipv6Address& address) {
  return address.is_mapped() ? IpFamily::kIpv4 : IpFamily::kIpv6;
}

// `length` bits of `address`, counted within the family: 0 to 32, or 0 to 128. Bits behind them are zero.
struct IpPrefix {
  IpFamily family = IpFamily::kIpv4;
  uint8_t length = 0;
  Ipv6Address address = Ipv6Address::mapped(Ipv4Address());

  static IpPrefix v4(Ipv4Address address, uint8_t length) {
    return {IpFamily::kIpv4, length, Ipv6Address::mapped(address)};
  }
  static IpPrefix v6(const Ipv6Address& address, uint8_t length) {
    return {IpFamily::kIpv6, length, address};
  }
  uint32_t host4() const { return address.embedded_ipv4(); }
  // "10.0.0.0/8", "2001:db8::/32".
  std::string to_string() const;

  // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy takes the 0 of a defaulted <=> for a pointer
  constexpr auto operator<=>(const IpPrefix&) const = default;
};

// As text: IPv4 as a dotted quad, IPv6 by RFC 5952.
std::string to_string_either(const Ipv6Address& address);

}  // namespace starocean::net
