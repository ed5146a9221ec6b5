// The addresses, protocol and ports of a packet: what flow tables key on and hashes spread by.
//
// All fragments of a datagram, the first too, have ports 0, so that they share a tuple. ICMP and
// unknown protocols have ports 0. Pure; any thread; a few ns for TCP and UDP over IPv4.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <type_traits>

#include "starocean/net/ip_address.h"
#include "starocean/net/parse.h"

namespace starocean::net {

// 40 bytes without padding, to be hashed and compared as a whole. IPv4 addresses stand in mapped
// form
// (::ffff:a.b.c.d).
struct alignas(8) FiveTuple {
  Ipv6Address src;
  Ipv6Address dst;
  be16 src_port;
  be16 dst_port;
  uint8_t protocol = 0;
  uint8_t ip_version = 0;
  uint16_t reserved = 0;  // 0

  // The tuple of the other direction.
  FiveTuple reversed() const {
    return {dst, src, dst_port, src_port, protocol, ip_version, reserved};
  }
  bool operator==(const FiveTuple& other) const {
    using Words = std::array<uint64_t, 5>;
    const auto mine = std::bit_cast<Words>(*this);
    const auto theirs = std::bit_cast<Words>(other);
    uint64_t difference = 0;
    for (size_t i = 0; i < mine.size(); ++i) difference |= mine[i] ^ theirs[i];
    return difference == 0;
  }
};
static_assert(sizeof(FiveTuple) == 40 && std::has_unique_object_representations_v<FiveTuple>);

// True, with `tuple` filled, for every frame that parse() finds to be IP and not malformed. False:
// the tuple's content is unspecified.
bool parse_five_tuple(ConstBytes frame, FiveTuple& tuple);

// The same of a frame that has been parsed. `head` is what was given to parse().
bool five_tuple(ConstBytes head, const ParsedPacket& packet, FiveTuple& tuple);

}  // namespace starocean::net
