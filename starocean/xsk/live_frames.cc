#include "starocean/xsk/live_frames.h"

#include <bpf/bpf.h>
#include <pthread.h>

#include <cerrno>
#include <chrono>

#ifndef BPF_F_TEST_XDP_LIVE_FRAMES
#define BPF_F_TEST_XDP_LIVE_FRAMES (1U << 1)
#endif

namespace starocean::xsk {
namespace {

constexpr std::chrono::milliseconds kSignalPause{1};

void do_nothing(int) {}

}  // namespace

// No SA_RESTART: the call is to return.
Status handle_stop_signal() {
  struct sigaction action {};
  action.sa_handler = do_nothing;
  sigemptyset(&action.sa_mask);
  if (sigaction(stop_signal(), &action, nullptr) == 0) return {};
  return fail_system("cannot handle the signal that ends a run", errno);
}

void let_stop_signal_in() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, stop_signal());
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
}

Status run_live_frames(int program_fd, std::span<uint8_t> frame, uint32_t batch, uint32_t runs) {
  LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame.data(),
              .data_size_in = static_cast<uint32_t>(frame.size()), .repeat = static_cast<int>(runs),
              .flags = BPF_F_TEST_XDP_LIVE_FRAMES, .batch_size = batch);
  const int error = bpf_prog_test_run_opts(program_fd, &run);
  if (error == 0 || error == -EINTR) return {};
  return fail_system("cannot run a program over frames of the kernel's", -error,
                     "BPF_PROG_RUN with live frames takes Linux 5.18");
}

void signal_until_left(std::thread& thread, const std::atomic<bool>& left) {
  while (!left) {
    pthread_kill(thread.native_handle(), stop_signal());
    std::this_thread::sleep_for(kSignalPause);
  }
}

}  // namespace starocean::xsk
