#include "starocean/ring/qsbr.h"

#include <chrono>
#include <thread>

#include "starocean/base/clock.h"

namespace starocean::ring {

Qsbr::Qsbr(size_t readers)
    : count_(readers), readers_(std::make_unique<Reader[]>(readers)), passed_(readers, 0) {
  for (size_t i = 0; i < readers; ++i) readers_[i].period_ = &period_;
}

bool Qsbr::poll(uint64_t ticket) {
  for (size_t i = 0; i < count_; ++i) {
    if (passed_[i] >= ticket) continue;
    std::atomic<uint64_t>& counter = readers_[i].seen_;
    uint64_t seen = counter.load(std::memory_order_acquire);
    // See (c) in the header: an offline reader counts only when confirmed by a read-modify-write.
    if (seen == 0) seen = counter.fetch_add(0, std::memory_order_acq_rel);
    if (seen == 0) seen = period_.load(std::memory_order_relaxed);
    if (seen < ticket) return false;
    passed_[i] = seen;
  }
  return true;
}

bool Qsbr::wait(uint64_t ticket, uint64_t timeout_ns) {
  constexpr int kSpins = 200;
  constexpr std::chrono::microseconds kNap{50};
  for (int i = 0; i < kSpins; ++i) {
    if (poll(ticket)) return true;
    cpu_relax();
  }
  const uint64_t start_ns = monotonic_ns();
  while (!poll(ticket)) {
    if (timeout_ns != kForever && monotonic_ns() - start_ns >= timeout_ns) return false;
    std::this_thread::sleep_for(kNap);
  }
  return true;
}

}  // namespace starocean::ring
