#include "starocean/dataplane/egress.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace starocean::dataplane {
namespace {

// Frames in a device's transmit ring, where an interface has queues but no rate.
constexpr uint64_t kMostInDevice = 256;

}  // namespace

Egress::Egress(WorkerId self, xsk::FramePool& pool, HandoffMesh& mesh,
               WorkerCounters& worker_counters)
    : self_(self),
      pool_(pool),
      umem_(pool.umem()),
      mesh_(mesh),
      worker_counters_(worker_counters),
      counters_(std::make_unique<PortCounters[]>(kMaxPorts)),
      lanes_(pool, worker_counters),
      woken_(mesh.workers() + 1, false) {
  dirty_.reserve(1024);
}

void Egress::adopt(const Snapshot* snapshot) {
  dirty_.clear();
  scheduled_.clear();
  snapshot_ = snapshot;
  // All of them: one that was down may hold packets from before.
  for (PortQueue* queue : snapshot->worker_queues[self_.index()]) {
    queue->tx_dirty = true;
    dirty_.push_back(queue);
    if (queue->scheduler) scheduled_.push_back(queue);
  }
  lanes_.adopt(snapshot->worker_queues[self_.index()]);
}

// kCount when the port takes the packet.
PortCounter Egress::refusal(const Packet& packet, const Port& to) const {
  if (!to.attached || !to.up) return PortCounter::drop_egress_down;
  if (!fits_mtu(packet, umem_, to.mtu_bytes)) return PortCounter::drop_egress_mtu;
  if (!packet.rest.empty() && (!to.multi_buffer || packet.buffers() > kMaxTransmitBuffers)) {
    return PortCounter::drop_fragments;
  }
  return PortCounter::kCount;
}

void Egress::send(Packet& packet, const Port& to) {
  if (const PortCounter reason = refusal(packet, to); reason != PortCounter::kCount) [[unlikely]] {
    drop(packet, to.id, reason);
    return;
  }
  PortQueue& queue = *to.tx_queue[self_.index()];
  if (queue.owner == self_) {
    transmit(packet, to, queue);
  } else {
    hand_off(packet, to, queue);
  }
}

void Egress::transmit(Packet& packet, const Port& to, PortQueue& queue) {
  if (!queue.scheduler) [[likely]]
    return put_in_ring(packet, to.id, queue);
  queue.scheduler->enqueue(packet, umem_.bytes(packet.head), now_ns_,
                           [&](Packet& full) { drop(full, to.id, PortCounter::drop_queue_full); });
}

void Egress::serve_schedulers() {
  for (PortQueue* queue : scheduled_) {
    if (queue->scheduler->packets() != 0 && snapshot_->ports[queue->port.index()].up) serve(*queue);
  }
}

// Without a rate, only as much is given to the device as it takes soon: what waits should wait here.
void Egress::serve(PortQueue& queue) {
  EgressScheduler& scheduler = *queue.scheduler;
  const uint64_t most_in_device = scheduler.options().rate_bps == 0 ? kMostInDevice : UINT64_MAX;
  Packet packet;
  while (queue.socket->can_transmit(kMaxTransmitBuffers) &&
         queue.socket->frames_in_transmit() < most_in_device &&
         scheduler.dequeue(
             now_ns_, packet, rest_, [&](const xsk::Buffer& buffer) { return umem_.bytes(buffer); },
             [&](Packet& late) { drop(late, queue.port, PortCounter::drop_queue_delay); })) {
    put_in_ring(packet, queue.port, queue);
  }
}

uint64_t Egress::next_release_ns() const {
  uint64_t next_ns = EgressScheduler::kNever;
  for (const PortQueue* queue : scheduled_) {
    next_ns = std::min(next_ns, queue->scheduler->ready_ns());
  }
  return next_ns;
}

void Egress::count_sent(const Packet& packet, PortId to) {
  PortCounters& port = counters(to);
  port.add(PortCounter::tx_packets);
  port.add(PortCounter::tx_bytes, packet.len_bytes);
}

// False when it is for the socket.
bool Egress::put_in_lane(Packet& packet, PortId to, PortQueue& queue) {
  if (lanes_.put(packet, queue)) {
    count_sent(packet, to);
    release(packet);
    return true;
  }
  if (queue.lane == nullptr) return false;
  drop(packet, to, PortCounter::drop_tx_full);
  return true;
}

void Egress::put_in_ring(Packet& packet, PortId to, PortQueue& queue) {
  if (queue.lane != nullptr && put_in_lane(packet, to, queue)) return;
  xsk::XskSocket& socket = *queue.socket;
  const uint32_t buffers = packet.buffers();
  if (!socket.can_transmit(buffers)) [[unlikely]] {
    socket.flush(pool_);
    if (!socket.can_transmit(buffers)) {
      drop(packet, to, PortCounter::drop_tx_full);
      return;
    }
  }
  if (!queue.tx_dirty) {
    queue.tx_dirty = true;
    dirty_.push_back(&queue);
  }
  count_sent(packet, to);
  socket.transmit(std::move(packet.head), !packet.rest.empty());
  for (size_t i = 0; i < packet.rest.size(); ++i) {
    socket.transmit(std::move(packet.rest[i]), i + 1 < packet.rest.size());
  }
}

bool Egress::push(HandoffRing& ring, Packet& packet, PortId port, Stage stage,
                  InterfaceId interface) {
  if (ring.room() < packet.buffers()) return false;
  if (packet.rest.empty()) {
    HandoffItem item = to_item(packet.head, port, stage, false, packet.len_bytes);
    item.interface = interface;
    return ring.push(item);
  }
  // In one push: the consumer must never see half a packet.
  std::array<HandoffItem, kMaxBuffers> items;
  size_t count = 0;
  items[count++] = to_item(packet.head, port, stage, true, packet.len_bytes);
  for (size_t i = 0; i < packet.rest.size(); ++i) {
    items[count++] =
        to_item(packet.rest[i], port, stage, i + 1 < packet.rest.size(), packet.len_bytes);
  }
  items[0].interface = interface;
  ring.push(std::span<const HandoffItem>(items.data(), count));
  return true;
}

void Egress::hand_off(Packet& packet, const Port& to, PortQueue& queue) {
  if (!push(mesh_.between(self_, queue.owner), packet, to.id, Stage::kTransmit)) {
    drop(packet, to.id, PortCounter::drop_handoff_full);
    return;
  }
  worker_counters_.add(WorkerCounter::handoff_out);
  woken_[queue.owner.index()] = true;
}

void Egress::punt(Packet& packet, const Port& in) {
  if (!push(mesh_.to_control(self_), packet, in.id, Stage::kPunt)) {
    drop(packet, in.id, PortCounter::drop_punt_full);
    return;
  }
  woken_.back() = true;
}

void Egress::deliver(Packet& packet, PortId in, const RoutedInterface& to) {
  if (!push(mesh_.to_control(self_), packet, in, Stage::kDeliver, to.id)) {
    drop(packet, in, PortCounter::drop_punt_full);
    return;
  }
  woken_.back() = true;
}

void Egress::flood(Packet& packet, const Port& from, const Bridge& bridge) {
  counters(from.id).add(PortCounter::flooded);
  const Port* last = nullptr;
  for (const PortId member : bridge.members) {
    const Port& to = snapshot_->ports[member.index()];
    if (member == from.id || !to.attached || !to.up) continue;
    // One behind: the last port gets the original, all others a copy.
    if (last != nullptr) {
      Packet copy;
      if (duplicate(packet, copy, last->id)) send(copy, *last);
    }
    last = &to;
  }
  if (last == nullptr) {
    drop(packet, from.id, PortCounter::drop_no_member);
  } else {
    send(packet, *last);
  }
}

bool Egress::duplicate(const Packet& packet, Packet& copy, PortId where) {
  counters(where).add(PortCounter::copies);
  if (copy_to(packet, copy, rest_)) return true;
  counters(where).add(PortCounter::drop_no_frame);
  return false;
}

bool Egress::copy_to(const Packet& packet, Packet& result, std::span<xsk::Buffer> rest) {
  const uint32_t wanted = packet.buffers();
  if (wanted > rest.size() || pool_.reserve(wanted) < wanted) return false;
  const auto copy_buffer = [&](const xsk::Buffer& from, xsk::Buffer& to) {
    to.frame = pool_.take();
    to.offset_bytes = from.offset_bytes;
    to.len_bytes = from.len_bytes;
    std::memcpy(umem_.data(to), umem_.data(from), from.len_bytes);
  };
  copy_buffer(packet.head, result.head);
  for (size_t i = 0; i < packet.rest.size(); ++i) copy_buffer(packet.rest[i], rest[i]);
  result.rest = rest.first(packet.rest.size());
  result.len_bytes = packet.len_bytes;
  return true;
}

void Egress::release(Packet& packet) {
  pool_.put(std::move(packet.head.frame));
  for (xsk::Buffer& buffer : packet.rest) pool_.put(std::move(buffer.frame));
}

void Egress::drop(Packet& packet, PortId where, PortCounter reason) {
  counters(where).add(reason);
  release(packet);
}

uint32_t Egress::take_handoffs() {
  uint32_t packets = 0;
  for (uint32_t i = 0; i < mesh_.workers(); ++i) {
    const WorkerId from(static_cast<uint16_t>(i));
    if (from != self_) packets += take_from(mesh_.between(from, self_));
  }
  if (packets != 0) worker_counters_.add(WorkerCounter::handoff_in, packets);
  return packets;
}

// Its buffers behind the first are in rest_. A producer pushes whole packets, so that no packet is cut by the end
// of what is visible.
bool Egress::take_packet(HandoffRing& ring, HandoffItem& first, Packet& packet) {
  if (!ring.pop(first)) return false;
  packet.head = to_buffer(first);
  packet.len_bytes = first.packet_bytes;
  size_t rest_count = 0;
  HandoffItem item = first;
  while (item.more && ring.pop(item)) rest_[rest_count++] = to_buffer(item);
  packet.rest = {rest_.data(), rest_count};
  return true;
}

uint32_t Egress::take_from(HandoffRing& ring) {
  uint32_t packets = 0;
  HandoffItem item;
  Packet packet;
  while (packets < HandoffMesh::kRingItems && take_packet(ring, item, packet)) {
    ++packets;
    resume(packet, item);
  }
  return packets;
}

uint32_t Egress::take_from_linux(RoutedBatch& batch) {
  HandoffRing& ring = mesh_.from_control(self_);
  HandoffItem item;
  Packet packet;
  while (batch.has_room() && take_packet(ring, item, packet)) {
    batch.add(packet, item.interface, item.port);
  }
  if (batch.count != 0) worker_counters_.add(WorkerCounter::handoff_in, batch.count);
  return batch.count;
}

// The configuration may have changed since it was pushed.
void Egress::resume(Packet& packet, const HandoffItem& item) {
  const Port& port = snapshot_->ports[item.port.index()];
  if (const PortCounter reason = refusal(packet, port); reason != PortCounter::kCount) {
    drop(packet, item.port, reason);
  } else if (PortQueue& queue = *port.tx_queue[self_.index()]; queue.owner == self_) {
    transmit(packet, port, queue);
  } else {
    hand_off(packet, port, queue);
  }
}

bool Egress::flush() {
  lanes_.publish();
  bool drained = true;
  size_t kept = 0;
  for (PortQueue* queue : dirty_) {
    // A device that is down takes nothing; what is in its ring goes out when it is up again, with the
    // snapshot that says so.
    const bool up = snapshot_->ports[queue->port.index()].up;
    if (!up || queue->socket->flush(pool_)) {
      queue->tx_dirty = false;
    } else {
      dirty_[kept++] = queue;
      drained = false;
    }
  }
  dirty_.resize(kept);
  for (size_t i = 0; i < woken_.size(); ++i) {
    if (!woken_[i]) continue;
    woken_[i] = false;
    ring::Doorbell& doorbell = i < mesh_.workers()
                                   ? mesh_.doorbell(WorkerId(static_cast<uint16_t>(i)))
                                   : mesh_.control_doorbell();
    if (doorbell.ring()) {
      worker_counters_.add(WorkerCounter::wakes_sent);
      worker_counters_.add(WorkerCounter::system_calls);
    }
  }
  return drained;
}

}  // namespace starocean::dataplane
