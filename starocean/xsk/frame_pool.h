// Free frames: a pool per worker, and a depot where pools exchange whole slabs.
//
// A FramePool is a stack: the frame given back last is taken next, because its bytes are still in the
// cache. It belongs to one thread and touches no shared memory, except that it puts its coldest slab into
// the depot when it overflows and takes one when it is empty: one shared operation per 64 frames.
//
// The FrameDepot is a lock-free stack of slabs that any thread may use. All arrays lie in the UMEM's
// mapping. pool + depot + rings + in flight = all frames, always; the depot starts with all of them.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>

#include "starocean/base/cpu.h"
#include "starocean/base/result.h"
#include "starocean/xsk/frame.h"
#include "starocean/xsk/umem.h"

namespace starocean::xsk {

inline constexpr uint32_t kSlabFrames = 64;

class FrameDepot {
 public:
  // Takes all frames of `umem`, which must outlive the depot. A number of frames that is no multiple of
  // 64 loses the remainder: create() refuses it.
  static Result<std::unique_ptr<FrameDepot>> create(Umem& umem);
  static size_t array_bytes(uint32_t frames);

  // 64 frames into `slab`; false when the depot is empty. Any thread, lock-free.
  bool take(std::span<FrameIndex, kSlabFrames> slab);
  void put(std::span<const FrameIndex, kSlabFrames> slab);
  // Frames inside; exact when nobody else is at it.
  uint64_t frames() const { return slabs_full_.load(std::memory_order_relaxed) * kSlabFrames; }
  Umem& umem() const { return umem_; }

 private:
  // A Treiber stack of slab numbers. The upper half of the head counts changes, so that a slab popped
  // and pushed again meanwhile is not mistaken for the same state (ABA).
  struct alignas(kNoSharing) SlabStack {
    std::atomic<uint64_t> head{kNoFrame};
  };

  explicit FrameDepot(Umem& umem) : umem_(umem) {}
  uint32_t pop(SlabStack& stack);
  void push(SlabStack& stack, uint32_t slab);
  FrameIndex* slab_frames(uint32_t slab) { return frames_.data() + size_t{slab} * kSlabFrames; }

  Umem& umem_;
  std::span<FrameIndex> frames_;
  std::span<std::atomic<uint32_t>> next_;
  SlabStack full_;
  SlabStack empty_;
  alignas(kNoSharing) std::atomic<uint64_t> slabs_full_{0};
};

class FramePool {
 public:
  static constexpr uint64_t kScarceFrames = 16 * kSlabFrames;

  // Holds up to `capacity` frames, a multiple of 64 and at least 128.
  static Result<std::unique_ptr<FramePool>> create(FrameDepot& depot, uint32_t capacity = 512);
  static size_t array_bytes(uint32_t capacity = 512);

  // An empty handle when neither pool nor depot has a frame.
  Frame take() {
    if (count_ == 0 && !take_slab()) [[unlikely]]
      return {};
    publish_count(count_ - 1);
    return Frame::adopt(stack_[count_]);
  }
  void put(Frame frame) {
    if (count_ == capacity_) [[unlikely]]
      give_slab();
    SO_DCHECK(umem_.owner(frame.index()) == kUserOwned,
              "a frame was freed while the kernel has it");
    stack_[count_] = frame.release();
    publish_count(count_ + 1);
  }
  // Makes sure that `wanted` frames can be taken in a row, as far as the depot has them; returns how
  // many can. `wanted` is at most capacity - 64.
  uint32_t reserve(uint32_t wanted) {
    while (count_ < wanted && take_slab()) {
    }
    return count_ < wanted ? count_ : wanted;
  }
  // The depot has few left: frames that lie about elsewhere are wanted.
  bool scarce() const { return depot_.frames() < kScarceFrames; }
  // Any thread: frames inside, as of a moment ago.
  uint32_t frames() const { return published_count_.load(std::memory_order_relaxed); }
  Umem& umem() const { return umem_; }

 private:
  FramePool(FrameDepot& depot, std::span<FrameIndex> stack)
      : depot_(depot),
        umem_(depot.umem()),
        stack_(stack.data()),
        capacity_(static_cast<uint32_t>(stack.size())) {}
  bool take_slab();
  void give_slab();
  void publish_count(uint32_t count) {
    count_ = count;
    published_count_.store(count, std::memory_order_relaxed);
  }

  FrameDepot& depot_;
  Umem& umem_;
  FrameIndex* stack_;
  uint32_t capacity_;
  uint32_t count_ = 0;
  std::atomic<uint32_t> published_count_{0};
};

}  // namespace starocean::xsk
