// The frames on their way to one device by XDP_REDIRECT: written here by one thread, the packet path's, and sent by the
// program of an XdpTransmitter (xdp_transmitter.h), which owns the lane. Frames leave in their order, none is lost or sent
// twice; a device that is full makes them wait. Frames are copied: the lane owns its bytes.
//
// All members belong to the thread that writes, but for those under "Any thread".
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "bpf/transmit.h"

namespace starocean::xsk {

class TransmitLane {
 public:
  static constexpr uint32_t kFrames = TRANSMIT_SLOTS;
  static constexpr uint32_t kFewestBytes = TRANSMIT_FEWEST_BYTES;
  static constexpr uint32_t kMostBytes = TRANSMIT_MOST_BYTES;  // without FCS

  TransmitLane() = default;
  // Of memory that the program sees, empty; the transmitter's business.
  TransmitLane(transmit_lane& shared, transmit_slot* slots) : shared_(&shared), slots_(slots) {
    produced_ = done();
    publish();
  }

  static bool takes(size_t len_bytes) {
    return len_bytes >= kFewestBytes && len_bytes <= kMostBytes;
  }
  uint32_t room() const { return kFrames - (produced_ - done()); }
  // Precondition: room() != 0 and takes(frame.size()).
  void push(std::span<const std::byte> frame) {
    transmit_slot& slot = slots_[produced_++ % kFrames];
    slot.len_bytes = static_cast<uint32_t>(frame.size());
    std::memcpy(slot.bytes, frame.data(), frame.size());
  }
  // What was pushed may be sent from now on.
  void publish() { std::atomic_ref(shared_->produced).store(produced_, std::memory_order_release); }
  // Pushed, and not taken by the device yet.
  uint32_t unsent() const { return produced_ - done(); }

  // Nothing more is sent; certain after the next XdpTransmitter::wait() that succeeds, or once the transmitter is at rest.
  void close() { std::atomic_ref(shared_->closed).store(1, std::memory_order_release); }
  void open() { std::atomic_ref(shared_->closed).store(0, std::memory_order_release); }
  // Of a lane that is closed for certain: use(frame) for each that was not sent, in order, until it returns false; those
  // before that one are out of the lane then. True when that is all.
  template <class Use>
  bool take_back(Use&& use) {
    uint32_t number = done();
    for (; number != produced_; ++number) {
      const transmit_slot& slot = slots_[number % kFrames];
      if (!use(std::as_bytes(std::span(slot.bytes, slot.len_bytes)))) break;
    }
    // The program's own number, which it does not touch while the lane is closed.
    std::atomic_ref(shared_->done).store(number, std::memory_order_release);
    return number == produced_;
  }

  // --- Any thread ---
  // Frames that the device has taken, modulo 2^32.
  uint32_t done() const { return std::atomic_ref(shared_->done).load(std::memory_order_acquire); }
  // Times that it had no room for one, which was tried again.
  uint64_t retries() const {
    return std::atomic_ref(shared_->retries).load(std::memory_order_relaxed);
  }
  // Attempts at a device that takes no redirected frames (any more): it is down, or a veth whose other end has neither an
  // XDP program nor GRO. They are repeated.
  uint32_t refused() const {
    return std::atomic_ref(shared_->refused).load(std::memory_order_relaxed);
  }

 private:
  transmit_lane* shared_ = nullptr;
  transmit_slot* slots_ = nullptr;
  uint32_t produced_ = 0;
};

}  // namespace starocean::xsk
