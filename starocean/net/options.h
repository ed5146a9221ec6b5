// Walks the options of IPv4, TCP, Neighbour Discovery, and IPv6 hop-by-hop and destination headers.
//
//   TcpOptions options(header_bytes.subspan(sizeof(TcpHeader)));
//   while (options.next()) if (options.kind() == kTcpOptionMss) … options.value() …
//   if (options.malformed()) …
//
// Each option's bytes lie inside the span when next() returns true. A length that is impossible or
// leads out of the span ends the walk with malformed().
#pragma once

#include <cstddef>
#include <cstdint>

#include "starocean/net/view.h"

namespace starocean::net {

// The four encodings.
enum class OptionFormat : uint8_t {
  kIpv4,         // kind, length with both; 0 ends, 1 is a single byte of padding (RFC 791, 3.1)
  kTcp = kIpv4,  // the same (RFC 9293, 3.1)
  kIpv6,         // kind, length without both; 0 is a single byte of padding (RFC 8200, 4.2)
  kNeighborDiscovery,  // kind, length with both in units of 8 bytes (RFC 4861, 4.6)
};

template <OptionFormat kFormat>
class Options {
 public:
  explicit Options(ConstBytes bytes) : rest_(bytes) {}

  bool next() {
    rest_ = rest_.subspan(current_.size());
    current_ = {};
    if (rest_.empty()) return false;
    if constexpr (kFormat == OptionFormat::kIpv4) {
      if (kind_at_front() == 0) return false;
      if (kind_at_front() == 1) return take(1);
    } else if constexpr (kFormat == OptionFormat::kIpv6) {
      if (kind_at_front() == 0) return take(1);
    }
    if (rest_.size() < 2) return refuse();
    const auto length_field = std::to_integer<size_t>(rest_[1]);
    size_t length = length_field;
    if constexpr (kFormat == OptionFormat::kIpv6) length = length_field + 2;
    if constexpr (kFormat == OptionFormat::kNeighborDiscovery) length = length_field * 8;
    if (length < 2 || length > rest_.size()) return refuse();
    return take(length);
  }

  uint8_t kind() const { return std::to_integer<uint8_t>(current_[0]); }
  // The whole option, kind and length included.
  ConstBytes bytes() const { return current_; }
  // What follows kind and length; empty for a single byte of padding.
  ConstBytes value() const { return current_.size() < 2 ? ConstBytes() : current_.subspan(2); }
  bool malformed() const { return malformed_; }

 private:
  uint8_t kind_at_front() const { return std::to_integer<uint8_t>(rest_[0]); }
  bool take(size_t length) {
    current_ = rest_.first(length);
    return true;
  }
  bool refuse() {
    malformed_ = true;
    rest_ = {};
    return false;
  }

  ConstBytes rest_;
  ConstBytes current_;
  bool malformed_ = false;
};

using Ipv4Options = Options<OptionFormat::kIpv4>;
using TcpOptions = Options<OptionFormat::kTcp>;
using Ipv6Options = Options<OptionFormat::kIpv6>;
using NdOptions = Options<OptionFormat::kNeighborDiscovery>;

inline constexpr uint8_t kTcpOptionMss = 2;  // a be16 (RFC 9293, 3.2)

}  // namespace starocean::net
