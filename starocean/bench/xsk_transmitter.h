// Frames out of one queue of a device through an AF_XDP socket (starocean/xsk), and the exact books of what became
// of them. Knows nothing of traffic or time.
//
//   auto transmitter = XskTransmitter::open({.device = "eth0", .longest_bytes = 9014});
//   while (transmitter->can_send(bytes)) {
//     … write `bytes` bytes into transmitter->begin(bytes) …
//     transmitter->commit(bytes);
//   }
//   transmitter->flush();        // again while it returns false
//   transmitter->drain();        // at the end
//
// A frame longer than 4096 bytes is sent in several buffers (XDP_USE_SG, Linux 6.6). Frames of the UMEM go back
// to use only when the kernel has returned them on the completion ring.
//
// What is known of a frame's fate: in copy mode the kernel says so when the device drops one (sendto() gives EBUSY,
// once for each; net/xdp/xsk.c), as a veth does whose other end is slow. In zero-copy mode the driver returns
// what the hardware has sent, and what it discards counts as sent.
//
// Receiving is left to Linux. A driver in zero-copy mode would receive into the socket's memory, and many
// transmit only with an XDP program attached: on a device that reports zero-copy, one that passes everything on is
// attached while this lives, unless there is one already.
//
// Threads: open() and destruction on the control thread, in the device's network namespace; all else on one
// thread, except taken() and dropped(), which any may call. Privileges: CAP_NET_RAW; for zero-copy
// CAP_NET_ADMIN and CAP_BPF; CAP_IPC_LOCK or RLIMIT_MEMLOCK for 33 MB.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "starocean/base/result.h"
#include "starocean/net/view.h"
#include "starocean/xsk/frame_pool.h"
#include "starocean/xsk/socket.h"
#include "starocean/xsk/umem.h"
#include "starocean/xsk/xdp_program.h"

namespace starocean::bench {

class XskTransmitter {
 public:
  struct Options {
    std::string device;
    uint32_t ifindex = 0;
    uint32_t queue = 0;
    uint32_t longest_bytes = 1514;  // without FCS
    xsk::ZeroCopy zero_copy = xsk::ZeroCopy::kAuto;
  };
  static Result<std::unique_ptr<XskTransmitter>> open(const Options& options);
  ~XskTransmitter();
  XskTransmitter(const XskTransmitter&) = delete;
  XskTransmitter& operator=(const XskTransmitter&) = delete;

  // Room for a frame of `bytes`, at most longest_bytes. Takes back what the kernel has returned if need be.
  bool can_send(uint32_t bytes);
  // Precondition: can_send(bytes). Where the frame is to be written; valid until commit(), which must follow.
  net::MutableBytes begin(uint32_t bytes);
  void commit(uint32_t bytes);
  // Shows the kernel what was committed, and has it sent. False when it has not taken all yet.
  bool flush();
  // Flushes until the kernel has taken all and returned every buffer, or has got no further for a second.
  void drain();
  // The kernel refuses to send for a reason that does not pass: the device is down or gone.
  bool broken() const;
  // Everything committed so far was taken, as far as flush() and drain() know.
  bool empty() const { return taken() == committed_; }

  // Of the frames that were committed: taken by the kernel as of the last flush() that took all, and after
  // drain() exactly; and of these, dropped by the device.
  uint64_t taken() const { return taken_.load(std::memory_order_relaxed); }
  uint64_t dropped() const;

  bool zero_copy() const { return socket_->zero_copy(); }
  bool multi_buffer() const { return socket_->options().multi_buffer; }
  // Why this is not more, or what could not be done; empty if there is nothing to say.
  const std::string& note() const { return note_; }

 private:
  XskTransmitter() = default;
  Status make_memory();
  Status open_socket();
  void attach_program(bool fragments);
  uint32_t buffers_for(uint32_t bytes) const { return (bytes + chunk_bytes_ - 1) / chunk_bytes_; }
  void count_taken();

  Options options_;
  uint32_t chunk_bytes_ = 0;
  std::unique_ptr<xsk::Umem> umem_;
  std::unique_ptr<xsk::FrameDepot> depot_;
  std::unique_ptr<xsk::FramePool> pool_;
  std::unique_ptr<xsk::XskSocket> socket_;
  std::optional<xsk::XdpProgram> program_;
  std::vector<std::byte> scratch_;  // frames of several buffers are written here
  xsk::Buffer open_;                // between begin() and commit()
  // Buffers of the last frames, of as many as the transmit ring can hold; by number of frame.
  std::vector<uint8_t> buffers_of_;
  uint64_t committed_ = 0;
  std::atomic<uint64_t> taken_ = 0;
  std::string note_;
};

}  // namespace starocean::bench
