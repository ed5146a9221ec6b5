// An AF_XDP socket: bound to one queue of one device, with its four rings.
//
// Set-up and tear-down belong to the control thread; everything in "Packet path" to the one thread that
// owns the queue, and statistics() and the counters to any thread. The packet path neither allocates,
// locks nor fails: what it cannot do it says by its return value. It keeps the books of its frames, so
// that close() can take back also those that the kernel held.
//
//   auto socket = XskSocket::open(umem, {.device = "eth0", .queue = 0}, &pool);
//   loop: socket->reap(pool); socket->refill(pool);
//         n = socket->receive(buffers); …; socket->transmit(std::move(buffer)); socket->flush();
//
// Binding (Documentation/networking/af_xdp.rst, "XDP_SHARED_UMEM", "XDP_USE_SG"): the first socket of a
// mode registers the UMEM, later ones on other queues or devices share that registration with rings of
// their own. What the kernel granted is read back (XDP_OPTIONS) and told by zero_copy(); nothing is
// assumed. EBUSY just after another socket left the queue is retried, since its tear-down is asynchronous.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "starocean/base/result.h"
#include "starocean/xsk/frame_pool.h"
#include "starocean/xsk/kernel_ring.h"
#include "starocean/xsk/socket_stats.h"
#include "starocean/xsk/umem.h"

namespace starocean::xsk {

enum class ZeroCopy { kAuto, kRequire, kOff };

struct XskOptions {
  std::string device;
  uint32_t queue = 0;
  uint32_t rx_size = 2048;  // descriptors; powers of two
  uint32_t tx_size = 2048;
  uint32_t fill_size = 2048;        // bounds what waits in the receive ring, too
  uint32_t completion_size = 2048;  // at least tx_size, or transmission stalls on it
  uint32_t fill_level = 0;          // see set_fill_level(); 0: all of fill_size
  ZeroCopy zero_copy = ZeroCopy::kAuto;
  bool need_wakeup = true;    // XDP_USE_NEED_WAKEUP
  bool multi_buffer = false;  // XDP_USE_SG, Linux 6.6; the XDP program must be xdp.frags
  bool busy_poll = false;     // SO_PREFER_BUSY_POLL: the kernel polls when we ask, not by interrupt
  uint32_t busy_poll_us = 20;              // SO_BUSY_POLL
  uint32_t busy_poll_budget = 64;          // SO_BUSY_POLL_BUDGET, packets a call
  uint32_t tx_budget = 1024;               // XDP_MAX_TX_SKB_BUDGET, packets a call in copy mode
  uint32_t send_buffer_bytes = 16u << 20;  // SO_SNDBUF, which limits copy-mode transmission
  uint32_t busy_patience_ms = 2000;  // how long the socket that had the queue before may take to go
};

// One received buffer. `more`: the packet goes on in the next one.
struct RxBuffer {
  Buffer buffer;
  bool more = false;
};

class XskSocket {
 public:
  // Given a pool, it fills the fill ring before the socket is bound, as far as the pool has frames: a
  // zero-copy driver takes some at that moment, and those that find none poll in vain or complain.
  // Without, refill() has to come before anything is received.
  static Result<std::unique_ptr<XskSocket>> open(Umem& umem, const XskOptions& options,
                                                 FramePool* pool = nullptr);
  // Closes without taking frames back, unless close() came first.
  ~XskSocket();
  XskSocket(const XskSocket&) = delete;
  XskSocket& operator=(const XskSocket&) = delete;

  // --- Packet path ---------------------------------------------------------------------------------
  // Transmitted frames back into the pool; returns how many.
  uint32_t reap(FramePool& pool);
  // Enough may have come back to be worth a look. Each look takes the completion ring's index away from the CPU that
  // is writing it, once per packet in copy mode: look when this says so, when frames are scarce, and before sleeping.
  bool reap_due() const { return frames_in_transmit() >= reap_at_; }
  // Tops up the fill ring from the pool, and tells a kernel that waits for it; returns the descriptors
  // that stay empty for want of frames.
  uint32_t refill(FramePool& pool);
  // What refill() tops up to, at most fill_size and at least 64: descriptors in the fill ring and, received, in the
  // receive ring together (and up to 64 more), so that a receiver that does not keep up holds no more frames than one
  // that does. The fewer frames take turns, the more of them are in the caches, and the less can arrive between two
  // calls. A lower level is reached as frames beyond it are received and taken.
  void set_fill_level(uint32_t descriptors);
  uint32_t fill_level() const { return fill_level_; }
  // The kernel has nothing to receive into; reads its index.
  bool fill_is_empty() { return fill_.pending() == 0; }
  // Takes whole packets only, up to buffers.size() buffers; returns the number of buffers. A packet
  // whose last fragment the kernel has not shown yet stays in the ring. A packet of more fragments than
  // buffers.size() would stay forever: give at least 32.
  uint32_t receive(std::span<RxBuffer> buffers);
  // Packets are waiting; may be asked by the owner only.
  bool can_receive() { return rx_.available(1) != 0; }
  // Room for at least `wanted` buffers in the transmit ring.
  bool can_transmit(uint32_t wanted) { return tx_.room(wanted) >= wanted; }
  // Precondition: can_transmit(1), and for a packet of n buffers can_transmit(n) before the first.
  void transmit(Buffer buffer, bool more = false);
  // Shows the kernel what transmit() was given and starts it, with bounded retries; frames that came
  // back in between go into the pool. Returns false when the kernel still has not taken everything: call
  // again next turn, or soon. (A zero-copy driver works on its own, and may go to sleep, and ask to be
  // woken, just after it has been looked at.) A device that is full, as a veth may be in copy mode, is left alone
  // for 25 us: the kernel would drop a packet with each call. Never spins on a dead device.
  bool flush(FramePool& pool);
  // Descriptors published and not yet taken by the kernel: while there are any, flush() has more to do.
  uint32_t pending_transmissions() { return tx_.pending(); }
  // Makes the kernel receive, when it has asked for that or busy polling is on: call it when receive()
  // has brought nothing.
  void kick_receive();

  // --- Any thread ----------------------------------------------------------------------------------
  const SocketCounters& counters() const { return counters_; }
  // XDP_STATISTICS, 64-bit, since the socket was opened.
  KernelStatistics kernel_statistics() const;
  // Frames that the kernel has for receive and for transmit.
  uint32_t frames_in_receive() const;
  uint32_t frames_in_transmit() const;
  int fd() const { return fd_; }
  bool zero_copy() const { return zero_copy_; }
  bool shares_umem() const { return shares_umem_; }
  const XskOptions& options() const { return options_; }

  // Control thread, once no packet-path call can come any more and the XDP program no longer points
  // here: closes, and puts every frame that the socket still had into the pool.
  void close(FramePool& pool);

 private:
  static constexpr uint32_t kReapAt = 256;
  struct Mapping {
    void* address = nullptr;
    size_t length = 0;
  };

  XskSocket(Umem& umem, const XskOptions& options)
      : umem_(umem),
        options_(options),
        reap_at_(std::min(kReapAt, options.tx_size / 4)),
        fill_level_(options.fill_level == 0 ? options.fill_size : options.fill_level) {}
  Status create(FramePool* pool);
  Status set_sizes();
  Status map_rings();
  template <class Desc, class Offsets>
  Result<RingMemory<Desc>> map_ring(const Offsets& offsets, uint32_t size, uint64_t page_offset,
                                    const char* name);
  Status bind_any_mode(FramePool* pool);
  Status bind_mode(bool zero_copy, FramePool* pool);
  Status try_bind(bool zero_copy, FramePool* pool);
  Status bind_error(int error, bool zero_copy) const;
  void abandon(FramePool* pool);
  void take_back(FramePool& pool, OwnerTag tag);
  void set_tuning();
  void release_resources();
  uint32_t fill_room();
  uint32_t top_up(FramePool& pool, uint32_t room);
  void wake_receive();
  enum class Kick { kDone, kDeviceFull, kRefused };
  Kick kick_transmit();
  void wake_driver();
  std::string place() const;

  Umem& umem_;
  XskOptions options_;
  int fd_ = -1;
  const uint32_t reap_at_;
  uint32_t fill_level_;
  uint64_t blocked_until_ns_ = 0;  // the device was full; 0: it was not
  OwnerTag tag_ = kUserOwned;
  uint32_t ifindex_ = 0;
  bool zero_copy_ = false;
  bool shares_umem_ = false;
  ProducerRing<uint64_t> fill_;
  ConsumerRing<xdp_desc> rx_;
  ProducerRing<xdp_desc> tx_;
  ConsumerRing<uint64_t> completion_;
  SocketCounters counters_;
  std::vector<Mapping> mappings_;
};

}  // namespace starocean::xsk
