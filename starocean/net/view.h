// How a header is read: a struct of big-endian fields is laid over bytes that are known to be
// there.
//
// A header struct has alignment 1, no padding and no pointers. view<Header>() is the only way to
// get one; it answers nullptr when the header does not lie wholly inside the span, so that a read
// through the result is bounded by the span. The pointer lives as long as the bytes do. Any thread.
#pragma once

#include <cstddef>
#include <span>
#include <type_traits>

namespace starocean::net {

using ConstBytes = std::span<const std::byte>;
using MutableBytes = std::span<std::byte>;

template <class Header>
concept HeaderStruct = alignof(Header) == 1 &&
                       std::is_trivially_copyable_v<Header>&& std::is_standard_layout_v<Header>;

constexpr bool fits(size_t size, size_t offset, size_t length) {
  return length <= size && offset <= size - length;
}

template <HeaderStruct Header>
const Header* view(ConstBytes bytes, size_t offset = 0) {
  if (!fits(bytes.size(), offset, sizeof(Header))) return nullptr;
  return reinterpret_cast<const Header*>(bytes.data() + offset);
}

template <HeaderStruct Header>
Header* mutable_view(MutableBytes bytes, size_t offset = 0) {
  if (!fits(bytes.size(), offset, sizeof(Header))) return nullptr;
  return reinterpret_cast<Header*>(bytes.data() + offset);
}

}  // namespace starocean::net
