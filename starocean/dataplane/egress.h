// The four ends of every packet: transmitted, handed to the worker that owns the egress queue, given to
// Linux, or dropped under a name. Each function takes the packet's frames; none can fail in a way that
// is not counted. One Egress per worker, used on its thread only.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "starocean/base/ids.h"
#include "starocean/dataplane/counters.h"
#include "starocean/dataplane/egress_lanes.h"
#include "starocean/dataplane/handoff_mesh.h"
#include "starocean/dataplane/packet.h"
#include "starocean/dataplane/snapshot.h"
#include "starocean/xsk/frame_pool.h"

namespace starocean::dataplane {

class Egress {
 public:
  Egress(WorkerId self, xsk::FramePool& pool, HandoffMesh& mesh, WorkerCounters& worker_counters);

  // Takes the new configuration; does not touch queues of the old one, which may be gone.
  void adopt(const Snapshot* snapshot);

  // When it is, for what waits to be sent.
  void begin_turn(uint64_t now_ns) { now_ns_ = now_ns; }

  // To one port, through this worker's queue or its owner's.
  void send(Packet& packet, const Port& to);
  // To all members of the bridge that are up, except the port it came from.
  void flood(Packet& packet, const Port& from, const Bridge& bridge);
  // To Linux, as if the interface had received it without us.
  void punt(Packet& packet, const Port& in);
  // To Linux, as if `to`, a TAP device of ours, had received it; the frame is untagged. `in` is where the
  // packet came from, for the counters.
  void deliver(Packet& packet, PortId in, const RoutedInterface& to);
  void drop(Packet& packet, PortId where, PortCounter reason);

  // Its frames are free again; the caller has counted what became of it.
  void release(Packet& packet);

  // Makes `copy` a copy of the packet, which counts at `where`. False when there are no frames for it, which
  // counts there too. The buffers behind the first belong to this object: give the copy to one of the
  // functions above before the next call.
  bool duplicate(const Packet& packet, Packet& copy, PortId where);
  // Whether send() would not drop it for what the port is.
  bool takes(const Packet& packet, const Port& to) const {
    return refusal(packet, to) == PortCounter::kCount;
  }
  // There is something for the control thread besides packets.
  void wake_control() { woken_.back() = true; }

  // Packets that other workers handed to this one, for transmission. Returns how many.
  uint32_t take_handoffs();
  // Packets that Linux sent on TAP devices of ours: as many as fit into `batch`, which is empty.
  uint32_t take_from_linux(RoutedBatch& batch);
  // Sends what waits and may leave now, of interfaces with a rate or classes (egress_scheduler.h).
  void serve_schedulers();
  // When the next of them may leave; EgressScheduler::kNever when none waits.
  uint64_t next_release_ns() const;
  // Starts transmission on every queue that got packets, and wakes the workers that got some. Returns
  // false when a transmit ring is not drained yet.
  bool flush();

  // The other way out, for those of its own queues that use it.
  EgressLanes& lanes() { return lanes_; }
  const EgressLanes& lanes() const { return lanes_; }

  PortCounters& counters(PortId port) { return counters_[port.index()]; }
  const PortCounters& counters(PortId port) const { return counters_[port.index()]; }

 private:
  PortCounter refusal(const Packet& packet, const Port& to) const;
  void transmit(Packet& packet, const Port& to, PortQueue& queue);
  void put_in_ring(Packet& packet, PortId to, PortQueue& queue);
  bool put_in_lane(Packet& packet, PortId to, PortQueue& queue);
  void count_sent(const Packet& packet, PortId to);
  void serve(PortQueue& queue);
  void hand_off(Packet& packet, const Port& to, PortQueue& queue);
  bool take_packet(HandoffRing& ring, HandoffItem& first, Packet& packet);
  uint32_t take_from(HandoffRing& ring);
  void resume(Packet& packet, const HandoffItem& item);
  bool copy_to(const Packet& packet, Packet& result, std::span<xsk::Buffer> rest);
  bool push(HandoffRing& ring, Packet& packet, PortId port, Stage stage,
            InterfaceId interface = InterfaceId::none());

  WorkerId self_;
  xsk::FramePool& pool_;
  xsk::Umem& umem_;
  HandoffMesh& mesh_;
  WorkerCounters& worker_counters_;
  const Snapshot* snapshot_ = nullptr;
  std::unique_ptr<PortCounters[]> counters_;
  std::array<xsk::Buffer, kMaxBuffers> rest_;  // of the packet being copied or taken over
  EgressLanes lanes_;
  std::vector<PortQueue*> dirty_;
  std::vector<PortQueue*> scheduled_;  // those of its own that have a scheduler
  uint64_t now_ns_ = 0;
  std::vector<bool>
      woken_;  // by worker: got packets this turn; the last entry is the control thread
};

}  // namespace starocean::dataplane
