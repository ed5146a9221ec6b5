// Set-up, tear-down and what others ask of the Emulator; its thread is in emulator_loop.cc.

#include "starocean/wan/emulator.h"

#include <ifaddrs.h>
#include <linux/if_link.h>
#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <future>

#include <fmt/format.h>

#include "starocean/base/cpu_affinity.h"

namespace starocean::wan {
namespace {

// Deep enough for 40 ms of 100 kpps in which the thread does not get a CPU.
constexpr uint32_t kReceiveRing = 4096;
constexpr uint32_t kTransmitRing = 1024;
constexpr uint32_t kPoolFrames = 512;
// Frames that may be in the rings of one queue: fill and receive, transmit and completion.
constexpr uint32_t kFramesPerQueue = 2 * kReceiveRing + 2 * kTransmitRing;
// In the pool, and in slabs that are half used.
constexpr uint32_t kSpareFrames = 2 * kPoolFrames;
constexpr uint32_t kLeastCapacity = 64;
// Any odd number: the two directions are to differ.
constexpr uint64_t kOtherDirection = 0x9e3779b97f4a7c15;

uint64_t tx_dropped_of(const std::string& device) {
  ifaddrs* all = nullptr;
  if (getifaddrs(&all) != 0) return 0;
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owner(all, freeifaddrs);
  for (const ifaddrs* entry = all; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr || entry->ifa_addr->sa_family != AF_PACKET) continue;
    if (device != entry->ifa_name || entry->ifa_data == nullptr) continue;
    return static_cast<const rtnl_link_stats*>(entry->ifa_data)->tx_dropped;
  }
  return 0;
}

}  // namespace

Emulator::Emulator(const EmulatorOptions& options) : options_(options), settings_(options.links) {}

Result<std::unique_ptr<Emulator>> Emulator::open(
    const EmulatorOptions& options, const std::array<dataplane::LinkState, kSides>& links) {
  std::unique_ptr<Emulator> emulator(new Emulator(options));
  if (Status built = emulator->build(links); !built) return fail(built.error());
  return emulator;
}

Emulator::~Emulator() {
  stop();
  if (wake_fd_ >= 0) close(wake_fd_);
}

Status Emulator::make_memory(const std::array<dataplane::LinkState, kSides>& links) {
  const uint32_t rings = kFramesPerQueue * (links[0].rx_queues + links[1].rx_queues);
  const uint32_t least = rings + kSpareFrames + kSides * kLeastCapacity;
  if (options_.frames < least) {
    return fail(fmt::format("cannot work with {} frames", options_.frames),
                fmt::format("the rings of {} and {} queues alone take {}", links[0].rx_queues,
                            links[1].rx_queues, rings + kSpareFrames),
                fmt::format("use --frames {} or more", (least + 63) / 64 * 64));
  }
  capacity_frames_ = (options_.frames - rings - kSpareFrames) / kSides;
  xsk::UmemOptions memory{.frames = options_.frames};
  memory.array_bytes =
      xsk::FrameDepot::array_bytes(options_.frames) + xsk::FramePool::array_bytes(kPoolFrames);
  auto umem = xsk::Umem::create(memory);
  if (!umem) return fail(umem.error());
  umem_ = std::move(*umem);
  auto depot = xsk::FrameDepot::create(*umem_);
  if (!depot) return fail(depot.error());
  depot_ = std::move(*depot);
  auto pool = xsk::FramePool::create(*depot_, kPoolFrames);
  if (!pool) return fail(pool.error());
  pool_ = std::move(*pool);
  store_ = std::make_unique<PacketStore>(*pool_);
  return {};
}

Status Emulator::build(const std::array<dataplane::LinkState, kSides>& links) {
  wake_fd_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake_fd_ < 0) return fail_system("cannot make an eventfd", errno);
  if (Status memory = make_memory(links); !memory) return memory;
  for (size_t side = 0; side < kSides; ++side) {
    dataplane::PortOptions port;
    port.name = port.device = options_.devices[side];
    port.rx_ring = port.fill_ring = kReceiveRing;
    port.tx_ring = port.completion_ring = kTransmitRing;
    port.stamp_arrival = true;
    // All queues receive; one transmits, so that packets leave in one order.
    auto attached = dataplane::AttachedPort::open(
        *umem_, *pool_, PortId(static_cast<uint16_t>(side)), port, links[side],
        std::vector<WorkerId>(links[side].rx_queues, WorkerId(0)),
        dataplane::Patience::kForTearDown);
    if (!attached) return fail(attached.error());
    ports_[side] = std::move(*attached);
    states_[side].multi_buffer = ports_[side]->multi_buffer();
    set_link(side, links[side].up, links[side].mtu_bytes);
    tx_dropped_before_[side] = tx_dropped_of(options_.devices[side]);
  }
  for (size_t from = 0; from < kSides; ++from) {
    const size_t to = 1 - from;
    directions_[from] =
        std::make_unique<Direction>(capacity_frames_, options_.seed + from * kOtherDirection,
                                    ports_[from]->finishes_checksums(), *store_, *pool_,
                                    *ports_[to]->queues().front()->socket, states_[to]);
    directions_[from]->set(settings_[from]);
  }
  return {};
}

Status Emulator::start(std::string& note) {
  std::promise<void> prepared;
  thread_ = std::thread([this, ready = prepared.get_future()] {
    ready.wait();
    run();
  });
  const pthread_t thread = thread_.native_handle();
  pthread_setname_np(thread, "wan");
  if (options_.realtime) {
    const sched_param lowest{.sched_priority = sched_get_priority_min(SCHED_FIFO)};
    const int error = pthread_setschedparam(thread, SCHED_FIFO, &lowest);
    realtime_ = error == 0;
    if (error != 0) {
      note = fmt::format(
          "no real-time priority: {}; on a busy machine packets may depart late, which the counter "
          "'late' tells",
          std::strerror(error));
    }
  }
  Status pinned = pin();
  prepared.set_value();
  return pinned;
}

Status Emulator::pin() {
  if (options_.cpu < 0) return {};
  return pin_thread(thread_, "the emulator", options_.cpu);
}

Status Emulator::set(const LinkPair& links) {
  uint64_t generation = 0;
  {
    const std::lock_guard lock(settings_mutex_);
    if (ending_) return fail("cannot change the link", "the emulator is ending", "start it again");
    settings_ = links;
    generation = wanted_.fetch_add(1, std::memory_order_release) + 1;
  }
  eventfd_write(wake_fd_, 1);
  uint64_t adopted = adopted_.load(std::memory_order_acquire);
  while (adopted < generation) {
    adopted_.wait(adopted, std::memory_order_acquire);
    adopted = adopted_.load(std::memory_order_acquire);
  }
  return {};
}

void Emulator::set_link(size_t side, bool up, uint32_t mtu_bytes) {
  states_[side].up.store(up, std::memory_order_relaxed);
  states_[side].mtu_bytes.store(mtu_bytes, std::memory_order_relaxed);
}

void Emulator::stop() {
  if (stopped_) return;
  stopped_ = true;
  {
    const std::lock_guard lock(settings_mutex_);
    ending_ = true;
  }
  for (const auto& port : ports_) {
    if (port) port->leave();
  }
  if (thread_.joinable()) {
    stop_.store(true, std::memory_order_release);
    eventfd_write(wake_fd_, 1);
    thread_.join();
  }
  const std::lock_guard lock(ports_mutex_);
  for (size_t side = 0; side < kSides; ++side) {
    if (!ports_[side]) continue;
    last_sides_[side] = side_status(side);
    ports_[side]->close(*pool_);
  }
}

SideStatus Emulator::side_status(size_t side) const {
  const dataplane::AttachedPort& port = *ports_[side];
  SideStatus status;
  status.device = options_.devices[side];
  status.ifindex = port.ifindex();
  status.up = states_[side].up.load(std::memory_order_relaxed);
  status.mtu_bytes = states_[side].mtu_bytes.load(std::memory_order_relaxed);
  status.queues = static_cast<uint32_t>(port.queues().size());
  status.attach = port.attach_mode();
  status.zero_copy = port.zero_copy();
  status.multi_buffer = port.multi_buffer();
  for (const auto& queue : port.queues()) {
    const xsk::KernelStatistics kernel = queue->socket->kernel_statistics();
    status.kernel_rx_dropped += kernel.rx_dropped;
    status.kernel_rx_ring_full += kernel.rx_ring_full;
    status.kernel_rx_fill_ring_empty += kernel.rx_fill_ring_empty_descs;
  }
  // The kernel gives 32 bits, which may have wrapped.
  status.kernel_tx_dropped =
      static_cast<uint32_t>(tx_dropped_of(status.device) - tx_dropped_before_[side]);
  return status;
}

EmulatorStatus Emulator::status() const {
  const std::lock_guard lock(ports_mutex_);
  EmulatorStatus status;
  LinkPair links;
  {
    const std::lock_guard settings_lock(settings_mutex_);
    links = settings_;
  }
  status.seed = options_.seed;
  status.frames = umem_->frames();
  status.frames_free = depot_->frames() + pool_->frames();
  status.capacity_frames = capacity_frames_;
  status.turns = turns_.load(std::memory_order_relaxed);
  status.sleeps = sleeps_.load(std::memory_order_relaxed);
  status.realtime = realtime_;
  for (size_t side = 0; side < kSides; ++side) {
    const auto& queues = ports_[side]->queues();
    status.sides[side] = queues.empty() ? last_sides_[side] : side_status(side);
    for (const auto& queue : queues) {
      status.frames_in_rx += queue->socket->frames_in_receive();
      status.frames_in_tx += queue->socket->frames_in_transmit();
    }
    const Direction& direction = *directions_[side];
    DirectionStatus& out = status.directions[side];
    out.link = links[side];
    direction.counters().add_to(out.counters);
    out.lateness = direction.lateness().values();
    out.held_packets = direction.held_packets();
    out.held_frames = direction.held_frames();
  }
  return status;
}

}  // namespace starocean::wan
