// Where everything lies in a frame, found in one pass.
//
// parse() never reads outside the span it is given and never fails: whatever the bytes are, it says
// how far it came, what stopped it, and leaves every field of a layer that it did not reach at
// zero. It checks structure (versions, lengths, that headers are there), not checksums; see
// checksum.h. Pure; any thread; about 10 ns for TCP over IPv4.
//
// Offsets count from the start of the frame, in bytes. Numbers are in host order.
#pragma once

#include <cstddef>
#include <cstdint>

#include "starocean/net/ethernet.h"
#include "starocean/net/ip_header.h"
#include "starocean/net/view.h"

namespace starocean::net {

enum class ParseStatus : uint8_t {
  // Nothing is wrong. All layers were read, up to the transport header where there is one: none in
  // ARP,
  // in a fragment after the first, and after "no next header".
  kOk,
  // Nothing is wrong, and the payload of Ethernet (kUnknownEtherType: LLC frames too, and more than
  // kMaxVlanTags tags) or IP (kUnknownProtocol: ESP too) is not one that parse() reads.
  kUnknownEtherType,
  kUnknownProtocol,
  // The frame ends inside this header. For kTruncatedTransport: the frame or the IP length does.
  kTruncatedEthernet,
  kTruncatedVlan,
  kTruncatedArp,
  kTruncatedIpv4,
  kTruncatedIpv6,
  kTruncatedExtension,
  kTruncatedTransport,
  // The IP length leads beyond the frame, or the IPv4 total length is shorter than the header. In
  // the
  // first case what follows is still read, as far as the frame goes.
  kBadIpLength,
  // ARP that is not IPv4 over Ethernet.
  kBadArp,
  // The version is not that of the EtherType, or the IPv4 header length is below 20.
  kBadIpHeader,
  // More IPv6 extension headers than kMaxIpv6Extensions.
  kTooManyExtensions,
  // TCP data offset below 20; UDP length below 8 or beyond the IP payload.
  kBadTransport,
  kCount,
};

// The name in words: "ok", "truncated IPv4 header" …
const char* to_string(ParseStatus status);

constexpr bool is_malformed(ParseStatus status) {
  return status > ParseStatus::kUnknownProtocol;
}

enum class Fragment : uint8_t {
  kNone,   // a whole packet (an IPv6 "atomic" fragment, RFC 6946, is one)
  kFirst,  // offset 0, more to come: has the transport header, not all of the payload
  kLater,  // offset > 0: has no transport header
};

inline constexpr size_t kMaxVlanTags = 2;

struct ParsedPacket {
  ParseStatus status = ParseStatus::kOk;
  Fragment fragment = Fragment::kNone;
  uint8_t ip_version = 0;  // 4, 6, or 0
  uint8_t protocol = 0;  // what follows IP and its extension headers; valid when l4_offset is not 0
  uint8_t vlan_count = 0;
  uint8_t tcp_flags = 0;
  uint8_t icmp_type = 0;  // of ICMP and ICMPv6
  uint8_t icmp_code = 0;
  VlanTag vlan[kMaxVlanTags];   // the outermost first
  uint16_t ethertype = 0;       // after the tags read; a length in an LLC frame
  uint16_t l3_offset = 0;       // what follows the tags read; 0 when the frame ends before
  uint16_t l4_offset = 0;       // what follows IP and its extension headers; 0 when not reached
  uint16_t payload_offset = 0;  // after TCP, UDP, ICMP (8 bytes) or ICMPv6 (4); 0 when not reached
  uint16_t src_port = 0;        // of TCP and UDP
  uint16_t dst_port = 0;
  uint16_t fragment_offset = 0;  // bytes
  // Where the address lies that the transport's pseudo-header has as destination: not always that
  // of the IPv6 header (RFC 8200, 8.1, on routing headers). 0 when not known.
  uint16_t pseudo_dst_offset = 0;
  bool ip_options = false;  // IPv4 options or IPv6 extension headers are there
  bool has_ports = false;   // src_port and dst_port were read
  // IP header and payload, from l3_offset on, as the IP header says; padding of short frames is
  // beyond.
  uint32_t l3_length = 0;
  uint32_t frame_length = 0;

  // The ports and flags of that protocol were read: not so in a fragment after the first.
  bool is_tcp() const { return has_ports && protocol == kProtoTcp; }
  bool is_udp() const { return has_ports && protocol == kProtoUdp; }
  // The transport header and its payload; meaningful when l4_offset is not 0.
  uint32_t l4_length() const { return l3_offset + l3_length - l4_offset; }
  uint16_t src_address_offset() const {
    return static_cast<uint16_t>(l3_offset + (ip_version == 4 ? 12 : 8));
  }
  uint16_t dst_address_offset() const {
    return static_cast<uint16_t>(l3_offset + (ip_version == 4 ? 16 : 24));
  }
};

// `head` is the frame, or the first piece of a frame of `frame_length` bytes that lies in several
// pieces: all headers must lie in that piece, lengths are checked against the whole frame.
ParsedPacket parse(ConstBytes head, size_t frame_length);
inline ParsedPacket parse(ConstBytes frame) {
  return parse(frame, frame.size());
}
// The same of a packet that begins with its IP header: offsets count from there.
ParsedPacket parse_ip(ConstBytes head, size_t packet_length);

}  // namespace starocean::net
