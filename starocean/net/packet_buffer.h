// A packet in a buffer with room before and after it, so that headers are put on and taken off
// without moving the payload.
//
//   | headroom |  packet: bytes()  | tailroom |
//
// Owns nothing: the buffer outlives it. Every growth is checked against the room; nullptr or false
// means that there is none, and nothing has changed. Not thread-safe. No allocation.
#pragma once

#include <cstddef>
#include <span>

#include "starocean/base/check.h"
#include "starocean/net/view.h"

namespace starocean::net {

class PacketBuffer {
 public:
  // An empty packet, or one of `length` bytes, that begins `headroom` bytes into `room`.
  PacketBuffer(MutableBytes room, size_t headroom, size_t length = 0)
      : room_(room), begin_(headroom), length_(length) {
    SO_CHECK(fits(room.size(), headroom, length), "a packet lies inside its buffer");
  }

  std::byte* data() { return room_.data() + begin_; }
  const std::byte* data() const { return room_.data() + begin_; }
  size_t size() const { return length_; }
  MutableBytes bytes() { return room_.subspan(begin_, length_); }
  ConstBytes bytes() const { return room_.subspan(begin_, length_); }
  size_t headroom() const { return begin_; }
  size_t tailroom() const { return room_.size() - begin_ - length_; }

  // Grows the packet at its front; the new bytes hold what lay there.
  std::byte* push(size_t length) {
    if (length > headroom()) return nullptr;
    begin_ -= length;
    length_ += length;
    return data();
  }
  // Takes bytes off the front.
  bool pull(size_t length) {
    if (length > length_) return false;
    begin_ += length;
    length_ -= length;
    return true;
  }
  // Grows the packet at its end; returns the first new byte.
  std::byte* append(size_t length) {
    if (length > tailroom()) return nullptr;
    length_ += length;
    return data() + length_ - length;
  }
  // Cuts the packet to `length` bytes, if it is longer.
  void trim(size_t length) {
    if (length < length_) length_ = length;
  }

  // Grows at the front by a header, all of whose fields are zero.
  template <HeaderStruct Header>
  Header* push_header() {
    std::byte* at = push(sizeof(Header));
    return at == nullptr ? nullptr : new (at) Header{};
  }

 private:
  MutableBytes room_;
  size_t begin_;
  size_t length_;
};

}  // namespace starocean::net
