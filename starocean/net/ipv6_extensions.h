// Walks the extension headers of an IPv6 packet, in order, up to the upper-layer header.
//
//   Ipv6Extensions chain(bytes, offset_after_ipv6_header, ipv6->next_header);
//   while (chain.next()) { … chain.type(), chain.offset(), chain.length() … }
//   chain.next_header() at chain.end_offset() is what follows; chain.problem() says whether all was well
//
// Each header lies wholly inside the span when next() returns true. The walk ends at anything that
// is not an extension header: a transport, ESP (what follows is encrypted), "no next header" — and
// at a fragment that is not the first, after which there is only payload.
#pragma once

#include <cstddef>
#include <cstdint>

#include "starocean/net/ip_header.h"
#include "starocean/net/view.h"

namespace starocean::net {

// RFC 8200, 4.1 names at most seven headers; a packet with more than this many wants to waste our
// time.
inline constexpr int kMaxIpv6Extensions = 16;

class Ipv6Extensions {
 public:
  enum class Problem : uint8_t { kNone, kTruncated, kTooMany };

  Ipv6Extensions(ConstBytes bytes, size_t offset, uint8_t first_header)
      : bytes_(bytes), end_(offset), next_header_(first_header) {}

  bool next() {
    if (!is_extension(next_header_)) return false;
    // Hop-by-hop options stand first or are an unrecognised header (RFC 8200, section 4).
    if (next_header_ == kProtoHopByHop && count_ > 0) return false;
    if (later_fragment_) return false;
    if (count_ == kMaxIpv6Extensions) return stop(Problem::kTooMany);
    const auto* header = view<Ipv6ExtensionHeader>(bytes_, end_);
    if (header == nullptr) return stop(Problem::kTruncated);
    length_ = length_of(next_header_, *header);
    if (!fits(bytes_.size(), end_, length_)) return stop(Problem::kTruncated);
    ++count_;
    type_ = next_header_;
    offset_ = end_;
    end_ += length_;
    next_header_ = header->next_header;
    if (type_ == kProtoFragment) {
      later_fragment_ = view<Ipv6FragmentHeader>(bytes_, offset_)->fragment_offset_bytes() != 0;
    }
    return true;
  }

  // Of the header that next() found: its protocol number, where it begins, and how long it is.
  uint8_t type() const { return type_; }
  size_t offset() const { return offset_; }
  size_t length() const { return length_; }

  uint8_t next_header() const { return next_header_; }
  size_t end_offset() const { return end_; }
  int count() const { return count_; }
  bool later_fragment() const { return later_fragment_; }
  Problem problem() const { return problem_; }

  static constexpr bool is_extension(uint8_t type) {
    return type == kProtoHopByHop || type == kProtoRouting || type == kProtoFragment ||
           type == kProtoDestinationOptions || type == kProtoAuthentication;
  }

 private:
  static size_t length_of(uint8_t type, const Ipv6ExtensionHeader& header) {
    if (type == kProtoFragment) return sizeof(Ipv6FragmentHeader);
    if (type == kProtoAuthentication) return header.authentication_length_bytes();
    return header.length_bytes();
  }
  bool stop(Problem problem) {
    problem_ = problem;
    return false;
  }

  ConstBytes bytes_;
  size_t offset_ = 0;
  size_t length_ = 0;
  size_t end_;
  int count_ = 0;
  uint8_t type_ = 0;
  uint8_t next_header_;
  bool later_fragment_ = false;
  Problem problem_ = Problem::kNone;
};

}  // namespace starocean::net
