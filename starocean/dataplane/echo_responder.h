// Answers ARP (or Neighbour Solicitations) and ping for one address, in place, on one queue of an
// interface whose other traffic stays Linux's. The smallest complete use of the engine: one socket, one
// steering program with claims, one thread.
//
// poll_once() and the counters' writer are one thread; readers are any.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "starocean/base/counters.h"
#include "starocean/base/result.h"
#include "starocean/net/ip_address.h"
#include "starocean/net/mac_address.h"
#include "starocean/net/reply.h"
#include "starocean/xsk/frame_pool.h"
#include "starocean/xsk/punt.h"
#include "starocean/xsk/receive_filter.h"
#include "starocean/xsk/socket.h"
#include "starocean/xsk/xdp_program.h"

namespace starocean::dataplane {

// rx_packets = answered_neighbour + answered_ping + punted + sum of drop_*.
#define SO_ECHO_COUNTERS(X)                                                                   \
  X(rx_packets, "packets", "claimed for the address and received")                            \
  X(answered_neighbour, "packets", "ARP requests and Neighbour Solicitations answered")       \
  X(answered_ping, "packets", "echo requests answered")                                       \
  X(punted, "packets", "not for us to answer: given back to Linux")                           \
  X(drop_bad_checksum, "packets", "echo requests with a wrong IPv4, ICMP or ICMPv6 checksum") \
  X(drop_malformed, "packets", "truncated, or with fields that contradict each other")        \
  X(drop_tx_full, "packets", "answers for which the transmit ring had no room")               \
  X(drop_punt_refused, "packets", "not for us, and Linux did not take them back")

SO_DECLARE_COUNTERS(EchoCounter, kEchoCounters, SO_ECHO_COUNTERS)
using EchoCounters = CounterBlock<EchoCounter>;

struct EchoResponderOptions {
  std::string device;
  uint32_t ifindex = 0;
  uint32_t queues = 1;  // of the device
  uint32_t queue = 0;   // the one that is served
  uint32_t mtu_bytes = 1500;
  std::variant<net::Ipv4Address, net::Ipv6Address> address;
  net::MacAddress mac;
};

class EchoResponder {
 public:
  static Result<std::unique_ptr<EchoResponder>> open(const EchoResponderOptions& options);
  ~EchoResponder();

  // Answers what has arrived, one batch at most; returns the packets seen.
  uint32_t poll_once();
  // The kernel has not taken all answers yet: call poll_once() again soon, also if nothing arrives.
  bool transmit_pending() { return socket_->pending_transmissions() != 0; }
  // Readable when there is something to do.
  int fd() const { return socket_->fd(); }

  const EchoCounters& counters() const { return counters_; }
  const xsk::XskSocket& socket() const { return *socket_; }
  const xsk::XdpProgram& program() const { return *program_; }
  uint64_t frames() const { return umem_->frames(); }
  uint64_t free_frames() const { return depot_->frames() + pool_->frames(); }

 private:
  explicit EchoResponder(const EchoResponderOptions& options) : options_(options) {}
  Status build();
  Status claim();
  Status widen_filter();
  net::Reply answer(xsk::Buffer& buffer, EchoCounter& kind);
  void handle(xsk::RxBuffer& received);
  void transmit(xsk::Buffer buffer, EchoCounter kind);
  void punt(xsk::Buffer buffer);

  EchoResponderOptions options_;
  std::unique_ptr<xsk::Umem> umem_;
  std::unique_ptr<xsk::FrameDepot> depot_;
  std::unique_ptr<xsk::FramePool> pool_;
  std::unique_ptr<xsk::XskSocket> socket_;
  std::optional<xsk::Punt> punt_;
  std::optional<xsk::ReceiveFilter> filter_;
  std::optional<xsk::XdpProgram> program_;  // before the socket goes, so declared after it
  EchoCounters counters_;
  std::array<xsk::RxBuffer, 64> received_;
};

}  // namespace starocean::dataplane
