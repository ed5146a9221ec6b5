// Internal to the generator and the receiver: what both need of libbpf.
#pragma once

#include <bpf/libbpf.h>

#include <cstddef>
#include <span>
#include <string_view>
#include <utility>

#include "starocean/base/result.h"

namespace starocean::bench {

// The contents of a BPF_F_MMAPABLE array map, mapped into the process. Move-only.
class MappedArray {
 public:
  MappedArray() = default;
  // `what` is for the message: "cannot map the flow table".
  static Result<MappedArray> map(const bpf_map* array, std::string_view what);
  MappedArray(MappedArray&& other) noexcept
      : at_(std::exchange(other.at_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  MappedArray& operator=(MappedArray&& other) noexcept {
    std::swap(at_, other.at_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~MappedArray();

  // T is the type of the map's values, without padding of its own (a multiple of 8 bytes).
  template <class T>
  std::span<T> values() const {
    return {static_cast<T*>(at_), bytes_ / sizeof(T)};
  }
  void clear();

 private:
  void* at_ = nullptr;
  size_t bytes_ = 0;
};

// The error of a skeleton that does not load or attach, `error` being positive.
tl::unexpected<Error> refuse_program(std::string_view what, int error);

}  // namespace starocean::bench
