#include "starocean/xsk/frame_pool.h"

#include <algorithm>

#include <fmt/format.h>

namespace starocean::xsk {
namespace {

constexpr uint64_t kNumberMask = UINT32_MAX;
constexpr uint64_t next_version(uint64_t head) {
  return (head & ~kNumberMask) + kNumberMask + 1;
}

}  // namespace

size_t FrameDepot::array_bytes(uint32_t frames) {
  return Umem::rounded(frames * sizeof(FrameIndex)) +
         Umem::rounded(frames / kSlabFrames * sizeof(std::atomic<uint32_t>));
}

Result<std::unique_ptr<FrameDepot>> FrameDepot::create(Umem& umem) {
  if (umem.frames() % kSlabFrames != 0) {
    return fail(fmt::format("cannot manage {} frames", umem.frames()),
                fmt::format("the number is no multiple of {}", kSlabFrames), "round it up");
  }
  std::unique_ptr<FrameDepot> depot(new FrameDepot(umem));
  const uint32_t slabs = umem.frames() / kSlabFrames;
  auto frames = umem.allocate<FrameIndex>(umem.frames());
  if (!frames) return fail(frames.error());
  auto next = umem.allocate<std::atomic<uint32_t>>(slabs);
  if (!next) return fail(next.error());
  depot->frames_ = *frames;
  depot->next_ = *next;
  // Pushed from the last to the first, so that the first ones taken lie at the start of the memory.
  for (uint32_t slab = slabs; slab-- > 0;) {
    for (uint32_t i = 0; i < kSlabFrames; ++i) {
      depot->slab_frames(slab)[i] = slab * kSlabFrames + i;
    }
    depot->push(depot->full_, slab);
  }
  depot->slabs_full_.store(slabs, std::memory_order_relaxed);
  return depot;
}

uint32_t FrameDepot::pop(SlabStack& stack) {
  uint64_t head = stack.head.load(std::memory_order_acquire);
  while (true) {
    const auto slab = static_cast<uint32_t>(head & kNumberMask);
    if (slab == kNoFrame) return kNoFrame;
    const uint64_t after = next_[slab].load(std::memory_order_relaxed) | next_version(head);
    if (stack.head.compare_exchange_weak(head, after, std::memory_order_acq_rel,
                                         std::memory_order_acquire)) {
      return slab;
    }
  }
}

void FrameDepot::push(SlabStack& stack, uint32_t slab) {
  uint64_t head = stack.head.load(std::memory_order_relaxed);
  while (true) {
    next_[slab].store(static_cast<uint32_t>(head & kNumberMask), std::memory_order_relaxed);
    if (stack.head.compare_exchange_weak(head, slab | next_version(head), std::memory_order_release,
                                         std::memory_order_relaxed)) {
      return;
    }
  }
}

bool FrameDepot::take(std::span<FrameIndex, kSlabFrames> slab) {
  const uint32_t number = pop(full_);
  if (number == kNoFrame) return false;
  std::copy_n(slab_frames(number), kSlabFrames, slab.begin());
  push(empty_, number);
  slabs_full_.fetch_sub(1, std::memory_order_relaxed);
  return true;
}

void FrameDepot::put(std::span<const FrameIndex, kSlabFrames> slab) {
  const uint32_t number = pop(empty_);
  // There are as many slabs as frames / 64, so that an empty one can be missing only when some frame
  // exists twice, or for the moment in which another thread is between pop and push.
  if (number == kNoFrame) [[unlikely]] {
    for (uint32_t tries = 0; tries < 1'000'000; ++tries) {
      cpu_relax();
      const uint32_t later = pop(empty_);
      if (later == kNoFrame) continue;
      std::copy_n(slab.begin(), kSlabFrames, slab_frames(later));
      push(full_, later);
      slabs_full_.fetch_add(1, std::memory_order_relaxed);
      return;
    }
    SO_CHECK(false, "more frames were freed than exist");
  }
  std::copy_n(slab.begin(), kSlabFrames, slab_frames(number));
  push(full_, number);
  slabs_full_.fetch_add(1, std::memory_order_relaxed);
}

size_t FramePool::array_bytes(uint32_t capacity) {
  return Umem::rounded(capacity * sizeof(FrameIndex));
}

Result<std::unique_ptr<FramePool>> FramePool::create(FrameDepot& depot, uint32_t capacity) {
  SO_CHECK(capacity >= 2 * kSlabFrames && capacity % kSlabFrames == 0, "bad pool capacity");
  auto stack = depot.umem().allocate<FrameIndex>(capacity);
  if (!stack) return fail(stack.error());
  return std::unique_ptr<FramePool>(new FramePool(depot, *stack));
}

bool FramePool::take_slab() {
  if (capacity_ - count_ < kSlabFrames) return false;
  const std::span<FrameIndex, kSlabFrames> room(stack_ + count_, kSlabFrames);
  if (!depot_.take(room)) return false;
  publish_count(count_ + kSlabFrames);
  return true;
}

void FramePool::give_slab() {
  // The coldest frames are at the bottom.
  depot_.put(std::span<const FrameIndex, kSlabFrames>(stack_, kSlabFrames));
  std::copy(stack_ + kSlabFrames, stack_ + count_, stack_);
  publish_count(count_ - kSlabFrames);
}

}  // namespace starocean::xsk
