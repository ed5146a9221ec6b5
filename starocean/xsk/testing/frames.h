// Frames for tests, put together from parts: eth(...) + ip4(...) + udp(...) + bytes(18). Written
// apart from starocean/net, so that a mistake there cannot hide one here. Lengths and IPv4 header
// checksums are right unless a test breaks them; UDP over IPv4 carries no checksum (RFC 768: zero
// means none).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace starocean::xsk::testing {

using Bytes = std::basic_string<uint8_t>;  // for its operator+

inline Bytes be16_bytes(uint32_t value) {
  return {static_cast<uint8_t>(value >> 8), static_cast<uint8_t>(value)};
}
inline Bytes zeros(size_t count) {
  return Bytes(count, 0);
}
// Bytes that differ from place to place, and from one `seed` to the next.
inline Bytes pattern(size_t count, uint32_t seed = 0) {
  Bytes result(count, 0);
  for (size_t i = 0; i < count; ++i) result[i] = static_cast<uint8_t>(i * 7 + i / 256 + seed * 31);
  return result;
}
// From hexadecimal digits; blanks are ignored.
Bytes hex(std::string_view text);

Bytes mac(uint8_t last);  // 02:00:00:00:00:last
Bytes eth(uint16_t ether_type, const Bytes& destination = mac(1), const Bytes& source = mac(2));
// Follows an eth(0x8100 or 0x88a8).
Bytes tag(uint16_t vlan, uint16_t ether_type);

// `address` as in "10.0.0.1" or "fd00::1".
Bytes address_bytes(std::string_view address);

struct Ip4 {
  std::string_view source = "10.0.0.2";
  std::string_view destination = "10.0.0.1";
  uint8_t protocol = 17;
  uint16_t fragment = 0;  // flags and offset: 0x2000 more fragments, the rest in units of 8 bytes
  size_t options_len = 0;
};
Bytes ip4(const Ip4& header, const Bytes& payload);

struct Ip6 {
  std::string_view source = "fd00::2";
  std::string_view destination = "fd00::1";
  uint8_t next = 17;
};
Bytes ip6(const Ip6& header, const Bytes& payload);
// A hop-by-hop, routing or destination options header of `units` + 1 times 8 bytes.
Bytes ip6_extension(uint8_t next, uint8_t units = 0);
Bytes ip6_fragment(uint8_t next, uint16_t offset_units, bool more);
Bytes ip6_authentication(uint8_t next, uint8_t words_minus_2);

// Ports and length; checksum zero.
Bytes udp(uint16_t source, uint16_t destination, const Bytes& payload = {});
// With the checksum that IPv6 insists on.
Bytes udp6(const Ip6& header, uint16_t source, uint16_t destination, const Bytes& payload);
Bytes tcp(uint16_t source, uint16_t destination);
// An ICMP message: type, code, a right ICMPv4 checksum, 4 bytes of rest, and what follows.
Bytes icmp(uint8_t type, uint8_t code, const Bytes& rest_and_payload);
Bytes arp(uint16_t operation, std::string_view sender, std::string_view target);
Bytes neighbour_solicitation(std::string_view target);

}  // namespace starocean::xsk::testing
