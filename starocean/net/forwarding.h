// What a router changes in a packet that it passes on. Pure; any thread.
#pragma once

#include <bit>
#include <cstdint>

#include "starocean/net/checksum.h"
#include "starocean/net/five_tuple.h"
#include "starocean/net/ip_header.h"

namespace starocean::net {

// One hop less; the checksum by RFC 1624. The TTL is not 0.
inline void decrement_ttl(Ipv4Header& header) {
  // TTL and protocol are one word of the checksum.
  const auto word = [&] { return static_cast<uint16_t>(header.ttl << 8 | header.protocol); };
  const be16 before(word());
  --header.ttl;
  header.checksum = update_checksum(header.checksum, before, be16(word()));
}

// By which next hop a flow goes: equal for all packets of a flow. Fragments have no ports (five_tuple.h), so that all
// of a datagram go one way. With `symmetric` both directions of a flow give the same.
inline uint32_t flow_hash(const FiveTuple& tuple, bool symmetric = false) {
  FiveTuple ordered = tuple;
  if (symmetric && (tuple.dst < tuple.src ||
                    (tuple.dst == tuple.src && tuple.dst_port.host() < tuple.src_port.host()))) {
    ordered = tuple.reversed();
  }
  // The words as numbers, so that every machine finds the same.
  uint64_t hash = 0x9e3779b97f4a7c15u;
  for (uint64_t word : std::bit_cast<std::array<uint64_t, 5>>(ordered)) {
    if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap64(word);
    hash = (hash ^ word) * 0xd6e8feb86659fd93u;
    hash ^= hash >> 32;
  }
  return static_cast<uint32_t>(hash);
}

}  // namespace starocean::net
