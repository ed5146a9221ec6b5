// What a router changes in a packet that it passes on. Pure; any thread.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

#include "starocean/net/checksum.h"
#include "starocean/net/five_tuple.h"
#include "starocean/net/ip_header.h"

namespace starocean::net {

// Whether the checksum of a header without options is right. As ipv4_checksum_ok(), inline.
inline bool plain_checksum_ok(const Ipv4Header& header) {
  std::array<uint32_t, sizeof(Ipv4Header) / sizeof(uint32_t)> words;
  std::memcpy(words.data(), &header, sizeof header);
  uint64_t sum = 0;
  for (const uint32_t word : words) sum += word;
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return sum == 0xffff;
}

// One hop less; the checksum by RFC 1624. The TTL is not 0.
inline void decrement_ttl(Ipv4Header& header) {
  // TTL and protocol are one word of the checksum.
  const auto word = [&] { return static_cast<uint16_t>(header.ttl << 8 | header.protocol); };
  const be16 before(word());
  --header.ttl;
  header.checksum = update_checksum(header.checksum, before, be16(word()));
}

// By which next hop a flow goes: equal for all packets of a flow. Fragments have no ports (five_tuple.h), so that all
// of a datagram go one way.
inline uint32_t flow_hash(const FiveTuple& tuple) {
  // The words as numbers, so that every machine finds the same. Products that do not wait for each other; an odd
  // factor each, so that words that change places change the sum.
  constexpr std::array<uint64_t, 5> kFactors = {0x9e3779b97f4a7c15u, 0xd6e8feb86659fd93u,
                                                0xc2b2ae3d27d4eb4fu, 0xff51afd7ed558ccdu,
                                                0xa0761d6478bd642fu};
  std::array<uint64_t, 5> words;
  static_assert(sizeof words == sizeof tuple);
  std::memcpy(words.data(), &tuple, sizeof words);
  uint64_t hash = 0;
  for (size_t i = 0; i < words.size(); ++i) {
    uint64_t word = words[i];
    if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap64(word);
    word ^= word >> 29;
    hash += word * kFactors[i];
  }
  hash = (hash ^ hash >> 32) * kFactors[1];
  return static_cast<uint32_t>(hash ^ hash >> 32);
}

// The same for both directions of a flow.
inline uint32_t symmetric_flow_hash(const FiveTuple& tuple) {
  const int order =
      std::memcmp(tuple.dst.bytes().data(), tuple.src.bytes().data(), Ipv6Address::kSize);
  const bool turn = order < 0 || (order == 0 && tuple.dst_port.host() < tuple.src_port.host());
  return flow_hash(turn ? tuple.reversed() : tuple);
}

}  // namespace starocean::net
