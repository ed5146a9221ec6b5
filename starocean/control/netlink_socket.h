// The three ways in which the mirror talks to the kernel over rtnetlink(7): news, lists, and requests. All
// sockets are non-blocking. One thread at a time. They belong to the network namespace of the thread that opened
// them; a list that is broken off opens its socket again, in the same one.
//
// What is lost and when (Linux net/netlink/af_netlink.c): a socket whose buffer is full is marked congested, the
// reader is told once (ENOBUFS), and *nothing more* is queued until the reader has emptied the queue. So after
// `lost` read on until `drained`; only then is a new list worth anything.
#pragma once

#include <linux/netlink.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "starocean/base/result.h"
#include "starocean/xsk/link_monitor.h"

namespace starocean::control {

// Gets one message, header included; valid during the call.
using VisitMessage = std::function<void(std::span<const std::byte>)>;

// News of the given groups (RTNLGRP_*).
class NetlinkEvents {
 public:
  // Beyond net.core.rmem_max the buffer takes CAP_NET_ADMIN; without, the capped size has to do.
  static Result<NetlinkEvents> open(std::span<const unsigned> groups, int receive_buffer_bytes);

  int fd() const;
  struct Progress {
    size_t messages = 0;
    bool drained = false;  // nothing is waiting
    bool lost = false;     // since the last call the kernel had to throw news away
  };
  // Visits about `max_messages` at most; does not block.
  Result<Progress> read(size_t max_messages, const VisitMessage& visit);

 private:
  struct Buffers;
  struct DeleteBuffers {
    void operator()(Buffers* buffers) const;
  };
  xsk::NetlinkSocket socket_;
  std::unique_ptr<Buffers, DeleteBuffers> buffers_;
};

// Lists (dumps), one at a time, a piece per call. The kernel makes each piece as it is asked for.
class NetlinkDump {
 public:
  static Result<NetlinkDump> open();

  // Sends `request` (NLM_F_REQUEST | NLM_F_DUMP are added), which ends a list that is under way. What is listed is no
  // older than the news that have been read.
  Status start(nlmsghdr* request);
  enum class State { kMore, kDone, kInterrupted, kFailed };
  // One piece, of up to 32 KiB. kInterrupted: done, but what was listed changed meanwhile and may be incomplete
  // (NLM_F_DUMP_INTR). kFailed: error() says why.
  State read(const VisitMessage& visit);
  int error() const { return error_; }

 private:
  Status reopen();
  // Returns when the kernel has done all that belongs to the news that have been read. It tells of a link or an
  // address first and then puts routes right (net/core/dev.c, __dev_notify_flags; net/ipv4/devinet.c,
  // __inet_del_ifa), both under one lock (RTNL), but lists routes without that lock: a list made at once could show
  // what was before. A question about a link takes the lock, and is answered within the system call.
  Status wait_for_kernel();

  xsk::NetlinkSocket socket_;
  std::vector<std::byte> buffer_;
  uint32_t sequence_ = 0;
  bool running_ = false;
  bool interrupted_ = false;
  int error_ = 0;
};

// Requests that are not waited for.
class NetlinkRequests {
 public:
  static Result<NetlinkRequests> open();

  int fd() const;
  // errno, or 0. Its outcome comes later, by read().
  int send(nlmsghdr* request);
  // Calls visit(errno) for each answer that is waiting; 0: done.
  void read(const std::function<void(int)>& visit);

 private:
  xsk::NetlinkSocket socket_;
  std::vector<std::byte> buffer_;
  uint32_t sequence_ = 0;
};

}  // namespace starocean::control
