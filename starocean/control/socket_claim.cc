#include "starocean/control/socket_claim.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include <fmt/format.h>

namespace starocean::control {
namespace {

constexpr size_t kMaxPath = sizeof(sockaddr_un::sun_path) - 1;

tl::unexpected<Error> already_running(const std::string& path) {
  return fail(fmt::format("cannot listen on '{}'", path),
              fmt::format("another starocean is running on {}", path),
              "stop it, or give this one a socket of its own with --socket", EADDRINUSE);
}

Status make_directory(const std::string& socket_path) {
  const auto parent = std::filesystem::path(socket_path).parent_path();
  if (parent.empty()) return {};
  std::error_code error;
  std::filesystem::create_directories(parent, error);
  if (!error) return {};
  return fail_system(fmt::format("cannot create the directory '{}'", parent.string()),
                     error.value(), "run as root, or choose another path with --socket");
}

Result<int> lock_beside(const std::string& socket_path) {
  const std::string lock_path = socket_path + ".lock";
  const int fd = open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) {
    return fail_system(fmt::format("cannot open the lock file '{}'", lock_path), errno,
                       "run as root, or choose another path with --socket");
  }
  if (flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
  const int error = errno;
  close(fd);
  if (error == EWOULDBLOCK) return already_running(socket_path);
  return fail_system(fmt::format("cannot lock '{}'", lock_path), error);
}

// With the lock held: whatever lies at the path is not a starocean daemon's.
Status clear_path(const std::string& path) {
  struct stat info {};
  if (lstat(path.c_str(), &info) != 0) return {};
  const std::string what = fmt::format("cannot listen on '{}'", path);
  if (!S_ISSOCK(info.st_mode)) {
    return fail(what, "a file that is not a socket is in the way", "remove it", EEXIST);
  }
  if (probe_socket(path) == 0) {
    return fail(what, "another program is listening there",
                "stop it, or choose another path with --socket", EADDRINUSE);
  }
  if (unlink(path.c_str()) == 0) return {};
  return fail_system(fmt::format("cannot remove the old socket '{}'", path), errno);
}

}  // namespace

int probe_socket(const std::string& socket_path) {
  if (socket_path.size() > kMaxPath) return ENAMETOOLONG;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, socket_path.data(), socket_path.size());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return errno;
  int error = 0;
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) error = errno;
  close(fd);
  return error == EAGAIN ? 0 : error;  // EAGAIN: alive, with a full backlog
}

Result<SocketClaim> SocketClaim::take(const std::string& socket_path) {
  if (socket_path.empty() || socket_path.size() > kMaxPath) {
    return fail(fmt::format("cannot listen on '{}'", socket_path),
                fmt::format("a socket path has 1 to {} characters", kMaxPath),
                "choose another with --socket", ENAMETOOLONG);
  }
  if (auto made = make_directory(socket_path); !made) return fail(made.error());
  auto lock = lock_beside(socket_path);
  if (!lock) return fail(lock.error());
  SocketClaim claim;
  claim.lock_fd_ = *lock;
  if (auto cleared = clear_path(socket_path); !cleared) return fail(cleared.error());
  claim.path_ = socket_path;
  return claim;
}

SocketClaim::SocketClaim(SocketClaim&& other) noexcept
    : path_(std::exchange(other.path_, {})), lock_fd_(std::exchange(other.lock_fd_, -1)) {}

SocketClaim& SocketClaim::operator=(SocketClaim&& other) noexcept {
  if (this != &other) {
    release();
    path_ = std::exchange(other.path_, {});
    lock_fd_ = std::exchange(other.lock_fd_, -1);
  }
  return *this;
}

SocketClaim::~SocketClaim() {
  release();
}

void SocketClaim::release() {
  if (!path_.empty()) unlink(path_.c_str());
  path_.clear();
  if (lock_fd_ >= 0) close(lock_fd_);
  lock_fd_ = -1;
}

}  // namespace starocean::control
