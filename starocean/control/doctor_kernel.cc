#include "starocean/control/doctor_kernel.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstddef>

#include "starocean/xsk/uapi.h"

namespace starocean::control::doctor {
namespace {

class Socket {
 public:
  explicit Socket(int family, int type) : fd_(socket(family, type | SOCK_CLOEXEC, 0)) {
    error_ = fd_ < 0 ? errno : 0;
  }
  ~Socket() {
    if (fd_ >= 0) close(fd_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  int fd() const { return fd_; }
  int error() const { return error_; }
  // errno, or 0.
  template <class T>
  int set(int level, int name, const T& value) const {
    return setsockopt(fd_, level, name, &value, sizeof value) == 0 ? 0 : errno;
  }

 private:
  int fd_;
  int error_;
};

// Linux 5.4 added the flags member to the offsets of each ring, and with it need-wakeup.
bool has_need_wakeup(const Socket& socket) {
  xdp_mmap_offsets offsets{};
  socklen_t length = sizeof offsets;
  return getsockopt(socket.fd(), SOL_XDP, XDP_MMAP_OFFSETS, &offsets, &length) == 0 &&
         length == sizeof offsets;
}

// xsk_bind refuses unknown flags (EINVAL) before it looks for the device, which does not exist (ENODEV).
bool has_multi_buffer(const Socket& socket) {
  sockaddr_xdp address{};
  address.sxdp_family = AF_XDP;
  address.sxdp_ifindex = INT_MAX;
  address.sxdp_flags = XDP_USE_SG | XDP_COPY;
  return bind(socket.fd(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 &&
         errno == ENODEV;
}

// struct xdp_umem_reg as of Linux 6.8; Debian 12 has it without the last member.
struct UmemRegistration {
  uint64_t address = 0;
  uint64_t len_bytes = 0;
  uint32_t chunk_bytes = 0;
  uint32_t headroom_bytes = 0;
  uint32_t flags = 0;
  uint32_t tx_metadata_bytes = 0;
};
constexpr uint32_t kTxMetadataFlag = 1 << 2;  // XDP_UMEM_TX_METADATA_LEN, later than 6.8

// A kernel that knows the length takes 8 together with the flag, or, before there was the flag, refuses 3,
// which is no multiple of 8 (net/xdp/xdp_umem.c, xdp_umem_reg). One that does not know it refuses the
// flag and overlooks the 3. nullopt if a UMEM cannot be registered at all.
std::optional<bool> has_tx_metadata() {
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  void* const memory =
      mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return std::nullopt;
  const auto try_with = [&](uint32_t flags, uint32_t tx_metadata_bytes) {
    const Socket socket(AF_XDP, SOCK_RAW);  // each can register but once
    return socket.set(SOL_XDP, XDP_UMEM_REG,
                      UmemRegistration{.address = reinterpret_cast<uint64_t>(memory),
                                       .len_bytes = page,
                                       .chunk_bytes = 2048,
                                       .flags = flags,
                                       .tx_metadata_bytes = tx_metadata_bytes});
  };
  std::optional<bool> result;
  if (try_with(0, 0) == 0) {
    result = try_with(kTxMetadataFlag, 8) == 0 || try_with(0, 3) == EINVAL;
  }
  munmap(memory, page);
  return result;
}

// On an unbound socket the option is refused, but not as unknown.
bool has_tx_budget(const Socket& socket) {
  return socket.set(SOL_XDP, XDP_MAX_TX_SKB_BUDGET, uint32_t{32}) != ENOPROTOOPT;
}

}  // namespace

KernelFeatures probe_kernel() {
  KernelFeatures found;
  // Any socket has the option; switching it off needs no privileges.
  const Socket udp(AF_INET, SOCK_DGRAM);
  if (udp.fd() >= 0) {
    found.prefer_busy_poll = udp.set(SOL_SOCKET, SO_PREFER_BUSY_POLL, 0) != ENOPROTOOPT;
  }
  const Socket xdp(AF_XDP, SOCK_RAW);
  if (xdp.fd() < 0) {
    if (xdp.error() == EAFNOSUPPORT) found.af_xdp = false;
    return found;
  }
  found.af_xdp = true;
  found.need_wakeup = has_need_wakeup(xdp);
  found.multi_buffer = has_multi_buffer(xdp);
  found.tx_metadata = has_tx_metadata();
  found.tx_budget = has_tx_budget(xdp);
  return found;
}

}  // namespace starocean::control::doctor
