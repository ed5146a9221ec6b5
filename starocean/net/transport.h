// TCP, UDP and VXLAN headers.
// Sources: RFC 9293 3.1; RFC 768; RFC 7348 section 5.
#pragma once

#include <cstdint>

#include "starocean/base/endian.h"
#include "starocean/net/view.h"

namespace starocean::net {

inline constexpr uint8_t kTcpFin = 0x01;
inline constexpr uint8_t kTcpSyn = 0x02;
inline constexpr uint8_t kTcpRst = 0x04;
inline constexpr uint8_t kTcpPsh = 0x08;
inline constexpr uint8_t kTcpAck = 0x10;
inline constexpr uint8_t kTcpUrg = 0x20;
inline constexpr uint8_t kTcpEce = 0x40;
inline constexpr uint8_t kTcpCwr = 0x80;

struct TcpHeader {
  be16 src_port;
  be16 dst_port;
  be32 sequence;
  be32 acknowledgment;
  uint8_t data_offset_reserved;
  uint8_t flags;
  be16 window;
  be16 checksum;
  be16 urgent_pointer;

  // Options counted; less than 20 in a malformed header.
  constexpr size_t header_length() const { return size_t{data_offset_reserved} / 16 * 4; }
};
static_assert(sizeof(TcpHeader) == 20);
inline constexpr size_t kTcpMaxHeaderLength = 60;

struct UdpHeader {
  be16 src_port;
  be16 dst_port;
  be16 length;    // header and payload, bytes
  be16 checksum;  // 0: none (IPv4; IPv6 only for tunnels, RFC 6935)
};
static_assert(sizeof(UdpHeader) == 8);

inline constexpr uint16_t kVxlanPort = 4789;
inline constexpr uint32_t kVxlanMaxVni = 0xffffff;
inline constexpr uint32_t kVxlanValidVni = 0x08000000;  // the I flag

struct VxlanHeader {
  be32 flags;
  be32 vni_reserved;

  constexpr bool has_vni() const { return (flags.host() & kVxlanValidVni) != 0; }
  constexpr uint32_t vni() const { return vni_reserved.host() >> 8; }
};
static_assert(sizeof(VxlanHeader) == 8);

}  // namespace starocean::net
