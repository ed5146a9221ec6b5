#include "starocean/dataplane/egress_lanes.h"

#include <algorithm>
#include <cstring>

#include "starocean/base/clock.h"

namespace starocean::dataplane {
namespace {

// For the transmitter to begin: RCU grace periods, and its CPU may be taken.
constexpr uint64_t kBeginNs = 500 * kNsPerMs;
// Of 2 ms each: some other thread has the CPU, and not for a moment.
constexpr uint32_t kFruitlessWaits = 10;
// Until a device is tried again that took nothing.
constexpr uint64_t kBarredNs = 10 * kNsPerSecond;
constexpr uint64_t kAskAgainNs = kNsPerSecond;
constexpr int kStopTries = 50;
// Until the transmitter is told once more to end.
constexpr uint64_t kEndAgainNs = kNsPerMs;

// What it holds is to come back.
void close_lane(PortQueue& queue) {
  queue.lane->publish();
  queue.lane->close();
  queue.lane_closing = true;
}

}  // namespace

void EgressLanes::adopt(const std::vector<PortQueue*>& queues) {
  queues_.clear();
  for (PortQueue* queue : queues) {
    if (!queue->scheduler && !queue->socket->zero_copy()) queues_.push_back(queue);
  }
  count_used();
}

bool EgressLanes::begin_turn(uint64_t now_ns, uint32_t packets) {
  now_ns_ = now_ns;
  policy_.observe(now_ns, packets);
  if (!policy_.wants()) [[likely]] {
    if (active()) rest();
    return false;
  }
  if (!lanes_are_of_use(now_ns)) {
    if (active()) rest();
  } else if (phase_ == Phase::kAtRest || phase_ == Phase::kEnding) {
    begin(now_ns);
  } else if (transmitter_.load(std::memory_order_relaxed)->running()) {
    enter_all();
  } else {
    leave_all();
    if (phase_ == Phase::kBeginning && now_ns - begun_ns_ > kBeginNs) policy_.failed(now_ns);
  }
  if (used_ == queues_.size() || now_ns - asked_ns_ < kAskAgainNs) return false;
  asked_ns_ = now_ns;
  return true;
}

bool EgressLanes::lanes_are_of_use(uint64_t now_ns) const {
  return transmitter_.load(std::memory_order_acquire) != nullptr &&
         std::any_of(queues_.begin(), queues_.end(), [&](const PortQueue* queue) {
           return queue->lane != nullptr ||
                  (queue->offered_lane.load(std::memory_order_acquire) != nullptr &&
                   now_ns >= queue->lane_barred_until_ns);
         });
}

void EgressLanes::begin(uint64_t now_ns) {
  phase_ = Phase::kBeginning;
  begun_ns_ = now_ns;
  fruitless_ = 0;
  transmitter_.load(std::memory_order_relaxed)->begin();
  wait();
}

bool EgressLanes::may_use(PortQueue& queue) const {
  if (queue.lane != nullptr || now_ns_ < queue.lane_barred_until_ns || queue.tx_dirty) return false;
  if (queue.offered_lane.load(std::memory_order_acquire) == nullptr) return false;
  if (queue.socket->pending_transmissions() != 0) return false;
  // A veth has delivered what the kernel has taken; a card may have it in another of its queues still.
  if (queue.delivers_at_once) return true;
  queue.socket->reap(pool_);
  return queue.socket->frames_in_transmit() == 0;
}

void EgressLanes::enter_all() {
  phase_ = Phase::kRunning;
  if (used_ == queues_.size()) return;
  for (PortQueue* queue : queues_) {
    if (!may_use(*queue)) continue;
    queue->lane = queue->offered_lane.load(std::memory_order_relaxed);
    queue->lane_closing = false;
    queue->lane_refused_before = queue->lane->refused();
    queue->lane->open();
  }
  count_used();
}

void EgressLanes::count_used() {
  const auto used = std::count_if(queues_.begin(), queues_.end(),
                                  [](const PortQueue* queue) { return queue->lane != nullptr; });
  used_.store(static_cast<uint32_t>(used), std::memory_order_relaxed);
}

bool EgressLanes::put(const Packet& packet, PortQueue& queue) {
  if (!packet.rest.empty() || !xsk::TransmitLane::takes(packet.len_bytes)) [[unlikely]] {
    queue.lane_barred_until_ns = now_ns_ + kBarredNs;
    leave(queue);
    return false;
  }
  if (queue.lane->room() == 0) [[unlikely]] {
    publish();
    hand_over();
    if (queue.lane == nullptr || queue.lane->room() == 0) return false;
  }
  queue.lane->push(pool_.umem().bytes(packet.head));
  queue.redirected.store(queue.redirected.load(std::memory_order_relaxed) + 1,
                         std::memory_order_relaxed);
  ++pending_;
  return true;
}

void EgressLanes::publish() {
  if (!in_use()) return;
  for (PortQueue* queue : queues_) {
    if (queue->lane != nullptr) queue->lane->publish();
  }
}

bool EgressLanes::all_sent() const {
  return !in_use() || std::none_of(queues_.begin(), queues_.end(), [](const PortQueue* queue) {
    return queue->lane != nullptr && queue->lane->unsent() != 0;
  });
}

bool EgressLanes::wait() {
  xsk::XdpTransmitter& transmitter = *transmitter_.load(std::memory_order_relaxed);
  const uint64_t calls_before = transmitter.system_calls();
  const bool answered = transmitter.wait();
  counters_.add(WorkerCounter::system_calls, transmitter.system_calls() - calls_before);
  return answered;
}

void EgressLanes::hand_over() {
  pending_ = 0;
  counters_.add(WorkerCounter::hand_overs);
  if (wait()) {
    fruitless_ = 0;
    look_for_refusals();
  } else if (++fruitless_ == kFruitlessWaits) {
    policy_.failed(now_ns_);
  }
}

void EgressLanes::look_for_refusals() {
  for (PortQueue* queue : queues_) {
    if (queue->lane == nullptr) continue;
    if (queue->lane_closing || queue->lane->refused() != queue->lane_refused_before) {
      queue->lane_barred_until_ns = now_ns_ + kBarredNs;
      leave(*queue);
    }
  }
}

void EgressLanes::leave(PortQueue& queue) {
  close_lane(queue);
  if (lanes_are_still() && take_back(queue)) count_used();
}

bool EgressLanes::lanes_are_still() {
  xsk::XdpTransmitter& transmitter = *transmitter_.load(std::memory_order_relaxed);
  if (transmitter.at_rest() || wait()) return true;
  transmitter.hurry();
  return false;
}

void EgressLanes::leave_all() {
  if (!in_use()) return;
  for (PortQueue* queue : queues_) {
    if (queue->lane != nullptr) close_lane(*queue);
  }
  if (!lanes_are_still()) return;
  for (PortQueue* queue : queues_) {
    if (queue->lane != nullptr) take_back(*queue);
  }
  count_used();
}

// What the lane still holds, to the socket. False when not all of it finds room there.
bool EgressLanes::take_back(PortQueue& queue) {
  xsk::XskSocket& socket = *queue.socket;
  const bool all = queue.lane->take_back([&](std::span<const std::byte> bytes) {
    if (!socket.can_transmit(1)) {
      socket.flush(pool_);
      if (!socket.can_transmit(1)) return false;
    }
    xsk::Buffer buffer;
    buffer.frame = pool_.take();
    if (!buffer.frame) return false;
    buffer.offset_bytes = 0;
    buffer.len_bytes = static_cast<uint16_t>(bytes.size());
    std::memcpy(pool_.umem().data(buffer), bytes.data(), bytes.size());
    socket.transmit(std::move(buffer));
    return true;
  });
  socket.flush(pool_);
  if (all) queue.lane = nullptr;
  return all;
}

void EgressLanes::rest() {
  leave_all();
  if (in_use()) return;
  xsk::XdpTransmitter& transmitter = *transmitter_.load(std::memory_order_relaxed);
  if (now_ns_ - ended_ns_ >= kEndAgainNs) {
    ended_ns_ = now_ns_;
    transmitter.hurry();  // or it would not come out of the kernel beside a worker that is busy
    transmitter.end();
    counters_.add(WorkerCounter::system_calls, 2);
  }
  phase_ = transmitter.at_rest() ? Phase::kAtRest : Phase::kEnding;
}

void EgressLanes::stop() {
  if (!active()) return;
  publish();
  for (int i = 0; i < kStopTries && !all_sent(); ++i) hand_over();
  policy_.failed(now_ns_);
  for (int i = 0; i < kStopTries && active(); ++i) {
    now_ns_ = monotonic_ns();
    rest();
    if (active()) wait();
  }
}

}  // namespace starocean::dataplane
