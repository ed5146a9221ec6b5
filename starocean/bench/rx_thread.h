// The program part of a user-space rung: one thread on the receive core, and how many packets it has ended.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <thread>

#include "starocean/base/cpu.h"
#include "starocean/base/result.h"
#include "starocean/bench/rx_rung.h"

namespace starocean::bench {

// Whether a frame is one that the ladder counts (rx_rung.h). Any thread.
bool is_ladder_frame(std::span<const std::byte> frame);

// SCHED_FIFO priorities of the two on the receive core; 0: Linux's default, fair shares.
int program_fifo(RxPriority priority);
int receive_fifo(RxPriority priority);
// 0 does nothing. Needs CAP_SYS_NICE.
Status set_fifo(pid_t thread, int fifo);

class RxThread {
 public:
  // Loops until `ended`, adding to `handled`, which only it writes. Must look at `ended` every 100 ms, also
  // when nothing arrives.
  using Body = std::function<void(const std::atomic<bool>& ended, std::atomic<uint64_t>& handled)>;

  // Pinned, with the program's priority (rx_rung.h); where that is refused, goes on without. Signals are left to
  // other threads.
  static Result<std::unique_ptr<RxThread>> start(int cpu, RxPriority priority, Body body);
  ~RxThread();  // ends the loop and waits for it
  RxThread(const RxThread&) = delete;
  RxThread& operator=(const RxThread&) = delete;

  uint64_t handled() const { return handled_.load(std::memory_order_relaxed); }
  uint64_t time_ns() const;  // CPU time so far

 private:
  RxThread() = default;
  alignas(kNoSharing) std::atomic<uint64_t> handled_{0};
  alignas(kNoSharing) std::atomic<bool> ended_{false};
  std::thread thread_;
};

// For a program that polls without sleeping, at the higher priority: if the NAPI thread was about to poll when the
// program took the core, it holds the NAPI, and only it can let go, so that the program would poll in vain forever.
class BusyRest {
 public:
  // To be called after each poll. When nothing has come for 1 ms, sleeps for 100 us, which lets the NAPI thread run.
  void found(bool anything);

 private:
  uint64_t idle_since_ns_ = 0;
};

// The single writer's way to count.
inline void add_handled(std::atomic<uint64_t>& handled, uint64_t packets) {
  handled.store(handled.load(std::memory_order_relaxed) + packets, std::memory_order_relaxed);
}

}  // namespace starocean::bench
