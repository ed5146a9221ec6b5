#include "starocean/wan/direction.h"

#include <utility>

#include "starocean/base/clock.h"
#include "starocean/base/cpu.h"
#include "starocean/xsk/arrival.h"

namespace starocean::wan {

using dataplane::Batch;
using dataplane::kMaxTransmitBuffers;
using dataplane::Packet;

namespace {

// Packets sent with one system call: few, so that of a burst in one direction neither the other direction nor
// the measure of lateness suffers.
constexpr uint32_t kDeparturesAtOnce = 16;

}  // namespace

Direction::Direction(uint32_t frames, uint64_t seed, bool finish_checksums, PacketStore& store,
                     xsk::FramePool& pool, xsk::XskSocket& egress, const EgressState& state)
    : frames_limit_(frames),
      finish_checksums_(finish_checksums),
      link_(frames, seed),
      store_(store),
      pool_(pool),
      egress_(egress),
      state_(state) {}

// kCount when the link takes the packet.
WanCounter Direction::refusal(const Packet& packet) const {
  const uint32_t mtu_bytes = state_.mtu_bytes.load(std::memory_order_relaxed);
  if (!dataplane::fits_mtu(packet, pool_.umem(), mtu_bytes)) return WanCounter::drop_egress_mtu;
  if (!packet.rest.empty() && (!state_.multi_buffer || packet.buffers() > kMaxTransmitBuffers)) {
    return WanCounter::drop_fragments;
  }
  if (held_frames() + packet.buffers() > frames_limit_) return WanCounter::drop_no_room;
  return WanCounter::kCount;
}

void Direction::accept(Batch& batch, uint64_t now_ns) {
  xsk::Umem& umem = pool_.umem();
  uint64_t bytes = 0;
  for (const Packet& packet : batch.all()) {
    // With the time of arrival right in front of it.
    prefetch_write(umem.data(packet.head) - sizeof(uint64_t));
    bytes += packet.len_bytes;
  }
  counters_.add(WanCounter::rx_packets, batch.count);
  counters_.add(WanCounter::rx_bytes, bytes);
  if (finish_checksums_) {
    const uint64_t finished = dataplane::finish_checksums(batch, umem);
    if (finished != 0) counters_.add(WanCounter::checksums_finished, finished);
  }
  for (Packet& packet : batch.all()) {
    arrive(packet, xsk::take_arrival_ns(umem, packet.head, now_ns));
  }
}

void Direction::arrive(Packet& packet, uint64_t arrival_ns) {
  advance_queue(arrival_ns);
  if (const WanCounter reason = refusal(packet); reason != WanCounter::kCount) [[unlikely]] {
    counters_.add(reason);
    pool_.put(std::move(packet.head.frame));
    for (xsk::Buffer& buffer : packet.rest) pool_.put(std::move(buffer.frame));
    return;
  }
  const uint32_t len_bytes = packet.len_bytes;
  const xsk::FrameIndex name = store_.put(packet);
  hold(name, 1);
  switch (link_.arrive(name, len_bytes, arrival_ns)) {
    case Link::Arrival::kTaken:
      return;
    case Link::Arrival::kQueueFull:
      drop_stored(name, WanCounter::drop_queue_full);
      return;
    case Link::Arrival::kNoRoom:
      drop_stored(name, WanCounter::drop_no_room);
      return;
  }
}

void Direction::advance_queue(uint64_t now_ns) {
  while (const auto on = link_.leave_queue(now_ns)) cross(*on);
}

void Direction::cross(const OnWire& on) {
  const Crossing& crossing = on.crossing;
  if (crossing.loss != Loss::kNone) {
    drop_stored(on.frame, crossing.loss == Loss::kInBurst ? WanCounter::drop_burst_loss
                                                          : WanCounter::drop_loss);
    return;
  }
  if (crossing.corrupt) {
    const uint64_t bit = bit_to_flip(crossing.corrupt_draw, on.len_bytes);
    if (bit != 0) {
      store_.flip_bit(on.frame, bit);
      counters_.add(WanCounter::corrupted);
    }
  }
  if (crossing.reordered) counters_.add(WanCounter::reordered);
  link_.travel(on.frame, crossing);
  if (crossing.duplicate) duplicate(on);
}

void Direction::duplicate(const OnWire& on) {
  counters_.add(WanCounter::duplicated);
  const bool room = link_.has_room() && held_frames() + store_.buffers(on.frame) <= frames_limit_;
  const auto copy = room ? store_.copy(on.frame) : std::nullopt;
  if (!copy) {
    counters_.add(WanCounter::drop_no_room);
    return;
  }
  hold(*copy, 1);
  link_.travel(*copy, on.crossing);
}

uint32_t Direction::send_due(uint64_t now_ns) {
  egress_.reap(pool_);
  advance_queue(now_ns);
  std::array<uint64_t, kDeparturesAtOnce> due_ns;
  uint32_t departed = 0;
  uint32_t sent = 0;
  while (departed < kDeparturesAtOnce) {
    const auto held = link_.depart(now_ns);
    if (!held) break;
    ++departed;
    if (!state_.up.load(std::memory_order_relaxed)) [[unlikely]] {
      drop_stored(held->frame, WanCounter::drop_egress_down);
    } else if (transmit(held->frame)) {
      due_ns[sent++] = held->due_ns;
    }
  }
  if (sent != 0 || transmit_pending_) transmit_pending_ = !egress_.flush(pool_);
  if (sent != 0) note_departures({due_ns.data(), sent});
  return departed;
}

bool Direction::transmit(xsk::FrameIndex name) {
  const uint32_t buffers = store_.buffers(name);
  if (!egress_.can_transmit(buffers)) [[unlikely]] {
    egress_.flush(pool_);
    if (!egress_.can_transmit(buffers)) {
      drop_stored(name, WanCounter::drop_tx_full);
      return false;
    }
  }
  hold(name, -1);
  counters_.add(WanCounter::tx_packets);
  counters_.add(WanCounter::tx_bytes, store_.len_bytes(name));
  store_.take(name,
              [this](xsk::Buffer buffer, bool more) { egress_.transmit(std::move(buffer), more); });
  return true;
}

void Direction::note_departures(std::span<const uint64_t> due_ns) {
  const uint64_t now_ns = monotonic_ns();
  uint64_t late = 0;
  for (const uint64_t due : due_ns) {
    lateness_.add(now_ns - due);
    late += now_ns - due > Lateness::kLateNs;
  }
  if (late != 0) counters_.add(WanCounter::late, late);
}

void Direction::drop_held() {
  // The end of time, as far as the link is concerned; what the dice say is of no interest any more.
  while (const auto on = link_.leave_queue(kNever - 1)) {
    drop_stored(on->frame, WanCounter::drop_ended);
  }
  while (const auto held = link_.depart(kNever - 1)) {
    drop_stored(held->frame, WanCounter::drop_ended);
  }
}

void Direction::hold(xsk::FrameIndex name, int sign) {
  const uint64_t buffers = store_.buffers(name);
  held_packets_.store(held_packets() + (sign > 0 ? 1 : uint64_t(-1)), std::memory_order_relaxed);
  held_frames_.store(held_frames() + (sign > 0 ? buffers : 0 - buffers), std::memory_order_relaxed);
}

void Direction::drop_stored(xsk::FrameIndex name, WanCounter reason) {
  counters_.add(reason);
  hold(name, -1);
  store_.release(name);
}

}  // namespace starocean::wan
