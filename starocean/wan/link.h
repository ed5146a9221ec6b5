// One direction of an emulated link as a machine without packets: frames are numbers, time is an argument.
// Pure; one thread; allocates at construction only.
//
//   link.arrive(frame, …)                     into the queue
//   while (auto on = link.leave_queue(now))   onto the wire; on->crossing is its fate
//     lost: the frame is the caller's again. Otherwise: link.travel(*on), or drop it as well
//   while (auto held = link.depart(now))      out at the far end; the frame is the caller's again
#pragma once

#include <cstdint>
#include <optional>

#include "starocean/wan/bottleneck.h"
#include "starocean/wan/delay_line.h"
#include "starocean/wan/link_options.h"
#include "starocean/wan/wire.h"

namespace starocean::wan {

struct OnWire {
  uint32_t frame = 0;
  uint32_t len_bytes = 0;
  Crossing crossing;
};

class Link {
 public:
  // Holds at most `capacity` packets, waiting and under way. Equal seeds decide alike.
  Link(uint32_t capacity, uint64_t seed)
      : capacity_(capacity), queue_(capacity), wire_(seed), line_(capacity) {}

  // Options that check() accepts. Holds for what leaves the queue from now on.
  void set(const LinkOptions& options) {
    queue_.set(options);
    wire_.set(options);
  }

  enum class Arrival : uint8_t { kTaken, kQueueFull, kNoRoom };
  // Before it, leave_queue(arrival_ns) until that gives nothing, so that the queue is as long as it was at
  // the time.
  Arrival arrive(uint32_t frame, uint32_t len_bytes, uint64_t arrival_ns) {
    if (held() >= capacity_) return Arrival::kNoRoom;
    return queue_.push({arrival_ns, frame, len_bytes}) ? Arrival::kTaken : Arrival::kQueueFull;
  }
  std::optional<OnWire> leave_queue(uint64_t now_ns) {
    const auto sent = queue_.pop(now_ns);
    if (!sent) return std::nullopt;
    return OnWire{sent->packet.frame, sent->packet.len_bytes, wire_.cross(sent->sent_ns)};
  }
  // Precondition: has_room().
  void travel(uint32_t frame, const Crossing& crossing) {
    line_.push(crossing.due_ns, frame, crossing.ordered);
  }
  std::optional<Held> depart(uint64_t now_ns) { return line_.pop(now_ns); }

  // When there will be something to do; kNever: only after the next arrival.
  uint64_t next_ns() const { return std::min(queue_.next_ns(), line_.next_ns()); }
  uint32_t held() const { return queue_.waiting() + line_.size(); }
  bool has_room() const { return held() < capacity_; }

 private:
  uint32_t capacity_;
  Bottleneck queue_;
  Wire wire_;
  DelayLine line_;
};

}  // namespace starocean::wan
