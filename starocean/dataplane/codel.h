// CoDel: keeps the delay of a queue short without knowing its rate (RFC 8289, whose section 5 this follows).
//
// A queue whose packets have waited longer than `target` for a whole `interval` is not a burst that will pass:
// packets are dropped (or marked, RFC 3168), one at first, then at a rate that grows with the square root of their
// number, until the delay is below the target again. One Codel per queue; pure; one thread.
#pragma once

#include <cmath>
#include <cstdint>

namespace starocean::dataplane {

struct CodelParameters {
  uint64_t target_ns = 5'000'000;      // RFC 8289, 4.4: 5 ms
  uint64_t interval_ns = 100'000'000;  // RFC 8289, 4.4: 100 ms, the longest usual round trip

  bool operator==(const CodelParameters&) const = default;
};

class Codel {
 public:
  // Takes the next packet that is to be sent. `pop()` gives the next packet (something that tests true) and
  // says how long it has waited: `uint64_t waited_ns(packet)`; `small()`: what is left is at most a packet of
  // full size, which is no standing queue. `punish(packet)` marks it and returns true, or drops it and returns
  // false. Returns the packet to send, or one that tests false.
  template <class Pop, class Waited, class Small, class Punish>
  auto dequeue(uint64_t now_ns, const CodelParameters& parameters, Pop&& pop, Waited&& waited_ns,
               Small&& small, Punish&& punish) {
    auto packet = pop();
    bool too_long = packet && stands(now_ns, parameters, waited_ns(packet), small());
    if (dropping_) {
      if (!too_long) dropping_ = false;
      while (dropping_ && now_ns >= drop_next_ns_) {
        ++count_;
        if (punish(packet)) {
          drop_next_ns_ = next_drop(drop_next_ns_, parameters);
          return packet;
        }
        packet = pop();
        too_long = packet && stands(now_ns, parameters, waited_ns(packet), small());
        if (!too_long) {
          dropping_ = false;
        } else {
          drop_next_ns_ = next_drop(drop_next_ns_, parameters);
        }
      }
      return packet;
    }
    if (!too_long) return packet;
    begin_dropping(now_ns, parameters);
    if (punish(packet)) return packet;
    packet = pop();
    // Its state is asked for, as in the RFC, though nothing is dropped for it now.
    if (packet) stands(now_ns, parameters, waited_ns(packet), small());
    if (!packet) first_above_ns_ = 0;
    return packet;
  }

  bool dropping() const { return dropping_; }

 private:
  // Whether packets have waited too long for a whole interval.
  bool stands(uint64_t now_ns, const CodelParameters& parameters, uint64_t waited_ns, bool small) {
    if (waited_ns < parameters.target_ns || small) {
      first_above_ns_ = 0;
      return false;
    }
    if (first_above_ns_ == 0) {
      first_above_ns_ = now_ns + parameters.interval_ns;
      return false;
    }
    return now_ns >= first_above_ns_;
  }

  // After a short pause it goes on where it was: the rate was nearly right (RFC 8289, 5.4).
  void begin_dropping(uint64_t now_ns, const CodelParameters& parameters) {
    dropping_ = true;
    const uint32_t since = count_ - last_count_;
    const bool recent = now_ns - drop_next_ns_ < 16 * parameters.interval_ns;
    count_ = since > 1 && recent ? since : 1;
    drop_next_ns_ = next_drop(now_ns, parameters);
    last_count_ = count_;
  }

  uint64_t next_drop(uint64_t from_ns, const CodelParameters& parameters) const {
    return from_ns + static_cast<uint64_t>(static_cast<double>(parameters.interval_ns) /
                                           std::sqrt(static_cast<double>(count_)));
  }

  uint64_t first_above_ns_ = 0;
  uint64_t drop_next_ns_ = 0;
  uint32_t count_ = 0;
  uint32_t last_count_ = 0;
  bool dropping_ = false;
};

}  // namespace starocean::dataplane
