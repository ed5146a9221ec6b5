// The packet path of XskSocket; set-up and tear-down are in socket_setup.cc.

#include "starocean/xsk/socket.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "starocean/base/check.h"
#include "starocean/base/clock.h"

namespace starocean::xsk {
namespace {

// Calls in a row that may make no progress before flush() leaves the rest to the next turn.
constexpr int kFruitlessKicks = 4;
// How long a device that was full is left alone: some 64 packets of the smallest size at 2.5 million a second, which
// is what one poll of a receiving driver takes (NAPI_POLL_WEIGHT).
constexpr uint64_t kDeviceFullNs = 25'000;

uint32_t difference(const SocketCounters& counters, SocketCounter more, SocketCounter less) {
  // In this order concurrent progress can only make the difference larger than it was, never negative.
  const uint64_t less_value = counters.get(less);
  const uint64_t more_value = counters.get(more);
  return static_cast<uint32_t>(more_value - less_value);
}

}  // namespace

uint32_t XskSocket::reap(FramePool& pool) {
  const uint32_t ready = completion_.available(completion_.size());
  if (ready == 0) return 0;
  for (uint32_t i = 0; i < ready; ++i) {
    const FrameIndex frame = umem_.frame_of(completion_.peek(i));
    umem_.transfer(frame, tag_, kUserOwned);
    pool.put(Frame::adopt(frame));
  }
  completion_.release(ready);
  counters_.add(SocketCounter::completed, ready);
  return ready;
}

uint32_t XskSocket::refill(FramePool& pool) {
  const uint32_t room = fill_room();
  uint32_t missing = 0;
  // Whole slabs: publishing a few descriptors each time would pass a cache line to and fro with the kernel.
  if (room >= kSlabFrames) {
    const uint32_t pushed = top_up(pool, room);
    counters_.add(SocketCounter::filled, pushed);
    missing = room - pushed;
  }
  // A zero-copy driver that found the ring empty has stopped looking. It may have said so only now.
  if (fill_.needs_wakeup() && fill_.pending() != 0) wake_receive();
  return missing;
}

void XskSocket::set_fill_level(uint32_t descriptors) {
  SO_CHECK(descriptors >= std::min(kSlabFrames, fill_.size()) && descriptors <= fill_.size(),
           "a fill level that the ring does not have");
  fill_level_ = descriptors;
}

// Below the level.
uint32_t XskSocket::fill_room() {
  // In this order: the kernel shows a packet before it shows that it took the frame, so none is in neither count.
  const uint32_t unused = fill_.pending();
  const uint32_t waiting = rx_.available(fill_level_);
  // Less than a slab does not count: it may be the first half of a packet, whose second needs frames.
  const uint32_t counted = waiting < kSlabFrames ? 0 : waiting;
  return fill_level_ - std::min(fill_level_, unused + counted);
}

uint32_t XskSocket::top_up(FramePool& pool, uint32_t room) {
  uint32_t pushed = 0;
  while (pushed < room) {
    Frame frame = pool.take();
    if (!frame) break;
    umem_.transfer(frame.index(), kUserOwned, tag_);
    fill_.push(umem_.address(frame.release(), 0));
    ++pushed;
  }
  fill_.publish();
  return pushed;
}

uint32_t XskSocket::receive(std::span<RxBuffer> buffers) {
  const auto wanted = static_cast<uint32_t>(buffers.size());
  uint32_t ready = std::min(rx_.available(wanted), wanted);
  if (options_.multi_buffer) {
    while (ready > 0 && (rx_.peek(ready - 1).options & XDP_PKT_CONTD) != 0) --ready;
  }
  if (ready == 0) return 0;
  for (uint32_t i = 0; i < ready; ++i) {
    const xdp_desc& desc = rx_.peek(i);
    const FrameIndex frame = umem_.frame_of(desc.addr);
    umem_.transfer(frame, tag_, kUserOwned);
    buffers[i].buffer.frame = Frame::adopt(frame);
    buffers[i].buffer.offset_bytes = umem_.offset_of(desc.addr);
    buffers[i].buffer.len_bytes = static_cast<uint16_t>(desc.len);
    buffers[i].more = (desc.options & XDP_PKT_CONTD) != 0;
  }
  rx_.release(ready);
  counters_.add(SocketCounter::received, ready);
  return ready;
}

void XskSocket::transmit(Buffer buffer, bool more) {
  const FrameIndex frame = buffer.frame.release();
  umem_.transfer(frame, kUserOwned, tag_);
  tx_.push({.addr = umem_.address(frame, buffer.offset_bytes),
            .len = buffer.len_bytes,
            .options = more ? XDP_PKT_CONTD : 0u});
}

bool XskSocket::flush(FramePool& pool) {
  if (const uint32_t fresh = tx_.unpublished(); fresh != 0) {
    counters_.add(SocketCounter::transmitted, fresh);
    tx_.publish();
  }
  uint32_t pending = tx_.pending();
  if (blocked_until_ns_ != 0 && pending != 0) {
    if (monotonic_ns() < blocked_until_ns_) return false;
    blocked_until_ns_ = 0;
  }
  int fruitless = 0;
  // Without the need-wakeup feature every publication wants a kick; with it, the kernel says when.
  while (pending != 0 && (!options_.need_wakeup || tx_.needs_wakeup())) {
    const Kick kick = kick_transmit();
    if (kick == Kick::kRefused) return false;
    const uint32_t before = pending;
    pending = tx_.pending();
    if (kick == Kick::kDeviceFull) {
      // The rest would be dropped too, one packet a call; in the ring it is safe.
      blocked_until_ns_ = monotonic_ns() + kDeviceFullNs;
      return pending == 0;
    }
    if (pending < before) {
      fruitless = 0;
    } else {
      // A full completion ring or an exhausted send buffer stops the kernel; taking frames back mends it.
      reap(pool);
      if (++fruitless == kFruitlessKicks) return false;
    }
    if (zero_copy_) {
      // The driver goes on by itself: whether it asks again is for the next turn to see.
      if (options_.busy_poll && pending == before) wake_driver();
      break;
    }
  }
  return pending == 0;
}

XskSocket::Kick XskSocket::kick_transmit() {
  counters_.add(SocketCounter::tx_kicks);
  if (sendto(fd_, nullptr, 0, MSG_DONTWAIT, nullptr, 0) >= 0) return Kick::kDone;
  // net/xdp/xsk.c: EAGAIN when the budget of one call is used up or the send buffer is full, ENOBUFS when there
  // is no memory; EBUSY when the device had no room (NET_XMIT_DROP: that packet is gone, those behind it are not).
  if (errno == EBUSY) {
    counters_.add(SocketCounter::tx_kicks_busy);
    return zero_copy_ ? Kick::kDone : Kick::kDeviceFull;
  }
  if (errno == EAGAIN || errno == ENOBUFS || errno == EINTR) return Kick::kDone;
  counters_.add(SocketCounter::tx_kick_errors);
  return Kick::kRefused;
}

// With SO_PREFER_BUSY_POLL sendto() polls the NAPI instance that the socket receives from, and does not
// wake the driver (net/xdp/xsk.c, xsk_no_wakeup). A driver that transmits from another one, as virtio_net
// does, would never begin; poll() wakes it in any case (xsk_poll).
void XskSocket::wake_driver() {
  counters_.add(SocketCounter::tx_kicks);
  pollfd watched{.fd = fd_, .events = POLLOUT, .revents = 0};
  ::poll(&watched, 1, 0);
}

void XskSocket::kick_receive() {
  if (options_.busy_poll || fill_.needs_wakeup()) wake_receive();
}

void XskSocket::wake_receive() {
  counters_.add(SocketCounter::rx_kicks);
  recvfrom(fd_, nullptr, 0, MSG_DONTWAIT, nullptr, nullptr);
}

uint32_t XskSocket::frames_in_receive() const {
  return difference(counters_, SocketCounter::filled, SocketCounter::received);
}

uint32_t XskSocket::frames_in_transmit() const {
  return difference(counters_, SocketCounter::transmitted, SocketCounter::completed);
}

}  // namespace starocean::xsk
