#include "starocean/control/doctor_fix.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "starocean/base/clock.h"

namespace starocean::control::doctor {
namespace {

constexpr uint64_t kPatience_ns = 30'000'000'000;
constexpr size_t kMaxOutputBytes = 4096;

// Reads what the command says until it closes its output or the time is up.
std::string read_output(int fd, uint64_t deadline_ns) {
  std::string text;
  for (;;) {
    const uint64_t now_ns = monotonic_ns();
    if (now_ns >= deadline_ns) break;
    pollfd watched{.fd = fd, .events = POLLIN, .revents = 0};
    const int timeout_ms = static_cast<int>((deadline_ns - now_ns) / kNsPerMs) + 1;
    const int ready = poll(&watched, 1, timeout_ms);
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) break;
    std::array<char, 1024> part;
    const ssize_t got = read(fd, part.data(), part.size());
    if (got <= 0) break;
    if (text.size() < kMaxOutputBytes) text.append(part.data(), static_cast<size_t>(got));
  }
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

// Exit status, or -1.
int wait_for(pid_t child, uint64_t deadline_ns) {
  for (;;) {
    int status = 0;
    const pid_t ended = waitpid(child, &status, WNOHANG);
    if (ended == child) return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    if (ended < 0 && errno != EINTR) return -1;
    if (monotonic_ns() >= deadline_ns) {
      kill(-child, SIGKILL);
      waitpid(child, &status, 0);
      return -1;
    }
    usleep(1000);
  }
}

void run(Fix& fix) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) {
    fix.exit_status = -1;
    fix.output = std::strerror(errno);
    return;
  }
  // A group of its own, so that all of it can be ended.
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
  // ethtool, ip and sysctl live in sbin, which not every PATH has.
  const std::string script = "PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin; " + fix.command;
  const std::array<const char*, 4> arguments = {"sh", "-c", script.c_str(), nullptr};
  const uint64_t deadline_ns = monotonic_ns() + kPatience_ns;
  pid_t child = 0;
  const int error = posix_spawn(&child, "/bin/sh", &actions, &attributes,
                                const_cast<char* const*>(arguments.data()), environ);
  close(ends[1]);
  if (error != 0) {
    fix.exit_status = -1;
    fix.output = std::strerror(error);
  } else {
    fix.output = read_output(ends[0], deadline_ns);
    fix.exit_status = wait_for(child, deadline_ns);
  }
  close(ends[0]);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
}

}  // namespace

bool is_fixable(const Finding& finding) {
  return finding.safe && !finding.remedy.empty() && finding.verdict >= Verdict::kWarning;
}

std::vector<Fix> apply_fixes(std::span<const Finding> findings) {
  std::vector<Fix> fixes;
  for (const Finding& finding : findings) {
    if (!is_fixable(finding)) continue;
    Fix fix;
    fix.id = finding.id;
    fix.interface = finding.interface;
    fix.command = finding.remedy;
    run(fix);
    fixes.push_back(std::move(fix));
  }
  return fixes;
}

void note_mended(std::span<Fix> fixes, std::span<const Finding> findings) {
  for (Fix& fix : fixes) {
    fix.mended = std::ranges::none_of(findings, [&](const Finding& finding) {
      return finding.id == fix.id && finding.interface == fix.interface &&
             finding.verdict >= Verdict::kWarning;
    });
  }
}

}  // namespace starocean::control::doctor
