#include "starocean/testbed/command.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "starocean/base/clock.h"

namespace starocean::testbed {
namespace {

constexpr int kCouldNotExecute = 127;
constexpr size_t kMaxComplaintBytes = 600;

// Of the child: between fork and exec only calls that are safe after a fork of a program with threads.
struct Launch {
  std::vector<char*> arguments;
  std::vector<char*> environment;
  std::vector<std::string> environment_text;
  std::string path;
  cpu_set_t cpus;
  bool pinned = false;
  int netns_fd = -1;
  int out_fd = -1;
  int error_fd = -1;
  pid_t parent = 0;
};

std::string find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) return access(name.c_str(), X_OK) == 0 ? name : "";
  const char* path = std::getenv("PATH");
  std::istringstream folders(std::string(path != nullptr ? path : "") + ":/usr/sbin:/sbin");
  for (std::string folder; std::getline(folders, folder, ':');) {
    std::string candidate = fmt::format("{}/{}", folder, name);
    if (access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return "";
}

Launch prepare(const Words& words, const CommandOptions& options) {
  Launch launch;
  launch.path = find_program(words.front());
  for (const std::string& word : words) launch.arguments.push_back(const_cast<char*>(word.c_str()));
  launch.arguments.push_back(nullptr);
  for (char** entry = environ; *entry != nullptr; ++entry)
    launch.environment_text.push_back(*entry);
  for (const auto& [name, value] : options.environment) {
    launch.environment_text.push_back(fmt::format("{}={}", name, value));
  }
  for (std::string& entry : launch.environment_text) launch.environment.push_back(entry.data());
  launch.environment.push_back(nullptr);
  CPU_ZERO(&launch.cpus);
  for (const int cpu : options.cpus) CPU_SET(static_cast<size_t>(cpu), &launch.cpus);
  launch.pinned = !options.cpus.empty();
  launch.netns_fd = options.netns_fd;
  launch.parent = getpid();
  return launch;
}

void enter_namespace(int netns_fd) {
  if (setns(netns_fd, CLONE_NEWNET) != 0 || unshare(CLONE_NEWNS) != 0 ||
      mount("", "/", "none", MS_SLAVE | MS_REC, nullptr) != 0) {
    _exit(kCouldNotExecute);
  }
  umount2("/sys", MNT_DETACH);
  mount("sysfs", "/sys", "sysfs", 0, nullptr);
}

[[noreturn]] void become(const Launch& launch) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != launch.parent) _exit(kCouldNotExecute);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  dup2(launch.out_fd, STDOUT_FILENO);
  dup2(launch.error_fd, STDERR_FILENO);
  const int nothing = open("/dev/null", O_RDONLY);
  dup2(nothing, STDIN_FILENO);
  if (launch.netns_fd >= 0) enter_namespace(launch.netns_fd);
  if (launch.pinned) sched_setaffinity(0, sizeof launch.cpus, &launch.cpus);
  execve(launch.path.c_str(), launch.arguments.data(), launch.environment.data());
  _exit(kCouldNotExecute);
}

tl::unexpected<Error> not_installed(const std::string& program) {
  return fail(fmt::format("cannot run '{}'", program), "it is not installed",
              "install the Debian package that has it", ENOENT);
}

// Reads both pipes to their ends; false when that takes too long.
bool read_outputs(const std::array<int, 2>& fds, std::array<std::string, 2>& texts,
                  uint64_t deadline_ns) {
  std::array<pollfd, 2> watched{{{fds[0], POLLIN, 0}, {fds[1], POLLIN, 0}}};
  while (watched[0].fd >= 0 || watched[1].fd >= 0) {
    const uint64_t now_ns = monotonic_ns();
    if (now_ns >= deadline_ns) return false;
    poll(watched.data(), watched.size(), static_cast<int>((deadline_ns - now_ns) / kNsPerMs) + 1);
    for (size_t i = 0; i < watched.size(); ++i) {
      if (watched[i].fd < 0 || watched[i].revents == 0) continue;
      std::array<char, 4096> buffer;
      const ssize_t length = read(watched[i].fd, buffer.data(), buffer.size());
      if (length > 0) {
        texts[i].append(buffer.data(), static_cast<size_t>(length));
      } else {
        watched[i].fd = -1;
      }
    }
  }
  return true;
}

}  // namespace

bool is_installed(const std::string& program) {
  return !find_program(program).empty();
}

Result<std::string> run_command(const Words& words, const CommandOptions& options,
                                uint64_t timeout_ms) {
  Launch launch = prepare(words, options);
  if (launch.path.empty()) return not_installed(words.front());
  const std::string what = fmt::format("'{}' failed", fmt::join(words, " "));
  std::array<int, 2> out{}, error{};
  if (pipe2(out.data(), O_CLOEXEC) != 0) return fail_system(what, errno);
  if (pipe2(error.data(), O_CLOEXEC) != 0) {
    const int code = errno;
    for (const int fd : out) close(fd);
    return fail_system(what, code);
  }
  launch.out_fd = out[1];
  launch.error_fd = error[1];
  const pid_t pid = fork();
  if (pid == 0) become(launch);
  close(out[1]);
  close(error[1]);
  std::array<std::string, 2> texts;
  const bool in_time =
      pid > 0 && read_outputs({out[0], error[0]}, texts, monotonic_ns() + timeout_ms * kNsPerMs);
  close(out[0]);
  close(error[0]);
  if (pid < 0) return fail_system(what, EAGAIN);
  if (!in_time) kill(pid, SIGKILL);
  int status = 0;
  waitpid(pid, &status, 0);
  if (!in_time) return fail(what, fmt::format("it did not end within {} ms", timeout_ms));
  if (status == 0) return std::move(texts[0]);
  std::string said = texts[1].empty() ? texts[0] : texts[1];
  while (!said.empty() && said.back() == '\n') said.pop_back();
  if (said.size() > kMaxComplaintBytes) said.erase(0, said.size() - kMaxComplaintBytes);
  return fail(what, said.empty() ? fmt::format("wait status {}", status) : said, {},
              WIFEXITED(status) ? WEXITSTATUS(status) : 0);
}

Result<ChildProcess> ChildProcess::start(const Words& words, const std::string& log_path,
                                         const CommandOptions& options) {
  Launch launch = prepare(words, options);
  if (launch.path.empty()) return not_installed(words.front());
  const int log = open(log_path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (log < 0) return fail_system(fmt::format("cannot write '{}'", log_path), errno);
  launch.out_fd = launch.error_fd = log;
  const pid_t pid = fork();
  if (pid == 0) become(launch);
  const int code = errno;
  close(log);
  if (pid < 0) return fail_system(fmt::format("cannot start '{}'", words.front()), code);
  ChildProcess child;
  child.pid_ = pid;
  child.log_path_ = log_path;
  return child;
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      status_(other.status_),
      log_path_(std::move(other.log_path_)) {}

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  if (this == &other) return *this;
  stop();
  pid_ = std::exchange(other.pid_, -1);
  status_ = other.status_;
  log_path_ = std::move(other.log_path_);
  return *this;
}

ChildProcess::~ChildProcess() {
  stop();
}

bool ChildProcess::running() {
  if (pid_ < 0) return false;
  if (waitpid(pid_, &status_, WNOHANG) != pid_) return true;
  pid_ = -1;
  return false;
}

int ChildProcess::stop(uint64_t grace_ms) {
  if (!running()) return status_;
  kill(pid_, SIGTERM);
  const uint64_t deadline_ns = monotonic_ns() + grace_ms * kNsPerMs;
  while (running() && monotonic_ns() < deadline_ns) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  if (!running()) return status_;
  kill(pid_, SIGKILL);
  waitpid(pid_, &status_, 0);
  pid_ = -1;
  return status_;
}

std::string ChildProcess::log_tail(size_t max_bytes) const {
  std::ifstream file(log_path_);
  std::ostringstream text;
  text << file.rdbuf();
  std::string all = text.str();
  return all.size() <= max_bytes ? all : all.substr(all.size() - max_bytes);
}

}  // namespace starocean::testbed
