#include "starocean/bench/session.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <iostream>
#include <utility>

namespace starocean::bench {
namespace {

sigset_t end_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM}) sigaddset(&signals, signal);
  return signals;
}

}  // namespace

Result<EndSignals> EndSignals::watch() {
  const sigset_t signals = end_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  const int fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
  if (fd < 0) return fail_system("cannot watch for signals", errno);
  return EndSignals(fd);
}

EndSignals::EndSignals(EndSignals&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), told_(other.told_) {}

EndSignals::~EndSignals() {
  if (fd_ < 0) return;
  close(fd_);
  const sigset_t signals = end_signals();
  // One that came just now, while the run was ending by itself, has its wish; unblocked it would end the process
  // before its report is written.
  const timespec at_once{};
  while (sigtimedwait(&signals, nullptr, &at_once) > 0) {
  }
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
}

bool EndSignals::wait(int timeout_ms) {
  if (told_) return true;
  pollfd watched{.fd = fd_, .events = POLLIN, .revents = 0};
  if (poll(&watched, 1, timeout_ms) <= 0) return false;
  // Taken, so that it is not still pending when it is unblocked.
  signalfd_siginfo info{};
  told_ = read(fd_, &info, sizeof(info)) == sizeof(info);
  return told_;
}

ProgressLine::ProgressLine(std::ostream& err)
    : err_(err), shown_(&err == &std::cerr && isatty(STDERR_FILENO) != 0) {}

void ProgressLine::show(std::string_view text) {
  if (!shown_) return;
  // Carriage return, text, erase to the end of the line (ECMA-48, EL).
  err_ << '\r' << text << "\033[K" << std::flush;
  dirty_ = true;
}

void ProgressLine::clear() {
  if (!dirty_) return;
  err_ << "\r\033[K" << std::flush;
  dirty_ = false;
}

}  // namespace starocean::bench
