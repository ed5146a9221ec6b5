// A worker: one thread that receives, decides and transmits for the queues that it owns, run to
// completion. The loop reads top to bottom in worker.cc.
//
// Sleep. In adaptive mode a worker that has found nothing for a short while blocks in poll(2) on its
// sockets and its doorbell. No wake-up is lost: it announces that it sleeps, looks at everything once
// more, and only then blocks; whoever gives it work (packets from another worker, a new configuration)
// rings the doorbell afterwards (ring/doorbell.h). Sleeping workers are offline for the reclamation of
// snapshots, and take the newest one when they wake.
//
// Threads: start(), stop() and the destructor belong to the control thread; the readers at the end are
// for any thread.
#pragma once

#include <poll.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "starocean/base/ids.h"
#include "starocean/dataplane/counters.h"
#include "starocean/dataplane/egress.h"
#include "starocean/dataplane/fill_depth.h"
#include "starocean/dataplane/handoff_mesh.h"
#include "starocean/dataplane/l2_switch.h"
#include "starocean/dataplane/packet.h"
#include "starocean/dataplane/router.h"
#include "starocean/dataplane/snapshot.h"
#include "starocean/ring/snapshot.h"
#include "starocean/xsk/frame_pool.h"

namespace starocean::dataplane {

enum class PollMode {
  kAdaptive,   // spin while there is work, block when there is none
  kBusy,       // never block
  kInterrupt,  // block as soon as there is no work
};

// What all workers share; outlives them.
struct SharedState {
  HandoffMesh& mesh;
  ring::Qsbr& qsbr;
  ring::SnapshotPublisher<Snapshot>& snapshots;
  MacMoveRing& mac_moves;
  GroupEventRing& group_events;
  ring::SnapshotPublisher<SnoopingTables>& snooping;
  NeighbourRequestRing& neighbour_requests;
};

class Worker {
 public:
  // `cpu` -1: not pinned.
  Worker(WorkerId id, int cpu, PollMode poll, SharedState shared, xsk::FramePool& pool);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  Status start();
  // Returns when the thread has ended, after it has emptied its hand-off rings. Idempotent.
  void stop();

  // --- Any thread ---
  WorkerId id() const { return id_; }
  int cpu() const { return cpu_; }
  PollMode poll_mode() const { return poll_; }
  bool sleeping() const { return sleeping_.load(std::memory_order_relaxed); }
  const WorkerCounters& counters() const { return counters_; }
  const PortCounters& port_counters(PortId port) const { return egress_.counters(port); }
  const xsk::FramePool& pool() const { return pool_; }
  // Frames of packets that wait for a neighbour's address.
  uint32_t frames_waiting() const { return router_.frames_waiting(); }
  bool redirects() const { return egress_.lanes().in_use(); }
  // Since it was last asked: it does not keep up, and queues of its have no lane (egress_lanes.h).
  bool takes_wish_for_lanes() { return wishes_lanes_.exchange(false, std::memory_order_relaxed); }
  void set_transmitter(xsk::XdpTransmitter* transmitter) {
    egress_.lanes().set_transmitter(transmitter);
  }
  // Calls made by sockets, which count for themselves, excluded.
  uint64_t loop_system_calls() const { return counters_.get(WorkerCounter::system_calls); }

 private:
  void run();
  void look_for_snapshot();
  void adopt();
  void set_fill_levels();
  void look_after_fill_levels();
  // One pass over all queues and rings; returns the packets found.
  uint32_t turn();
  uint32_t receive_from(PortQueue& queue);
  uint32_t receive_from_linux();
  void reap_all();
  void idle(uint64_t now_ns);
  void sleep(uint64_t now_ns);
  int block(uint64_t timeout_ns);
  bool has_work();
  uint64_t sleep_limit_ns(uint64_t now_ns) const;

  const WorkerId id_;
  const int cpu_;
  const PollMode poll_;
  SharedState shared_;
  xsk::FramePool& pool_;
  WorkerCounters counters_;
  Egress egress_;
  L2Switch switch_;
  Router router_;

  const Snapshot* snapshot_ = nullptr;  // valid during a turn
  uint64_t generation_ = 0;
  std::vector<PortQueue*> queues_;
  std::vector<pollfd> watched_;  // what wakes it: the doorbell and the sockets
  uint64_t now_ns_ = 0;
  uint64_t idle_since_ns_ = 0;
  uint32_t looks_in_vain_ = 0;
  uint64_t spin_ns_ = 0;  // see kLeastSpinNs in worker.cc
  bool transmit_pending_ = false;
  FillDepth fill_depth_;
  bool starving_ = false;  // a fill ring could not be topped up: no frames
  Batch batch_;
  // Between switch and router, and back; empty between two batches.
  RoutedBatch to_router_, from_linux_;
  std::array<xsk::RxBuffer, kBatchPackets> received_;

  uint32_t last_packets_ = 0;  // of the turn before
  std::atomic<bool> wishes_lanes_{false};
  std::atomic<bool> sleeping_{false};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace starocean::dataplane
