#include "starocean/dataplane/worker.h"

#include <pthread.h>

#include <algorithm>

#include <fmt/format.h>

#include "starocean/base/check.h"
#include "starocean/base/clock.h"
#include "starocean/base/cpu_affinity.h"
#include "starocean/base/regions.h"
#include "starocean/base/short_slice.h"

namespace starocean::dataplane {
namespace {

// Batches taken from one queue before the next one gets its turn. Several, because transmission is
// started once a turn, and in copy mode that is a system call for all of them.
constexpr uint32_t kBatchesPerTurn = 4;
// How long an adaptive worker looks for work before it blocks: at least longer than the gaps within a busy
// stream (one block and wake-up costs about as much), at most far shorter than anything that shows as CPU
// use. In between it learns: a sleep that was over sooner than the most it might have looked was a mistake,
// which costs a wake-up on the CPU that receives. (KVM's halt polling grows and shrinks by the same rule, with
// the same bound: Documentation/virt/kvm/halt-polling.rst.)
constexpr uint64_t kLeastSpinNs = 50 * kNsPerUs;
constexpr uint64_t kMostSpinNs = 200 * kNsPerUs;
// Between two looks in vain, about a microsecond. Each look reads what the kernel writes on the CPU that
// receives, and takes the cache line away from it; and a batch of one packet costs a whole system call.
constexpr int kRelaxations = 32;
// Then nothing is on its way any more, and what has been sent can be taken back.
constexpr uint32_t kLooksUntilReap = 64;
// A net below the doorbell and the kernel's readiness: should either ever fail, work waits that long, and
// it is counted.
constexpr uint64_t kSleepNs = kNsPerSecond;
// A wake-up that comes later than its work by more than that is none.
constexpr uint64_t kLateNs = 20 * kNsPerMs;
constexpr uint64_t kRetryNs = kNsPerMs;
// While the transmitting thread runs, it is looked after.
constexpr uint64_t kLanesNs = 10 * kNsPerMs;

}  // namespace

Worker::Worker(WorkerId id, int cpu, PollMode poll, SharedState shared, xsk::FramePool& pool)
    : id_(id),
      cpu_(cpu),
      poll_(poll),
      shared_(shared),
      pool_(pool),
      egress_(id, pool, shared.mesh, counters_),
      switch_(egress_, shared.mac_moves, shared.group_events, shared.snooping),
      router_(egress_, switch_, pool, shared.neighbour_requests) {
  egress_.lanes().set_pinned(cpu >= 0);
}

Worker::~Worker() {
  stop();
}

Status Worker::start() {
  thread_ = std::thread([this] { run(); });
  pthread_setname_np(thread_.native_handle(), fmt::format("worker-{}", id_.value()).c_str());
  if (cpu_ < 0) return {};
  Status pinned =
      pin_thread(thread_, fmt::format("worker {} of `workers: cpus`", id_.value()), cpu_);
  if (!pinned) stop();
  return pinned;
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
  ask_for_short_slice();
  ring::Qsbr::Reader& reader = shared_.qsbr.reader(id_.index());
  reader.online();
  while (!stop_.load(std::memory_order_relaxed)) {
    now_ns_ = monotonic_ns();
    look_for_snapshot();

    const uint32_t packets = turn();
    last_packets_ = packets;
    counters_.add(WorkerCounter::turns);
    if (packets != 0) {
      counters_.add(WorkerCounter::busy_turns);
      counters_.add(WorkerCounter::packets, packets);
      idle_since_ns_ = 0;
      looks_in_vain_ = 0;
    } else {
      idle(now_ns_);
    }
    reader.quiescent();
  }
  // What others have handed over meanwhile is still sent; afterwards nothing is in flight here.
  look_for_snapshot();
  egress_.take_handoffs();
  router_.stop();
  egress_.flush();
  egress_.lanes().stop();
  reader.offline();
}

void Worker::look_for_snapshot() {
  snapshot_ = shared_.snapshots.current();
  if (snapshot_->generation != generation_) adopt();
}

void Worker::adopt() {
  generation_ = snapshot_->generation;
  queues_ = snapshot_->worker_queues[id_.index()];
  egress_.adopt(snapshot_);
  // A new set each time: sockets of the old snapshot may be closed already, and their numbers reused.
  watched_.clear();
  watched_.push_back({.fd = shared_.mesh.doorbell(id_).fd(), .events = POLLIN, .revents = 0});
  for (const PortQueue* queue : queues_) {
    watched_.push_back({.fd = queue->socket->fd(), .events = POLLIN, .revents = 0});
  }
  set_fill_levels();
  counters_.add(WorkerCounter::snapshots);
}

void Worker::set_fill_levels() {
  for (PortQueue* queue : queues_) {
    const uint32_t size = queue->socket->options().fill_size;
    queue->socket->set_fill_level(
        fill_depth_.is_deep()
            ? FillDepth::deep_level(size, snapshot_->spare_frames, snapshot_->all_queues)
            : FillDepth::calm_level(size));
  }
}

// The CPU may have been taken away meanwhile.
void Worker::look_after_fill_levels() {
  const uint64_t most_packets = queues_.size() * kBatchesPerTurn * kBatchPackets;
  if (fill_depth_.begin_turn(now_ns_, last_packets_, most_packets)) [[unlikely]] {
    for (PortQueue* queue : queues_) {
      if (!queue->socket->fill_is_empty()) continue;
      counters_.add(WorkerCounter::late_turns);
      if (fill_depth_.deepen(now_ns_)) set_fill_levels();
      return;
    }
  }
  if (fill_depth_.relax(now_ns_)) [[unlikely]]
    set_fill_levels();
}

uint32_t Worker::turn() {
  uint32_t packets = 0;
  egress_.begin_turn(now_ns_);
  if (egress_.lanes().begin_turn(now_ns_, last_packets_)) {
    wishes_lanes_.store(true, std::memory_order_relaxed);
    egress_.wake_control();
  }
  look_after_fill_levels();
  const bool scarce = starving_ || pool_.scarce();
  starving_ = false;
  for (PortQueue* queue : queues_) {
    if (scarce || queue->socket->reap_due()) queue->socket->reap(pool_);
    starving_ |= queue->socket->refill(pool_) != 0;
    const uint32_t received = receive_from(*queue);
    // Per queue: a busy one must not keep the driver of an idle one asleep.
    if (received == 0) queue->socket->kick_receive();
    packets += received;
  }
  packets += receive_from_linux();
  if (router_.waiting()) router_.serve(*snapshot_, now_ns_);
  packets += egress_.take_handoffs();
  egress_.serve_schedulers();
  transmit_pending_ = !egress_.flush();
  egress_.lanes().end_turn(packets == 0);
  transmit_pending_ |= !egress_.lanes().all_sent();
  return packets;
}

void Worker::reap_all() {
  for (PortQueue* queue : queues_) queue->socket->reap(pool_);
}

uint32_t Worker::receive_from(PortQueue& queue) {
  uint32_t packets = 0;
  for (uint32_t i = 0; i < kBatchesPerTurn; ++i) {
    const uint32_t buffers = queue.socket->receive(received_);
    if (buffers == 0) break;
    fill_batch(batch_, queue.port, {received_.data(), buffers});
    if (snapshot_->ports[queue.port.index()].routes()) {
      router_.process(batch_, *snapshot_, now_ns_);
    } else {
      switch_.process(batch_, *snapshot_, pool_.umem(), now_ns_, to_router_);
      if (to_router_.count != 0) router_.process(to_router_, *snapshot_, now_ns_);
    }
    packets += batch_.count;
    if (buffers < kBatchPackets) break;
  }
  return packets;
}

uint32_t Worker::receive_from_linux() {
  uint32_t packets = 0;
  for (uint32_t i = 0; i < kBatchesPerTurn; ++i) {
    const uint32_t taken = egress_.take_from_linux(from_linux_);
    if (taken == 0) break;
    switch_.forward_routed(from_linux_, *snapshot_, pool_.umem(), now_ns_);
    packets += taken;
  }
  return packets;
}

void Worker::idle(uint64_t now_ns) {
  if (idle_since_ns_ == 0) idle_since_ns_ = now_ns;
  const bool looks_on = poll_ == PollMode::kBusy ||
                        (poll_ == PollMode::kAdaptive && now_ns - idle_since_ns_ < spin_ns_);
  // What may leave very soon is waited for awake: a sleep is not so exact.
  const uint64_t release_ns = egress_.next_release_ns();
  const bool release_is_near =
      release_ns != EgressScheduler::kNever && release_ns < now_ns + kLeastSpinNs;
  if (!looks_on && !release_is_near) return sleep(now_ns);
  if (++looks_in_vain_ == kLooksUntilReap) reap_all();
  for (int i = 0; i < kRelaxations; ++i) cpu_relax();
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

uint64_t Worker::sleep_limit_ns(uint64_t now_ns) const {
  // Neither a transmit ring that the kernel did not drain nor a want of frames announces its end, nor does a
  // neighbour that has been found.
  const bool comes_back = transmit_pending_ || starving_ || router_.waiting();
  const uint64_t limit_ns = comes_back ? kRetryNs : egress_.lanes().active() ? kLanesNs : kSleepNs;
  const uint64_t release_ns = egress_.next_release_ns();
  if (release_ns == EgressScheduler::kNever) return limit_ns;
  // What no longer waits for its time waits for the device, which does not announce that it has room.
  return std::min(limit_ns, release_ns > now_ns ? release_ns - now_ns : kRetryNs);
}

// Without epoll, on purpose: it stays in the wait queue of each socket, and the kernel goes through that for
// every packet that has been sent (sock_wfree) and every batch received, on the CPU that does the work.
int Worker::block(uint64_t timeout_ns) {
  const timespec timeout{static_cast<time_t>(timeout_ns / kNsPerSecond),
                         static_cast<long>(timeout_ns % kNsPerSecond)};
  return ::ppoll(watched_.data(), watched_.size(), &timeout, nullptr);
}

void Worker::sleep(uint64_t now_ns) {
  reap_all();
  ring::Doorbell& doorbell = shared_.mesh.doorbell(id_);
  doorbell.announce_sleep();
  if (has_work()) {
    doorbell.cancel_sleep();
    return;
  }
  ring::Qsbr::Reader& reader = shared_.qsbr.reader(id_.index());
  sleeping_.store(true, std::memory_order_relaxed);
  counters_.add(WorkerCounter::sleeps);
  const uint64_t limit_ns = sleep_limit_ns(now_ns);
  reader.offline();
  const int ready = block(limit_ns);
  reader.online();
  // Work and no wake-up: it is on its way, if the work has come just now. has_work() asks for a new
  // snapshot first, since sockets of the one before may have gone while this worker was offline.
  if (ready == 0 && limit_ns == kSleepNs && has_work() && block(kLateNs) == 0) {
    counters_.add(WorkerCounter::lost_wakeups);
  }
  sleeping_.store(false, std::memory_order_relaxed);
  counters_.add(WorkerCounter::system_calls, doorbell.drain() ? 2 : 1);
  const bool too_soon = monotonic_ns() - now_ns < kMostSpinNs;
  spin_ns_ = std::clamp(too_soon ? spin_ns_ * 2 : spin_ns_ / 2, kLeastSpinNs, kMostSpinNs);
  // idle_since_ns_ stays: without work the next turn sleeps again at once.
}

}  // namespace starocean::dataplane
