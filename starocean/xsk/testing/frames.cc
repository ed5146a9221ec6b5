#include "starocean/xsk/testing/frames.h"

#include <arpa/inet.h>

#include <array>
#include <cctype>

#include "starocean/base/check.h"

namespace starocean::xsk::testing {
namespace {

// RFC 1071, the slow and obvious way.
uint16_t checksum(const Bytes& data) {
  uint32_t sum = 0;
  for (size_t i = 0; i < data.size(); ++i) {
    sum += i % 2 == 0 ? static_cast<uint32_t>(data[i]) << 8 : data[i];
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return static_cast<uint16_t>(~sum);
}

void patch(Bytes& data, size_t offset, uint16_t value) {
  data.replace(offset, 2, be16_bytes(value));
}

}  // namespace

Bytes hex(std::string_view text) {
  Bytes result;
  std::string digits;
  for (const char c : text) {
    if (std::isxdigit(static_cast<unsigned char>(c)) != 0) digits += c;
  }
  for (size_t i = 0; i + 1 < digits.size(); i += 2) {
    result += static_cast<uint8_t>(std::stoi(digits.substr(i, 2), nullptr, 16));
  }
  return result;
}

Bytes mac(uint8_t last) {
  return Bytes{0x02, 0, 0, 0, 0, last};
}

Bytes eth(uint16_t ether_type, const Bytes& destination, const Bytes& source) {
  return destination + source + be16_bytes(ether_type);
}

Bytes tag(uint16_t vlan, uint16_t ether_type) {
  return be16_bytes(vlan) + be16_bytes(ether_type);
}

Bytes address_bytes(std::string_view address) {
  const std::string text(address);
  std::array<uint8_t, 16> raw{};
  const bool is_ip6 = text.find(':') != std::string::npos;
  SO_CHECK(inet_pton(is_ip6 ? AF_INET6 : AF_INET, text.c_str(), raw.data()) == 1, "not an address");
  return Bytes(raw.data(), is_ip6 ? 16 : 4);
}

Bytes ip4(const Ip4& header, const Bytes& payload) {
  const size_t header_len = 20 + header.options_len;
  Bytes result{static_cast<uint8_t>(0x40 | (header_len / 4)), 0};
  result += be16_bytes(static_cast<uint32_t>(header_len + payload.size()));
  result += be16_bytes(0x1234) + be16_bytes(header.fragment);
  result += Bytes{64, header.protocol} + zeros(2);
  result += address_bytes(header.source) + address_bytes(header.destination);
  result += Bytes(header.options_len, 1);  // no-operation options
  patch(result, 10, checksum(result));
  return result + payload;
}

Bytes ip6(const Ip6& header, const Bytes& payload) {
  return Bytes{0x60, 0, 0, 0} + be16_bytes(static_cast<uint32_t>(payload.size())) +
         Bytes{header.next, 64} + address_bytes(header.source) + address_bytes(header.destination) +
         payload;
}

Bytes ip6_extension(uint8_t next, uint8_t units) {
  // PadN over the whole rest.
  const size_t rest = 6 + size_t{units} * 8;
  if (rest - 2 > 255) return Bytes{next, units} + zeros(rest);
  return Bytes{next, units, 1, static_cast<uint8_t>(rest - 2)} + zeros(rest - 2);
}

Bytes ip6_fragment(uint8_t next, uint16_t offset_units, bool more) {
  return Bytes{next, 0} + be16_bytes(static_cast<uint32_t>(offset_units << 3 | (more ? 1 : 0))) +
         Bytes{0, 0, 0x12, 0x34};
}

Bytes ip6_authentication(uint8_t next, uint8_t words_minus_2) {
  return Bytes{next, words_minus_2} + zeros((size_t{words_minus_2} + 2) * 4 - 2);
}

Bytes udp(uint16_t source, uint16_t destination, const Bytes& payload) {
  return be16_bytes(source) + be16_bytes(destination) +
         be16_bytes(static_cast<uint32_t>(8 + payload.size())) + zeros(2) + payload;
}

Bytes udp6(const Ip6& header, uint16_t source, uint16_t destination, const Bytes& payload) {
  Bytes datagram = udp(source, destination, payload);
  const Bytes pseudo = address_bytes(header.source) + address_bytes(header.destination) + zeros(2) +
                       be16_bytes(static_cast<uint32_t>(datagram.size())) + Bytes{0, 0, 0, 17};
  patch(datagram, 6, checksum(pseudo + datagram));
  return datagram;
}

Bytes tcp(uint16_t source, uint16_t destination) {
  return be16_bytes(source) + be16_bytes(destination) + zeros(8) + Bytes{0x50, 0x02} + zeros(6);
}

Bytes icmp(uint8_t type, uint8_t code, const Bytes& rest_and_payload) {
  Bytes message = Bytes{type, code} + zeros(2) + rest_and_payload;
  patch(message, 2, checksum(message));
  return message;
}

Bytes arp(uint16_t operation, std::string_view sender, std::string_view target) {
  return be16_bytes(1) + be16_bytes(0x0800) + Bytes{6, 4} + be16_bytes(operation) + mac(2) +
         address_bytes(sender) + zeros(6) + address_bytes(target);
}

Bytes neighbour_solicitation(std::string_view target) {
  return Bytes{135, 0} + zeros(6) + address_bytes(target) + Bytes{1, 1} + mac(2);
}

}  // namespace starocean::xsk::testing
