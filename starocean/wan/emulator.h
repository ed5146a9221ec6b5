// The link emulator: everything that interface A receives leaves interface B after what the link does to it,
// and the other way round.
//
//            ┌──────────────── Emulator, one thread ────────────────┐
//   A ══rx══▶│ Direction A to B: queue ▸ rate ▸ loss … ▸ delay      │══tx══▶ B
//   A ◀══tx══│ Direction B to A: delay ◂ … loss ◂ rate ◂ queue      │◀══rx══ B
//            └──────────────────────────────────────────────────────┘
//
// A packet's time begins when its frame reached the driver (xsk/arrival.h), not when the emulator came to
// look at it, so that being late on reception makes no difference to the delay as long as the delay is longer.
//
// Waiting. With nothing to do the thread sleeps in ppoll(2) until a packet comes or one is due. It wakes a
// little before the time and spins the rest, and in a dense stream it spins between packets: sleeping would
// cost more than it saves.
//
// Frames. Each direction holds at most capacity_frames(); what the rings can take is set aside, so that a full
// delay line never keeps the kernel from receiving.
//
// Threads: open, start, stop and set_link() belong to the control thread; set() and status() to any.
#pragma once

#include <poll.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "starocean/base/result.h"
#include "starocean/dataplane/attached_port.h"
#include "starocean/dataplane/packet.h"
#include "starocean/wan/counters.h"
#include "starocean/wan/direction.h"
#include "starocean/wan/link_options.h"
#include "starocean/wan/packet_store.h"

namespace starocean::wan {

inline constexpr uint32_t kDefaultFrames = 131072;
inline constexpr size_t kSides = 2;

struct EmulatorOptions {
  std::array<std::string, kSides> devices;  // A and B
  uint32_t frames = kDefaultFrames;         // of 2048 bytes, a multiple of 64
  uint64_t seed = 1;
  int cpu = -1;  // -1: any
  // SCHED_FIFO (sched(7)), so that packets depart in time on a busy machine; where the system refuses that,
  // normal priority. Never more than 95 % of a CPU.
  bool realtime = true;
  LinkPair links;
};

struct SideStatus {
  std::string device;
  uint32_t ifindex = 0;
  bool up = false;
  uint32_t mtu_bytes = 0;
  uint32_t queues = 0;
  std::string attach;  // "native", "generic"
  bool zero_copy = false;
  bool multi_buffer = false;
  // Lost in the kernel on the way in, summed over queues (xsk/socket_stats.h), and what the device says
  // it has dropped on the way out since the emulator started (struct rtnl_link_stats, tx_dropped).
  uint64_t kernel_rx_dropped = 0;
  uint64_t kernel_rx_ring_full = 0;
  uint64_t kernel_rx_fill_ring_empty = 0;
  uint64_t kernel_tx_dropped = 0;
};

struct DirectionStatus {
  LinkOptions link;
  WanCounters::Values counters{};
  Lateness::Values lateness;
  uint64_t held_packets = 0;
  uint64_t held_frames = 0;
};

struct EmulatorStatus {
  uint64_t seed = 0;
  uint64_t frames = 0;
  uint64_t frames_free = 0;
  uint64_t frames_in_rx = 0;
  uint64_t frames_in_tx = 0;
  uint64_t capacity_frames = 0;  // of each direction
  uint64_t turns = 0;
  uint64_t sleeps = 0;
  bool realtime = false;
  std::array<SideStatus, kSides> sides;
  std::array<DirectionStatus, kSides> directions;  // A to B, B to A
};

class Emulator {
 public:
  // Attaches both interfaces; `links` is what Linux says of them.
  static Result<std::unique_ptr<Emulator>> open(
      const EmulatorOptions& options, const std::array<dataplane::LinkState, kSides>& links);
  ~Emulator();
  Emulator(const Emulator&) = delete;
  Emulator& operator=(const Emulator&) = delete;

  // Starts the thread. Real time takes CAP_SYS_NICE; `note` says so when it is refused.
  Status start(std::string& note);
  // Options that check() accepts. Returns when they are in force; fails when the emulator ends.
  Status set(const LinkPair& links);
  // Linux says something new of the device of one side.
  void set_link(size_t side, bool up, uint32_t mtu_bytes);
  // Detaches, drops what is under way, and takes all frames back; status() goes on to work.
  void stop();

  EmulatorStatus status() const;
  uint32_t ifindex(size_t side) const { return ports_[side]->ifindex(); }
  bool carries(size_t side, uint32_t mtu_bytes) const { return ports_[side]->carries(mtu_bytes); }

 private:
  explicit Emulator(const EmulatorOptions& options);
  Status pin();
  Status build(const std::array<dataplane::LinkState, kSides>& links);
  Status make_memory(const std::array<dataplane::LinkState, kSides>& links);
  SideStatus side_status(size_t side) const;

  // The emulator's thread.
  void run();
  void adopt();
  bool turn();
  uint32_t receive(size_t side);
  void wait();
  void pause();
  void sleep(uint64_t until_ns);

  const EmulatorOptions options_;
  std::unique_ptr<xsk::Umem> umem_;
  std::unique_ptr<xsk::FrameDepot> depot_;
  std::unique_ptr<xsk::FramePool> pool_;
  std::unique_ptr<PacketStore> store_;
  std::array<std::unique_ptr<dataplane::AttachedPort>, kSides> ports_;
  std::array<EgressState, kSides> states_;  // of the device of each side
  std::array<std::unique_ptr<Direction>, kSides> directions_;
  std::array<uint64_t, kSides> tx_dropped_before_{};
  std::array<SideStatus, kSides> last_sides_;  // kept when the ports are closed
  uint32_t capacity_frames_ = 0;
  int wake_fd_ = -1;
  std::thread thread_;
  bool realtime_ = false;  // granted; set before the thread looks at it
  std::atomic<bool> stop_{false};
  bool stopped_ = false;

  mutable std::mutex ports_mutex_;  // of ports_, against their closing
  // Of the two below. Held for moments only: the thread takes it.
  mutable std::mutex settings_mutex_;
  LinkPair settings_;
  bool ending_ = false;
  std::atomic<uint64_t> wanted_{0};   // generation of settings_
  std::atomic<uint64_t> adopted_{0};  // that the thread works with

  // The thread's own.
  std::vector<pollfd> watched_;
  dataplane::Batch batch_;
  std::array<xsk::RxBuffer, dataplane::kBatchPackets> received_;
  uint64_t now_ns_ = 0;
  uint64_t last_work_ns_ = 0;
  uint64_t last_sleep_ns_ = 0;
  bool dense_ = false;
  const bool several_cpus_ = std::thread::hardware_concurrency() > 1;
  std::atomic<uint64_t> turns_{0};
  std::atomic<uint64_t> sleeps_{0};
};

}  // namespace starocean::wan
