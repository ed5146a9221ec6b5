#include "starocean/dataplane/attached_port.h"

#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include <fmt/format.h>

#include "starocean/base/log.h"
#include "starocean/dataplane/fill_depth.h"
#include "starocean/dataplane/packet.h"

namespace starocean::dataplane {
namespace {

// Ethernet header and two VLAN tags, which the MTU does not count.
constexpr uint32_t kLinkHeaderBytes = 14 + 2 * 4;
// Without multi-buffer a driver keeps a packet in one page, with XDP_PACKET_HEADROOM before it and a struct
// skb_shared_info behind, 320 bytes in whole cache lines (drivers/net/veth.c, veth_xdp_set).
constexpr uint32_t kPageOverheadBytes = 256 + 320;
// Some drivers reset the link when a program is attached; longer than that, it was not our doing.
constexpr std::chrono::seconds kCarrierPatience{5};
constexpr std::chrono::milliseconds kCarrierPoll{20};

bool has_carrier(const std::string& device) {
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return true;
  ifreq request{};
  std::strncpy(request.ifr_name, device.c_str(), IFNAMSIZ - 1);
  const bool known = ioctl(fd, SIOCGIFFLAGS, &request) == 0;
  ::close(fd);
  return !known || (request.ifr_flags & IFF_RUNNING) != 0;
}

void await_carrier(const std::string& device) {
  const auto deadline = std::chrono::steady_clock::now() + kCarrierPatience;
  while (!has_carrier(device) && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(kCarrierPoll);
  }
}

}  // namespace

Result<uint32_t> queues_to_take(const std::string& device, std::optional<uint32_t> wanted,
                                uint32_t present) {
  const uint32_t queues = wanted.value_or(present);
  if (queues != 0 && queues <= present) return queues;
  return fail(fmt::format("cannot take {} queues of interface '{}'", queues, device),
              fmt::format("it has {}", present),
              fmt::format("set `queues: all`, or give it more with `ethtool -L {} combined {}`",
                          device, queues));
}

Result<std::unique_ptr<AttachedPort>> AttachedPort::open(xsk::Umem& umem, xsk::FramePool& pool,
                                                         PortId id, const PortOptions& options,
                                                         const LinkState& link,
                                                         const std::vector<WorkerId>& owners,
                                                         Patience patience) {
  const std::string what = fmt::format("cannot attach to interface '{}'", options.device);
  std::unique_ptr<AttachedPort> port(new AttachedPort(umem, pool));
  port->ifindex_ = link.ifindex;
  port->multi_buffer_ = !port->fits_one_buffer(link.mtu_bytes, options.attach);
  port->finishes_checksums_ =
      options.finish_checksums == FinishChecksums::kOn ||
      (options.finish_checksums == FinishChecksums::kAuto && link.driver == "veth");
  Status done = port->check_mtu(options, link);
  if (done) done = port->attach_program_for_mtu(options, link, patience);
  if (done) done = port->open_queues(id, options, owners, patience);
  if (!done) {
    port->leave();
    port->close(pool);
    return fail(done.error().in(what));
  }
  for (const auto& queue : port->queues_) queue->delivers_at_once = link.driver == "veth";
  return port;
}

bool AttachedPort::fits_one_buffer(uint32_t mtu_bytes, xsk::AttachMode mode) const {
  uint32_t room = umem_.packet_room();
  if (mode != xsk::AttachMode::kGeneric) {
    room = std::min(room, static_cast<uint32_t>(getpagesize()) - kPageOverheadBytes);
  }
  return mtu_bytes + kLinkHeaderBytes <= room;
}

uint32_t AttachedPort::largest_mtu_bytes() const {
  return kMaxTransmitBuffers * umem_.packet_room() - kLinkHeaderBytes;
}

Status AttachedPort::check_mtu(const PortOptions& options, const LinkState& link) const {
  const auto remedy = [&](uint32_t mtu_bytes, const char* otherwise) {
    return fmt::format("set its MTU to {0} or less with `ip link set dev {1} mtu {0}`, {2}",
                       mtu_bytes, options.device, otherwise);
  };
  if (multi_buffer_ && options.attach == xsk::AttachMode::kGeneric) {
    return fail(fmt::format("MTU {}", link.mtu_bytes),
                "it needs packets of several frames, which generic mode does not carry",
                remedy(umem_.packet_room() - kLinkHeaderBytes,
                       "use frames of 4096 bytes, or attach: native"));
  }
  if (link.mtu_bytes > largest_mtu_bytes()) {
    return fail(fmt::format("MTU {}", link.mtu_bytes),
                fmt::format("it is above {}, the most that a packet of {} frames carries",
                            largest_mtu_bytes(), kMaxTransmitBuffers),
                remedy(largest_mtu_bytes(), "or use `memory: {frame_size: 4096}`"));
  }
  return {};
}

// veth refuses a program without multi-buffer also for the MTU of its other end, which we do not see.
Status AttachedPort::attach_program_for_mtu(const PortOptions& options, const LinkState& link,
                                            Patience patience) {
  Status attached = attach_program(options, link, patience);
  if (attached || attached.error().code() != ERANGE || multi_buffer_ ||
      options.attach == xsk::AttachMode::kGeneric) {
    return attached;
  }
  multi_buffer_ = true;
  return attach_program(options, link, patience);
}

AttachedPort::~AttachedPort() {
  leave();
  close(pool_);
}

Status AttachedPort::open_queues(PortId id, const PortOptions& options,
                                 const std::vector<WorkerId>& owners, Patience patience) {
  for (uint32_t i = 0; i < owners.size(); ++i) {
    xsk::XskOptions socket_options;
    socket_options.device = options.device;
    socket_options.queue = i;
    socket_options.rx_size = options.rx_ring;
    socket_options.tx_size = options.tx_ring;
    socket_options.fill_size = options.fill_ring;
    socket_options.fill_level = FillDepth::calm_level(options.fill_ring);
    socket_options.completion_size = options.completion_ring;
    socket_options.zero_copy = options.zero_copy;
    socket_options.multi_buffer = multi_buffer_;
    socket_options.busy_poll = options.busy_poll;
    if (patience == Patience::kNone) socket_options.busy_patience_ms = 0;
    auto socket = xsk::XskSocket::open(umem_, socket_options, &pool_);
    if (!socket) return fail(socket.error());
    auto queue = std::make_unique<PortQueue>();
    queue->port = id;
    queue->queue = QueueId(static_cast<uint16_t>(i));
    queue->owner = owners[i];
    queue->socket = std::move(*socket);
    if (i == 0 && options.egress) {
      queue->scheduler = std::make_unique<EgressScheduler>(*options.egress);
    }
    queues_.push_back(std::move(queue));
    // Frames even if the queue were only to transmit: some drivers poll nothing without.
    if (queues_.back()->socket->refill(pool_) != 0) {
      return fail(fmt::format("queue {}", i), "there are not enough frames to fill its ring",
                  "raise `memory: frames`, or use smaller rings or fewer queues");
    }
  }
  for (const auto& queue : queues_) {
    Status set = program_->set_socket(queue->queue.value(), queue->socket->fd());
    if (!set) return set;
  }
  return {};
}

Status AttachedPort::attach_program(const PortOptions& options, const LinkState& link,
                                    Patience patience) {
  const bool had_carrier = has_carrier(options.device);
  xsk::XdpProgram::Options wanted{.device = options.device,
                                  .ifindex = link.ifindex,
                                  .queues = link.rx_queues,
                                  .mode = options.attach,
                                  .multi_buffer = multi_buffer_,
                                  .claim = options.claim,
                                  .stamp_arrival = options.stamp_arrival,
                                  .outlives_process = options.outlives_process,
                                  .left = options.left};
  if (patience == Patience::kNone) wanted.busy_patience_ms = 0;
  auto program = xsk::XdpProgram::attach(wanted);
  if (!program) return fail(program.error());
  program_.emplace(std::move(*program));
  outlives_process_ = options.outlives_process;
  if (had_carrier) await_carrier(options.device);
  return {};
}

void AttachedPort::steer(xsk::ClaimMode mode, const xsk::RouteFilter& filter) {
  // A bridge forwards what is for others, and a TAP may have a MAC address of its own; a router is sent what it is
  // to have.
  const bool all = mode == xsk::ClaimMode::kWholeInterface || !filter.whole_vlans.empty();
  if (Status done = receive_all(all); !done) log_error("{}", done.error().message());
  program_->set_route_filter(filter);
  program_->set_mode(mode);
}

Status AttachedPort::receive_all(bool all) {
  if (all == filter_.has_value()) return {};
  filter_.reset();
  if (!all) return {};
  auto filter = xsk::ReceiveFilter::open(ifindex_);
  if (!filter) return fail(filter.error());
  filter_.emplace(std::move(*filter));
  return filter_->take_all();
}

Status AttachedPort::set_local(const net::Ipv6Address& address, bool local) {
  return program_->set_local(address.bytes(), local);
}

bool AttachedPort::carries(uint32_t mtu_bytes) const {
  if (mtu_bytes > largest_mtu_bytes()) return false;
  // A multi-buffer socket carries small packets too; only the other direction needs a new one.
  return multi_buffer_ || fits_one_buffer(mtu_bytes, program_->mode());
}

void AttachedPort::leave() {
  filter_.reset();
  if (!program_) return;
  if (outlives_process_) {
    program_->leave();
  } else {
    program_->detach();
  }
}

uint64_t AttachedPort::close(xsk::FramePool& pool) {
  uint64_t waiting = 0;
  for (const auto& queue : queues_) {
    queue->socket->close(pool);
    if (!queue->scheduler) continue;
    queue->scheduler->clear([&](Packet& packet) {
      ++waiting;
      pool.put(std::move(packet.head.frame));
      for (xsk::Buffer& buffer : packet.rest) pool.put(std::move(buffer.frame));
    });
  }
  queues_.clear();
  return waiting;
}

bool AttachedPort::zero_copy() const {
  for (const auto& queue : queues_) {
    if (!queue->socket->zero_copy()) return false;
  }
  return !queues_.empty();
}

QueueCounters::Values AttachedPort::counters(const PortQueue& queue) {
  QueueCounters::Values values{};
  const auto set = [&](QueueCounter counter, uint64_t value) {
    values[static_cast<size_t>(counter)] = value;
  };
  const xsk::SocketCounters& own = queue.socket->counters();
  set(QueueCounter::filled, own.get(xsk::SocketCounter::filled));
  set(QueueCounter::completed, own.get(xsk::SocketCounter::completed));
  set(QueueCounter::received, own.get(xsk::SocketCounter::received));
  set(QueueCounter::transmitted, own.get(xsk::SocketCounter::transmitted));
  set(QueueCounter::redirected, queue.redirected.load(std::memory_order_relaxed));
  set(QueueCounter::tx_kicks, own.get(xsk::SocketCounter::tx_kicks));
  set(QueueCounter::tx_kick_errors, own.get(xsk::SocketCounter::tx_kick_errors));
  set(QueueCounter::tx_kicks_busy, own.get(xsk::SocketCounter::tx_kicks_busy));
  set(QueueCounter::rx_kicks, own.get(xsk::SocketCounter::rx_kicks));
  const xsk::KernelStatistics kernel = queue.socket->kernel_statistics();
  set(QueueCounter::kernel_rx_dropped, kernel.rx_dropped);
  set(QueueCounter::kernel_rx_invalid_descs, kernel.rx_invalid_descs);
  set(QueueCounter::kernel_tx_invalid_descs, kernel.tx_invalid_descs);
  set(QueueCounter::kernel_rx_ring_full, kernel.rx_ring_full);
  set(QueueCounter::kernel_rx_fill_ring_empty, kernel.rx_fill_ring_empty_descs);
  set(QueueCounter::kernel_tx_ring_empty, kernel.tx_ring_empty_descs);
  return values;
}

}  // namespace starocean::dataplane
