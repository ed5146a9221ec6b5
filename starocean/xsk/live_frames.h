// Running an XDP program over frames that the kernel makes for it (BPF_PROG_RUN with BPF_F_TEST_XDP_LIVE_FRAMES, Linux 5.18;
// Documentation/bpf/bpf_prog_run.rst): what the program redirects is sent. A thread is inside the kernel all the while.
#pragma once

#include <atomic>
#include <csignal>
#include <cstdint>
#include <span>
#include <thread>

#include "starocean/base/result.h"

namespace starocean::xsk {

// A real-time signal that nothing else in starocean uses; it ends a run.
inline int stop_signal() {
  return SIGRTMIN + 3;
}

// Its handler, process-wide. Any thread, once or more.
Status handle_stop_signal();
// For the calling thread, which is to run a program.
void let_stop_signal_in();

// Returns when the program has run `runs` times, or a signal came: between two batches, what was redirected has been sent.
// `frame`: what each begins as. After a call ends the next one takes some 20 ms to begin (RCU grace periods).
Status run_live_frames(int program_fd, std::span<uint8_t> frame, uint32_t batch, uint32_t runs);

// Signals until `left` says that the thread runs no program any more: a signal that comes before the call is lost.
void signal_until_left(std::thread& thread, const std::atomic<bool>& left);

}  // namespace starocean::xsk
