#include "starocean/bench/scratch_directory.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include <fmt/format.h>

namespace starocean::bench {
namespace {

constexpr size_t kLongestParent = 40;

// Ignores what ends the others: it has to outlive them.
[[noreturn]] void wait_and_remove(int lifeline_fd, const std::string& path) {
  setsid();
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) signal(number, SIG_IGN);
  // Whoever reads the output of this program waits for its end, not for the child's.
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) close(fd);
  char byte = 0;
  while (read(lifeline_fd, &byte, 1) < 0 && errno == EINTR) {
  }
  std::error_code error;
  // What was killed with this process may still be writing its last.
  for (int i = 0; i < 100 && std::filesystem::exists(path, error); ++i) {
    std::filesystem::remove_all(path, error);
    usleep(20'000);
  }
  _exit(0);
}

}  // namespace

Result<ScratchDirectory> ScratchDirectory::create() {
  std::error_code error;
  std::string parent = std::filesystem::temp_directory_path(error).string();
  if (error || parent.size() > kLongestParent) parent = "/tmp";
  std::string path = parent + "/starocean-bench-XXXXXX";
  if (mkdtemp(path.data()) == nullptr) {
    return fail_system(fmt::format("cannot make a directory like '{}'", path), errno,
                       "set TMPDIR to a directory that can be written");
  }
  std::array<int, 2> lifeline{};
  if (pipe2(lifeline.data(), O_CLOEXEC) != 0) return fail_system("cannot make a pipe", errno);
  const pid_t child = fork();
  if (child == 0) {
    close(lifeline[1]);
    wait_and_remove(lifeline[0], path);
  }
  const int code = errno;
  close(lifeline[0]);
  ScratchDirectory made;
  made.path_ = path;
  made.lifeline_fd_ = lifeline[1];
  made.child_ = child;
  if (child < 0) return fail_system("cannot start the child that removes files", code);
  return made;
}

ScratchDirectory::ScratchDirectory(ScratchDirectory&& other) noexcept
    : path_(std::move(other.path_)),
      lifeline_fd_(std::exchange(other.lifeline_fd_, -1)),
      child_(std::exchange(other.child_, -1)) {}

ScratchDirectory& ScratchDirectory::operator=(ScratchDirectory&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(lifeline_fd_, other.lifeline_fd_);
  std::swap(child_, other.child_);
  return *this;
}

ScratchDirectory::~ScratchDirectory() {
  if (lifeline_fd_ < 0) return;
  std::error_code error;
  std::filesystem::remove_all(path_, error);
  close(lifeline_fd_);
  if (child_ > 0) waitpid(child_, nullptr, 0);
}

Result<std::string> ScratchDirectory::make(const std::string& name) const {
  const std::string path = path_ + "/" + name;
  std::error_code error;
  if (!std::filesystem::create_directories(path, error) && error) {
    return fail_system(fmt::format("cannot make the directory '{}'", path), error.value());
  }
  return path;
}

}  // namespace starocean::bench
