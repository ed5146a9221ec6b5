// Frames on their way, each until its time: a ring for those that come in order of departure, which are
// most, and a heap for those that do not. Equal times depart in the order of push(). Pure; one thread;
// allocates at construction only.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <optional>
#include <vector>

#include "starocean/base/check.h"
#include "starocean/wan/bottleneck.h"

namespace starocean::wan {

struct Held {
  uint64_t due_ns = 0;
  uint32_t frame = 0;  // the caller's
  uint32_t order = 0;  // of push(), free-running
};

class DelayLine {
 public:
  explicit DelayLine(uint32_t capacity)
      : ring_(std::bit_ceil(capacity)), mask_(static_cast<uint32_t>(ring_.size()) - 1) {
    heap_.reserve(ring_.size());
  }

  // Precondition: size() below the capacity. `ordered` says that the next ordered ones will not be due
  // earlier; it decides on speed, not on the result.
  void push(uint64_t due_ns, uint32_t frame, bool ordered) {
    SO_DCHECK(size() < ring_.size(), "push into a full delay line");
    const Held held{due_ns, frame, order_++};
    if (ordered && (count_ == 0 || due_ns >= ring_[(first_ + count_ - 1) & mask_].due_ns)) {
      ring_[(first_ + count_++) & mask_] = held;
    } else {
      heap_.push_back(held);
      std::push_heap(heap_.begin(), heap_.end(), departs_later);
    }
  }
  // The next one to depart, if it is due by `now_ns`.
  std::optional<Held> pop(uint64_t now_ns) {
    const bool from_ring =
        count_ != 0 && (heap_.empty() || departs_later(heap_.front(), ring_[first_ & mask_]));
    if (!from_ring && heap_.empty()) return std::nullopt;
    const Held next = from_ring ? ring_[first_ & mask_] : heap_.front();
    if (next.due_ns > now_ns) return std::nullopt;
    if (from_ring) {
      ++first_;
      --count_;
    } else {
      std::pop_heap(heap_.begin(), heap_.end(), departs_later);
      heap_.pop_back();
    }
    return next;
  }
  // kNever when there is none.
  uint64_t next_ns() const {
    return std::min(count_ == 0 ? kNever : ring_[first_ & mask_].due_ns,
                    heap_.empty() ? kNever : heap_.front().due_ns);
  }
  uint32_t size() const { return count_ + static_cast<uint32_t>(heap_.size()); }

 private:
  static bool departs_later(const Held& a, const Held& b) {
    if (a.due_ns != b.due_ns) return a.due_ns > b.due_ns;
    return static_cast<int32_t>(a.order - b.order) > 0;
  }

  std::vector<Held> ring_;
  uint32_t mask_;
  uint32_t first_ = 0;  // free-running
  uint32_t count_ = 0;
  std::vector<Held> heap_;
  uint32_t order_ = 0;
};

}  // namespace starocean::wan
