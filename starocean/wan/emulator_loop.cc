// The emulator's thread.

#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>

#include "starocean/base/clock.h"
#include "starocean/base/cpu.h"
#include "starocean/wan/emulator.h"

namespace starocean::wan {
namespace {

constexpr uint32_t kBatchesPerTurn = 2;
// How long to look for work in a dense stream before sleeping: as dataplane/worker.cc.
constexpr uint64_t kSpinNs = 50 * kNsPerUs;
// How much before a packet's time to wake: what a sleep may be longer than asked for on an idle machine.
constexpr uint64_t kWakeAheadNs = 60 * kNsPerUs;
constexpr uint64_t kRetryNs = kNsPerMs;
constexpr uint64_t kLongestSleepNs = kNsPerSecond;
// 50 µs by default (prctl(2)), by which every sleep would be longer.
constexpr unsigned long kTimerSlackNs = 1;

// A real-time thread that never sleeps is stopped by the kernel for 50 ms in each second, so that others are
// not starved (sched(7), "Limiting the CPU usage of real-time and deadline processes"). Leaving them a
// little more than that, often, costs far less precision.
constexpr uint64_t kLongestRunNs = 500 * kNsPerUs;
constexpr long kPauseNs = 40 * kNsPerUs;

}  // namespace

void Emulator::run() {
  prctl(PR_SET_TIMERSLACK, kTimerSlackNs);
  watched_.push_back({.fd = wake_fd_, .events = POLLIN, .revents = 0});
  for (const auto& port : ports_) {
    for (const auto& queue : port->queues()) {
      watched_.push_back({.fd = queue->socket->fd(), .events = POLLIN, .revents = 0});
    }
  }
  while (!stop_.load(std::memory_order_acquire)) {
    if (wanted_.load(std::memory_order_acquire) != adopted_.load(std::memory_order_relaxed)) {
      adopt();
    }
    if (realtime_ && now_ns_ - last_sleep_ns_ > kLongestRunNs) pause();
    const bool worked = turn();
    turns_.store(turns_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    if (!worked) {
      wait();
      continue;
    }
    dense_ = now_ns_ - last_work_ns_ < kSpinNs;
    last_work_ns_ = now_ns_;
  }
  adopt();  // whoever waits in set() goes on
  for (const auto& direction : directions_) direction->drop_held();
}

void Emulator::pause() {
  const timespec length{.tv_sec = 0, .tv_nsec = kPauseNs};
  clock_nanosleep(CLOCK_MONOTONIC, 0, &length, nullptr);
  last_sleep_ns_ = monotonic_ns();
}

void Emulator::adopt() {
  uint64_t generation = 0;
  {
    const std::lock_guard lock(settings_mutex_);
    generation = wanted_.load(std::memory_order_acquire);
    for (size_t i = 0; i < kSides; ++i) directions_[i]->set(settings_[i]);
  }
  adopted_.store(generation, std::memory_order_release);
  adopted_.notify_all();
}

bool Emulator::turn() {
  uint32_t packets = 0;
  for (size_t side = 0; side < kSides; ++side) {
    packets += receive(side);
    now_ns_ = monotonic_ns();
    packets += directions_[side]->send_due(now_ns_);
  }
  return packets != 0;
}

uint32_t Emulator::receive(size_t side) {
  uint32_t packets = 0;
  for (const auto& queue : ports_[side]->queues()) {
    queue->socket->refill(*pool_);
    for (uint32_t i = 0; i < kBatchesPerTurn; ++i) {
      const uint32_t buffers = queue->socket->receive(received_);
      if (buffers == 0) {
        queue->socket->kick_receive();
        break;
      }
      dataplane::fill_batch(batch_, queue->port, {received_.data(), buffers});
      directions_[side]->accept(batch_, monotonic_ns());
      packets += batch_.count;
      if (buffers < dataplane::kBatchPackets) break;
    }
  }
  return packets;
}

void Emulator::wait() {
  uint64_t next_ns = now_ns_ + kLongestSleepNs;
  for (const auto& direction : directions_) {
    next_ns = std::min(next_ns, direction->next_ns());
    if (direction->transmit_pending()) next_ns = std::min(next_ns, now_ns_ + kRetryNs);
  }
  const bool soon = next_ns <= now_ns_ + kWakeAheadNs;
  // On a single CPU spinning would keep from it those who are to send something.
  if (soon || (dense_ && several_cpus_ && now_ns_ - last_work_ns_ < kSpinNs)) {
    cpu_relax();
    return;
  }
  sleep(next_ns - kWakeAheadNs);
}

void Emulator::sleep(uint64_t until_ns) {
  const uint64_t now_ns = monotonic_ns();
  if (until_ns <= now_ns) return;
  const uint64_t length_ns = until_ns - now_ns;
  const timespec timeout{.tv_sec = static_cast<time_t>(length_ns / kNsPerSecond),
                         .tv_nsec = static_cast<long>(length_ns % kNsPerSecond)};
  ppoll(watched_.data(), watched_.size(), &timeout, nullptr);
  last_sleep_ns_ = monotonic_ns();
  sleeps_.store(sleeps_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  if (watched_.front().revents != 0) {
    uint64_t rung = 0;
    (void)!read(wake_fd_, &rung, sizeof rung);
  }
}

}  // namespace starocean::wan
