// One direction of the emulated link, with packets: what a batch received at one end comes to, and when it is
// sent at the other. Decisions are link.h's. The packet path belongs to the emulator's thread; counters and
// held() to any.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <span>

#include "starocean/dataplane/packet.h"
#include "starocean/wan/counters.h"
#include "starocean/wan/link.h"
#include "starocean/wan/packet_store.h"
#include "starocean/xsk/socket.h"

namespace starocean::wan {

// What the egress device is able to do, as the control thread last heard of it.
struct EgressState {
  std::atomic<bool> up{false};
  std::atomic<uint32_t> mtu_bytes{0};
  bool multi_buffer = false;
};

class Direction {
 public:
  // Holds at most `frames` frames. All references must outlive it.
  Direction(uint32_t frames, uint64_t seed, bool finish_checksums, PacketStore& store,
            xsk::FramePool& pool, xsk::XskSocket& egress, const EgressState& state);

  void set(const LinkOptions& options) { link_.set(options); }

  // Takes all packets of the batch, which has been received by `now_ns`.
  void accept(dataplane::Batch& batch, uint64_t now_ns);
  // Sends what is due, but no long burst at once; returns how many packets that were.
  uint32_t send_due(uint64_t now_ns);
  // When send_due() has something to do next; kNever when only a packet can tell.
  uint64_t next_ns() const { return link_.next_ns(); }
  // The transmit ring was not drained by the last send_due().
  bool transmit_pending() const { return transmit_pending_; }
  // The emulator ends: what is under way goes no further.
  void drop_held();

  const WanCounters& counters() const { return counters_; }
  const Lateness& lateness() const { return lateness_; }
  uint64_t held_packets() const { return held_packets_.load(std::memory_order_relaxed); }
  uint64_t held_frames() const { return held_frames_.load(std::memory_order_relaxed); }

 private:
  WanCounter refusal(const dataplane::Packet& packet) const;
  void arrive(dataplane::Packet& packet, uint64_t arrival_ns);
  void advance_queue(uint64_t now_ns);
  void cross(const OnWire& on);
  void duplicate(const OnWire& on);
  bool transmit(xsk::FrameIndex name);
  void note_departures(std::span<const uint64_t> due_ns);
  void hold(xsk::FrameIndex name, int sign);
  void drop_stored(xsk::FrameIndex name, WanCounter reason);

  const uint32_t frames_limit_;
  const bool finish_checksums_;
  Link link_;
  PacketStore& store_;
  xsk::FramePool& pool_;
  xsk::XskSocket& egress_;
  const EgressState& state_;
  bool transmit_pending_ = false;
  WanCounters counters_;
  Lateness lateness_;
  std::atomic<uint64_t> held_packets_{0};
  std::atomic<uint64_t> held_frames_{0};
};

}  // namespace starocean::wan
