// A frame: one fixed-size piece of the UMEM, named by its index, with one owner at a time.
//
//            ┌──────────────── FramePool (a worker's, LIFO) ◀──────────────┐
//            │ refill                                  completion, drop    │
//            ▼                                                             │
//        fill ring ──▶ kernel ──▶ rx ring ──▶ worker ──▶ tx ring ──▶ kernel ──▶ completion ring
//
// A Frame object is the ownership: it can be moved, not copied. Letting one go out of scope without
// handing it on loses the frame; builds without NDEBUG abort there. release() hands it on as a plain
// index to something that keeps its own books (a ring, a pool); adopt() is the way back.
#pragma once

#include <cstdint>
#include <utility>

#include "starocean/base/check.h"

namespace starocean::xsk {

using FrameIndex = uint32_t;
inline constexpr FrameIndex kNoFrame = UINT32_MAX;

class [[nodiscard]] Frame {
 public:
  Frame() = default;
  Frame(const Frame&) = delete;
  Frame& operator=(const Frame&) = delete;
  Frame(Frame&& other) noexcept : index_(std::exchange(other.index_, kNoFrame)) {}
  Frame& operator=(Frame&& other) noexcept {
    SO_DCHECK(index_ == kNoFrame, "a frame was overwritten while owned");
    index_ = std::exchange(other.index_, kNoFrame);
    return *this;
  }
#ifdef NDEBUG
  ~Frame() = default;
#else
  ~Frame() {
    SO_DCHECK(index_ == kNoFrame, "a frame went out of scope while owned");
  }
#endif

  static Frame adopt(FrameIndex index) {
    Frame frame;
    frame.index_ = index;
    return frame;
  }
  [[nodiscard]] FrameIndex release() {
    return std::exchange(index_, kNoFrame);
  }
  FrameIndex index() const {
    return index_;
  }
  explicit operator bool() const {
    return index_ != kNoFrame;
  }

 private:
  FrameIndex index_ = kNoFrame;
};

// The packet bytes within a frame.
struct Buffer {
  Frame frame;
  uint16_t offset_bytes = 0;  // from the start of the frame
  uint16_t len_bytes = 0;
};

}  // namespace starocean::xsk
