// The right to be the daemon at a control socket's path.
//
// A daemon that was killed leaves its socket file behind, and nothing in the file tells it from a
// live one's. So the daemon holds a lock (flock) on "PATH.lock" as long as it lives; the kernel
// releases it with the process, however that ends. Whoever gets the lock may remove the socket
// file. The lock file itself stays: removing it would let two daemons hold locks on two files of
// one name.
//
// Take the claim before touching any interface, and keep it until everything is detached: it is
// also what keeps two daemons with one configuration apart.
#pragma once

#include <string>

#include "starocean/base/result.h"

namespace starocean::control {

// The daemon's default, and every client's.
inline constexpr const char* kDefaultSocketPath = "/run/starocean/starocean.sock";

// Move-only; releasing it (destruction) removes the socket file. Any one thread.
class SocketClaim {
 public:
  // Creates the directory (mode 0755, parents too) if it is absent and removes a dead daemon's
  // socket file. Fails when another process is the daemon there, when something that is not a
  // socket is in the way, and when the path is longer than a socket address can hold (107 bytes,
  // unix(7)).
  static Result<SocketClaim> take(const std::string& socket_path);

  SocketClaim() = default;
  SocketClaim(SocketClaim&& other) noexcept;
  SocketClaim& operator=(SocketClaim&& other) noexcept;
  SocketClaim(const SocketClaim&) = delete;
  SocketClaim& operator=(const SocketClaim&) = delete;
  ~SocketClaim();

  // Empty when nothing is claimed.
  const std::string& path() const { return path_; }

 private:
  void release();

  std::string path_;
  int lock_fd_ = -1;
};

// Connects to `socket_path` and closes again: 0, or the errno of the failure (ENOENT: no file,
// ECONNREFUSED: a file that nobody listens on, EACCES …).
int probe_socket(const std::string& socket_path);

}  // namespace starocean::control
