// When a worker transmits by XDP_REDIRECT instead of through its sockets (egress_lanes.h): while many packets come, or more
// than it keeps up with. Sockets are for the rest: they need no thread that looks for work all the time, cost least for a
// few packets at a time, and a packet is out sooner through them (by 15 us at 300,000 to 500,000 a second; by milliseconds
// where something else takes part in the worker's CPU). Whether sockets keep up is found out by going back to them: the
// receive rings hold what comes until the worker sees that they do not. A few numbers, no clock of its own; one thread.
#pragma once

#include <algorithm>
#include <cstdint>

#include "starocean/base/clock.h"

namespace starocean::dataplane {

class TransmitPolicy {
 public:
  static constexpr uint64_t kWindowNs = 10 * kNsPerMs;
  // Many: so many in a window, in that many windows in a row.
  static constexpr uint64_t kManyPackets = 6000;  // 600,000 a second
  static constexpr uint32_t kManyWindows = 2;
  // More than it keeps up with: turns in a row that take as long as the next one's packets need to arrive. Fewer may be a
  // burst, or what came while something else had the CPU for some milliseconds.
  static constexpr uint32_t kFullTurn = 256;
  static constexpr uint32_t kFullTurns = 12;
  // It ends after so many windows in a row with fewer packets that the worker kept up with.
  static constexpr uint64_t kFewPackets = 5600;
  static constexpr uint64_t kQuietWindows = 10;
  // When it has to begin again so soon after that, it waits twice as long before it ends the next time.
  static constexpr uint64_t kSoonNs = kNsPerSecond;
  static constexpr uint64_t kMostQuietWindows = 640;
  // After failed().
  static constexpr uint64_t kFirstPauseNs = kNsPerSecond;
  static constexpr uint64_t kLongestPauseNs = 64 * kNsPerSecond;

  // `on_many`: already with many packets, which saves time of whoever receives them; else only when it does not keep up.
  explicit TransmitPolicy(bool on_many = true) : on_many_(on_many) {}

  bool wants() const { return wants_; }

  // A turn begins; the one before it found so many packets.
  void observe(uint64_t now_ns, uint32_t packets) {
    packets_ += packets;
    full_turns_ = packets < kFullTurn ? 0 : full_turns_ + 1;
    if (full_turns_ >= kFullTurns && !wants_) begin(now_ns);
    if (now_ns - since_ns_ >= kWindowNs) end_window(now_ns);
  }
  // It was of no use: not again for a while, each time longer.
  void failed(uint64_t now_ns) {
    wants_ = false;
    in_a_row_ = full_turns_ = 0;
    paused_until_ns_ = now_ns + pause_ns_;
    pause_ns_ = std::min(2 * pause_ns_, kLongestPauseNs);
  }

 private:
  void begin(uint64_t now_ns) {
    if (now_ns < paused_until_ns_) return;
    const bool soon = ended_ns_ != 0 && now_ns - ended_ns_ < kSoonNs;
    quiet_windows_ = soon ? std::min(2 * quiet_windows_, kMostQuietWindows) : kQuietWindows;
    wants_ = true;
    in_a_row_ = 0;
  }

  void end_window(uint64_t now_ns) {
    // The worker may have slept through several.
    const uint64_t windows = (now_ns - since_ns_) / kWindowNs;
    const uint64_t packets = packets_ / windows;
    const bool many = on_many_ && packets >= kManyPackets;
    const bool few = packets < kFewPackets && full_turns_ < kFullTurns;
    since_ns_ = now_ns;
    packets_ = 0;
    in_a_row_ = (wants_ ? few : many) ? in_a_row_ + windows : 0;
    if (!wants_) {
      if (in_a_row_ >= kManyWindows) begin(now_ns);
      return;
    }
    if (in_a_row_ < quiet_windows_) return;
    wants_ = false;
    in_a_row_ = 0;
    ended_ns_ = now_ns;
    pause_ns_ = kFirstPauseNs;
  }

  bool on_many_;
  bool wants_ = false;
  uint32_t full_turns_ = 0;
  // Of this window.
  uint64_t since_ns_ = 0;
  uint64_t packets_ = 0;

  uint64_t in_a_row_ = 0;  // windows that speak for a change
  uint64_t quiet_windows_ = kQuietWindows;
  uint64_t ended_ns_ = 0;
  uint64_t paused_until_ns_ = 0;
  uint64_t pause_ns_ = kFirstPauseNs;
};

}  // namespace starocean::dataplane
