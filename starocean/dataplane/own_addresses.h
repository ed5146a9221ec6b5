// Linux's own IPv4 addresses, asked about the source of every packet that is routed: nothing from a wire may come from
// one (net/ipv4/fib_frontend.c, fib_validate_source(), with `accept_local` off; IPv6 has no such rule). A bit by hash
// answers almost always, from the first-level cache.
//
// Written by one thread before others read.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "starocean/net/ip_address.h"

namespace starocean::dataplane {

class OwnAddresses {
 public:
  void add(net::Ipv4Address address) {
    const uint32_t bit = bit_of(address);
    bits_[bit / 64] |= uint64_t{1} << (bit % 64);
    all_.push_back(address.host());
  }

  bool contains(net::Ipv4Address address) const {
    const uint32_t bit = bit_of(address);
    if ((bits_[bit / 64] >> (bit % 64) & 1) == 0) [[likely]]
      return false;
    return std::find(all_.begin(), all_.end(), address.host()) != all_.end();
  }

 private:
  static uint32_t bit_of(net::Ipv4Address address) {
    return (address.host() * 0x9e3779b1u) >> 20;  // 12 bits
  }

  std::array<uint64_t, 64> bits_{};
  std::vector<uint32_t> all_;
};

}  // namespace starocean::dataplane
