// The Internet checksum: computed (RFC 1071), updated in place (RFC 1624), and the pseudo-headers
// that TCP, UDP and ICMPv6 include (RFC 9293 3.1, RFC 768, RFC 8200 8.1). Pure; any thread.
//
// A "sum" is the folded one's complement sum of 16-bit words; a "checksum" is its complement, the
// value that goes into the header. Both are be16: the bytes as they lie in the packet.
#pragma once

#include <cstddef>
#include <cstdint>

#include "starocean/base/endian.h"
#include "starocean/net/ip_address.h"
#include "starocean/net/ip_header.h"
#include "starocean/net/view.h"

namespace starocean::net {

// Adds up the pieces of a message, in order. A piece may have any length and alignment and is read
// exactly; a piece of odd length leaves the next one to continue in the middle of a 16-bit word.
class ChecksumBuilder {
 public:
  void add(ConstBytes bytes);

  // Values of the pseudo-header. They are whole words: only while the bytes so far are even in
  // number.
  void add(be16 value) { sum_ += value.raw(); }
  void add(be32 value) { sum_ += value.raw(); }
  void add(Ipv4Address address) { add(address.be()); }
  void add(const Ipv6Address& address) {
    for (size_t i = 0; i < Ipv6Address::kSize; i += sizeof(uint32_t)) {
      uint32_t word = 0;
      std::memcpy(&word, address.bytes().data() + i, sizeof word);
      sum_ += word;
    }
  }

  // Never 0 unless all that was added is 0.
  be16 sum() const;
  be16 checksum() const { return be16::from_raw(static_cast<uint16_t>(~sum().raw())); }

 private:
  uint64_t sum_ = 0;  // of words in memory order; cannot overflow below 2^32 additions
  bool odd_ = false;
};

// The checksum of one contiguous message whose checksum field is 0. Of a message whose field is
// right it is 0.
be16 compute_checksum(ConstBytes bytes);

// Pseudo-headers, to be continued with the transport header and payload. `length_bytes` is of both.
// `protocol` is the upper-layer one, whatever extension headers are between. `dst` is the final
// one.
ChecksumBuilder pseudo_header(Ipv4Address src, Ipv4Address dst, uint8_t protocol,
                              uint32_t length_bytes);
ChecksumBuilder pseudo_header(const Ipv6Address& src, const Ipv6Address& dst, uint8_t protocol,
                              uint32_t length_bytes);

// The checksum after a field that it covers has changed (RFC 1624, equation 3). The field must
// begin at an even offset in what is covered. A right checksum stays right, and a wrong one wrong.
be16 update_checksum(be16 checksum, be16 before, be16 after);
be16 update_checksum(be16 checksum, be32 before, be32 after);
be16 update_checksum(be16 checksum, Ipv4Address before, Ipv4Address after);
be16 update_checksum(be16 checksum, const Ipv6Address& before, const Ipv6Address& after);

// UDP has a rule of its own: 0 means "no checksum" and stays so; a checksum that comes out as 0 is
// sent as 0xffff (RFC 768).
template <class Field>
be16 update_udp_checksum(be16 checksum, const Field& before, const Field& after) {
  if (checksum.raw() == 0) return checksum;
  const be16 updated = update_checksum(checksum, before, after);
  return updated.raw() == 0 ? be16(0xffff) : updated;
}

// Over the header with its options, as ipv4_header_bytes() gives it. False for an empty span.
bool ipv4_checksum_ok(ConstBytes header);
// Computes and stores it. The header must not be empty.
void set_ipv4_checksum(MutableBytes header);

}  // namespace starocean::net
