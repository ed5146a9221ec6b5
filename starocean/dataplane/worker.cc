#include "starocean/dataplane/worker.h"

#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cerrno>

#include <fmt/format.h>

#include "starocean/base/check.h"
#include "starocean/base/clock.h"
#include "starocean/base/regions.h"

namespace starocean::dataplane {
namespace {

// Batches taken from one queue before the next one gets its turn. Several, because transmission is
// started once a turn, and in copy mode that is a system call for all of them.
constexpr uint32_t kBatchesPerTurn = 4;
// How long an adaptive worker looks for work before it blocks: longer than the gaps within a busy
// stream (one block and wake-up costs about as much), far shorter than anything that shows as CPU use.
constexpr uint64_t kSpinNs = 50 * kNsPerUs;
// A net below the doorbell and the kernel's readiness: should either ever fail, work waits that long, and
// it is counted.
constexpr int kSleepMs = 1000;
// A wake-up that comes later than its work by more than that is none.
constexpr int kLateMs = 20;
constexpr int kRetryMs = 1;
constexpr uint32_t kMaxEvents = 8;

}  // namespace

Worker::Worker(WorkerId id, int cpu, PollMode poll, SharedState shared, xsk::FramePool& pool)
    : id_(id),
      cpu_(cpu),
      poll_(poll),
      shared_(shared),
      pool_(pool),
      egress_(id, pool, shared.mesh, counters_),
      switch_(egress_, shared.mac_moves) {}

Worker::~Worker() {
  stop();
}

Status Worker::start() {
  thread_ = std::thread([this] { run(); });
  pthread_setname_np(thread_.native_handle(), fmt::format("worker-{}", id_.value()).c_str());
  if (cpu_ < 0) return {};
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(static_cast<size_t>(cpu_), &cpus);
  const int error = pthread_setaffinity_np(thread_.native_handle(), sizeof cpus, &cpus);
  if (error != 0) {
    stop();
    return fail_system(fmt::format("cannot run worker {} on CPU {}", id_.value(), cpu_), error,
                       "name CPUs that are online and allowed in `workers: cpus`; see `nproc`");
  }
  return {};
}

void Worker::stop() {
  if (!thread_.joinable()) return;
  stop_.store(true, std::memory_order_seq_cst);
  shared_.mesh.doorbell(id_).ring();
  thread_.join();
}

void Worker::run() {
  const ScopedRegion stack =
      ScopedRegion::this_thread_stack(fmt::format("stack of worker {}", id_.value()));
  ring::Qsbr::Reader& reader = shared_.qsbr.reader(id_.index());
  reader.online();
  while (!stop_.load(std::memory_order_relaxed)) {
    now_ns_ = monotonic_ns();
    snapshot_ = shared_.snapshots.current();
    if (snapshot_->generation != generation_) adopt(*snapshot_);

    const uint32_t packets = turn();
    counters_.add(WorkerCounter::turns);
    if (packets != 0) {
      counters_.add(WorkerCounter::busy_turns);
      counters_.add(WorkerCounter::packets, packets);
      idle_since_ns_ = 0;
    } else {
      idle(now_ns_);
    }
    reader.quiescent();
  }
  // What others have handed over meanwhile is still sent; afterwards nothing is in flight here.
  snapshot_ = shared_.snapshots.current();
  if (snapshot_->generation != generation_) adopt(*snapshot_);
  egress_.take_handoffs();
  egress_.flush();
  reader.offline();
  if (epoll_fd_ >= 0) close(epoll_fd_);
}

void Worker::adopt(const Snapshot& snapshot) {
  generation_ = snapshot.generation;
  queues_ = snapshot.worker_queues[id_.index()];
  egress_.adopt(&snapshot);
  // A new set each time: sockets of the old snapshot may be closed already, and their numbers reused.
  if (epoll_fd_ >= 0) close(epoll_fd_);
  epoll_fd_ = epoll_create1(EPOLL_CLOEXEC);
  SO_CHECK(epoll_fd_ >= 0, "the process has run out of file descriptors");
  const auto watch = [&](int fd) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    SO_CHECK(epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event) == 0, "cannot watch a descriptor");
  };
  watch(shared_.mesh.doorbell(id_).fd());
  for (PortQueue* queue : queues_) watch(queue->socket->fd());
  counters_.add(WorkerCounter::snapshots);
}

uint32_t Worker::turn() {
  uint32_t packets = 0;
  starving_ = false;
  for (PortQueue* queue : queues_) {
    queue->socket->reap(pool_);
    starving_ |= queue->socket->refill(pool_) != 0;
    const uint32_t received = receive_from(*queue);
    // Per queue: a busy one must not keep the driver of an idle one asleep.
    if (received == 0) queue->socket->kick_receive();
    packets += received;
  }
  packets += egress_.take_handoffs();
  transmit_pending_ = !egress_.flush();
  return packets;
}

uint32_t Worker::receive_from(PortQueue& queue) {
  uint32_t packets = 0;
  for (uint32_t i = 0; i < kBatchesPerTurn; ++i) {
    const uint32_t buffers = queue.socket->receive(received_);
    if (buffers == 0) break;
    fill_batch(batch_, queue.port, {received_.data(), buffers});
    switch_.process(batch_, *snapshot_, pool_.umem(), static_cast<uint32_t>(now_ns_ / kNsPerMs));
    packets += batch_.count;
    if (buffers < kBatchPackets) break;
  }
  return packets;
}

void Worker::idle(uint64_t now_ns) {
  if (idle_since_ns_ == 0) idle_since_ns_ = now_ns;
  if (poll_ == PollMode::kBusy) {
    cpu_relax();
    return;
  }
  if (poll_ == PollMode::kAdaptive && now_ns - idle_since_ns_ < kSpinNs) {
    cpu_relax();
    return;
  }
  sleep();
}

bool Worker::has_work() {
  if (stop_.load(std::memory_order_relaxed)) return true;
  if (shared_.snapshots.current()->generation != generation_) return true;
  if (shared_.mesh.frames_to(id_) != 0) return true;
  for (PortQueue* queue : queues_) {
    if (queue->socket->can_receive()) return true;
  }
  return false;
}

int Worker::sleep_limit_ms() const {
  // Neither a transmit ring that the kernel did not drain nor a want of frames announces its end.
  return transmit_pending_ || starving_ ? kRetryMs : kSleepMs;
}

void Worker::sleep() {
  ring::Doorbell& doorbell = shared_.mesh.doorbell(id_);
  doorbell.announce_sleep();
  if (has_work()) {
    doorbell.cancel_sleep();
    return;
  }
  ring::Qsbr::Reader& reader = shared_.qsbr.reader(id_.index());
  sleeping_.store(true, std::memory_order_relaxed);
  counters_.add(WorkerCounter::sleeps);
  const int limit_ms = sleep_limit_ms();
  reader.offline();
  epoll_event events[kMaxEvents];
  const int ready = epoll_wait(epoll_fd_, events, kMaxEvents, limit_ms);
  reader.online();
  // Work and no wake-up: it is on its way, if the work has come just now. has_work() asks for a new
  // snapshot first, since sockets of the one before may have gone while this worker was offline.
  if (ready == 0 && limit_ms == kSleepMs && has_work() &&
      epoll_wait(epoll_fd_, events, kMaxEvents, kLateMs) == 0) {
    counters_.add(WorkerCounter::lost_wakeups);
  }
  sleeping_.store(false, std::memory_order_relaxed);
  counters_.add(WorkerCounter::system_calls, doorbell.drain() ? 2 : 1);
  // idle_since_ns_ stays: without work the next turn sleeps again at once.
}

}  // namespace starocean::dataplane
