// Frames that the tests of this layer share: from hexadecimal text, and built.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "starocean/net/build.h"
#include "starocean/net/hex.h"
#include "starocean/net/transport.h"

namespace starocean::net {

using Frame = std::vector<std::byte>;

inline constexpr MacAddress kMacA({0x02, 0, 0, 0, 0, 0x0a});
inline constexpr MacAddress kMacB({0x02, 0, 0, 0, 0, 0x0b});
inline constexpr Ipv4Address kV4A(0xc0000201);
inline constexpr Ipv4Address kV4B(0xc6336402);
inline constexpr Ipv6Address kV6A({0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x0a});
inline constexpr Ipv6Address kV6B({0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x0b});

// Digits in pairs; spaces are skipped.
inline Frame from_hex(std::string_view text) {
  Frame bytes;
  int high = -1;
  for (const char c : text) {
    const int digit = hex_digit(c);
    if (digit < 0) continue;
    if (high < 0) {
      high = digit;
    } else {
      bytes.push_back(static_cast<std::byte>(high << 4 | digit));
      high = -1;
    }
  }
  return bytes;
}

inline Frame join(std::initializer_list<Frame> parts) {
  Frame all;
  for (const Frame& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

// RFC 1071, section 1, as the text says it, a byte at a time: what the code under test is compared with.
inline uint16_t slow_checksum(ConstBytes bytes) {
  uint32_t sum = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    const auto byte = std::to_integer<uint32_t>(bytes[i]);
    sum += i % 2 == 0 ? byte << 8 : byte;
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return static_cast<uint16_t>(~sum);
}

// A packet of `payload` counting bytes in a buffer of its own, with 256 bytes of room on either
// side.
class BuiltPacket {
 public:
  explicit BuiltPacket(size_t payload = 0) : room_(payload + 512), packet_(room_, 256, payload) {
    for (size_t i = 0; i < payload; ++i) packet_.bytes()[i] = static_cast<std::byte>(i);
  }
  PacketBuffer& buffer() { return packet_; }
  // A copy whose heap block ends with the frame.
  Frame frame() const { return {packet_.bytes().begin(), packet_.bytes().end()}; }

 private:
  std::vector<std::byte> room_;
  PacketBuffer packet_;
};

inline Frame ethernet(uint16_t ethertype, const Frame& payload) {
  Frame header(sizeof(EthernetHeader));
  *mutable_view<EthernetHeader>(header) = {kMacB, kMacA, be16(ethertype)};
  return join({header, payload});
}

inline Frame udp4_frame(size_t payload) {
  BuiltPacket packet(payload);
  EXPECT_TRUE(push_udp(packet.buffer(), {1111, 2222}, kV4A, kV4B));
  EXPECT_TRUE(push_ipv4(packet.buffer(), {.src = kV4A, .dst = kV4B, .protocol = kProtoUdp}));
  EXPECT_TRUE(push_ethernet(packet.buffer(), {kMacB, kMacA, kEtherTypeIpv4}));
  return packet.frame();
}

inline Frame tcp4_frame(size_t payload, const Frame& options = {}) {
  BuiltPacket packet(payload);
  const TcpFields tcp{.src_port = 1111,
                      .dst_port = 80,
                      .sequence = 7,
                      .acknowledgment = 8,
                      .flags = kTcpSyn | kTcpEce,
                      .window = 512,
                      .options = options};
  EXPECT_TRUE(push_tcp(packet.buffer(), tcp, kV4A, kV4B));
  EXPECT_TRUE(push_ipv4(packet.buffer(), {.src = kV4A, .dst = kV4B, .protocol = kProtoTcp}));
  EXPECT_TRUE(push_ethernet(packet.buffer(), {kMacB, kMacA, kEtherTypeIpv4}));
  return packet.frame();
}

inline Frame tcp6_frame(size_t payload) {
  BuiltPacket packet(payload);
  const TcpFields tcp{.src_port = 1111, .dst_port = 80, .flags = kTcpAck};
  EXPECT_TRUE(push_tcp(packet.buffer(), tcp, kV6A, kV6B));
  EXPECT_TRUE(push_ipv6(packet.buffer(), {.src = kV6A, .dst = kV6B, .next_header = kProtoTcp}));
  EXPECT_TRUE(push_ethernet(packet.buffer(), {kMacB, kMacA, kEtherTypeIpv6}));
  return packet.frame();
}

inline Frame udp6_frame(size_t payload) {
  BuiltPacket packet(payload);
  EXPECT_TRUE(push_udp(packet.buffer(), {1111, 2222}, kV6A, kV6B));
  EXPECT_TRUE(push_ipv6(packet.buffer(), {.src = kV6A, .dst = kV6B, .next_header = kProtoUdp}));
  EXPECT_TRUE(push_ethernet(packet.buffer(), {kMacB, kMacA, kEtherTypeIpv6}));
  return packet.frame();
}

// IPv6 with `next_header` and the bytes given after the header.
inline Frame ipv6_frame(uint8_t next_header, const Frame& rest) {
  BuiltPacket packet(rest.size());
  std::copy(rest.begin(), rest.end(), packet.buffer().bytes().begin());
  EXPECT_TRUE(push_ipv6(packet.buffer(), {.src = kV6A, .dst = kV6B, .next_header = next_header}));
  EXPECT_TRUE(push_ethernet(packet.buffer(), {kMacB, kMacA, kEtherTypeIpv6}));
  return packet.frame();
}

inline Frame with_tag(const Frame& frame, VlanTag tag) {
  BuiltPacket packet(frame.size());
  std::copy(frame.begin(), frame.end(), packet.buffer().bytes().begin());
  EXPECT_TRUE(push_vlan(packet.buffer(), tag));
  return packet.frame();
}

}  // namespace starocean::net
