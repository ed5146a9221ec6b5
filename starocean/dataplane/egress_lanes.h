// A worker's second way out: frames redirected by XDP (xsk/xdp_transmitter.h), for queues in copy mode, while the worker
// would not keep up otherwise. To a socket the kernel attends by itself, and it costs nothing when nothing happens; a
// redirected frame costs a third to a half, as long as there are many.
//
// A queue goes over from one way to the other without a packet overtaking another: to a lane when all that its socket was
// given has been sent, and back when the lane is empty, or with what it still held.
//
// The control thread makes transmitter and lanes, some when a port is attached and the others when the worker asks for
// them: set_transmitter(), PortQueue::offered_lane. Everything else belongs to the worker's thread, but for those under "Any thread".
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <vector>

#include "starocean/dataplane/counters.h"
#include "starocean/dataplane/packet.h"
#include "starocean/dataplane/snapshot.h"
#include "starocean/dataplane/transmit_policy.h"
#include "starocean/xsk/frame_pool.h"
#include "starocean/xsk/xdp_transmitter.h"

namespace starocean::dataplane {

class EgressLanes {
 public:
  EgressLanes(xsk::FramePool& pool, WorkerCounters& counters) : pool_(pool), counters_(counters) {}

  // The worker has a CPU of its own. Otherwise the transmitting thread may have to share one with others, and is not relied on
  // before it is needed. Before the first turn.
  void set_pinned(bool pinned) { policy_ = TransmitPolicy(pinned); }

  // The queues that the worker owns now.
  void adopt(const std::vector<PortQueue*>& queues);
  // Once a turn, before its first packet: `packets` were in the one before. True when the control thread is to be asked for
  // lanes.
  bool begin_turn(uint64_t now_ns, uint32_t packets);
  // Takes the packet's bytes; the frames stay the caller's. Precondition: queue.lane. False: there is no room, or, when
  // queue.lane has become null, it is for the socket.
  bool put(const Packet& packet, PortQueue& queue);
  // Shows what was put to the transmitter.
  void publish();
  // Nothing is left, as it is for a device that is full.
  bool all_sent() const;
  // Lets the transmitter send: if enough is waiting, or the worker has nothing else to do.
  void end_turn(bool found_nothing) {
    if (pending_ >= kHandOverFrames || (found_nothing && pending_ != 0)) hand_over();
  }
  // Sends what it can, and hands the rest back to the sockets; bounded. The transmitter is at rest afterwards.
  void stop();

  // The transmitter has been begun: it has to be ended, and what it cannot send looked after.
  bool active() const { return phase_ != Phase::kAtRest; }

  // --- Any thread ---
  // For good, and once.
  void set_transmitter(xsk::XdpTransmitter* transmitter) {
    transmitter_.store(transmitter, std::memory_order_release);
  }
  bool in_use() const { return used_.load(std::memory_order_relaxed) != 0; }

 private:
  static constexpr uint32_t kHandOverFrames = 256;
  // Of the transmitter: told to begin, seen at work, told to end.
  enum class Phase : uint8_t { kAtRest, kBeginning, kRunning, kEnding };

  bool lanes_are_of_use(uint64_t now_ns) const;
  void begin(uint64_t now_ns);
  bool may_use(PortQueue& queue) const;
  void enter_all();
  void leave(PortQueue& queue);
  void leave_all();
  bool take_back(PortQueue& queue);
  bool lanes_are_still();
  void rest();
  void hand_over();
  bool wait();
  void look_for_refusals();
  void count_used();

  xsk::FramePool& pool_;
  WorkerCounters& counters_;
  TransmitPolicy policy_;
  std::atomic<xsk::XdpTransmitter*> transmitter_ = nullptr;
  std::vector<PortQueue*> queues_;  // of copy mode, all that could
  std::atomic<uint32_t> used_ = 0;  // lanes
  uint64_t now_ns_ = 0;
  uint64_t begun_ns_ = 0;  // when it was told to begin
  uint64_t asked_ns_ = 0;
  uint64_t ended_ns_ = 0;
  Phase phase_ = Phase::kAtRest;
  uint32_t pending_ = 0;    // put since the transmitter had its last turn
  uint32_t fruitless_ = 0;  // its turns that came to nothing, in a row
};

}  // namespace starocean::dataplane
