#include "starocean/xsk/punt.h"

#include <arpa/inet.h>
#include <bpf/libbpf.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>
#include <vector>

#include <spdlog/fmt/fmt.h>

#include "starocean/xsk/punt_helper.h"

namespace starocean::xsk {
namespace {

constexpr size_t kBatch = 64;
constexpr useconds_t kBusyPause_us = 100;
constexpr uint32_t kBusyPauses = 200;  // per call of inject()
constexpr size_t kLongest_bytes = 65535 + ETH_HLEN;
// Room for a batch of jumbo frames on their way through Linux; their memory is charged to our
// socket until a protocol takes them over.
constexpr int kSendBuffer_bytes = 4 << 20;

size_t length_of(const PuntFrame& frame) {
  size_t length = 0;
  for (const iovec& piece : frame.pieces) length += piece.iov_len;
  return length;
}

// A socket that sends on the helper, with `origin` as the mark of all it sends.
Result<int> open_socket(uint32_t helper_ifindex, uint32_t origin, const std::string& what) {
  const auto refuse = [&](int fd) {
    const int error = errno;
    if (fd >= 0) close(fd);
    return fail_system(what, error,
                       error == EPERM ? "run as root, or with CAP_NET_RAW and CAP_NET_ADMIN" : "");
  };
  // Protocol 0: it receives nothing.
  const int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
  if (fd < 0) return refuse(fd);
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_ifindex = static_cast<int>(helper_ifindex);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
    return refuse(fd);
  if (setsockopt(fd, SOL_SOCKET, SO_MARK, &origin, sizeof(origin)) != 0) return refuse(fd);
  // Above the system's limit if we may, else as much as it allows.
  if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &kSendBuffer_bytes, sizeof(kSendBuffer_bytes)) !=
      0) {
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &kSendBuffer_bytes, sizeof(kSendBuffer_bytes));
  }
  return fd;
}

bool linux_is_busy(int error) {
  return error == ENOBUFS || error == EAGAIN || error == ENOMEM;
}

}  // namespace

struct Punt::State {
  struct Origin {
    uint32_t ifindex;
    int fd;
  };

  explicit State(std::unique_ptr<PuntHelper> made) : helper(std::move(made)) {}
  ~State() {
    for (const Origin& origin : origins) close(origin.fd);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  size_t send(const Origin& origin, size_t count, uint32_t& pauses);

  std::unique_ptr<PuntHelper> helper;
  std::vector<Origin> origins;
  std::array<mmsghdr, kBatch> messages{};
  PuntCounters counters;
};

// The first `count` messages; returns how many were taken.
size_t Punt::State::send(const Origin& origin, size_t count, uint32_t& pauses) {
  size_t next = 0;
  size_t taken = 0;
  while (next < count) {
    const int sent =
        sendmmsg(origin.fd, &messages[next], static_cast<unsigned>(count - next), MSG_DONTWAIT);
    if (sent > 0) {
      next += static_cast<size_t>(sent);
      taken += static_cast<size_t>(sent);
    } else if (linux_is_busy(errno) && pauses < kBusyPauses) {
      ++pauses;
      usleep(kBusyPause_us);
    } else {
      counters.add(linux_is_busy(errno) ? PuntCounter::drop_linux_busy : PuntCounter::drop_refused);
      ++next;
    }
  }
  counters.add(PuntCounter::injected, taken);
  return taken;
}

Result<Punt> Punt::create() {
  auto helper = PuntHelper::create();
  if (!helper) return fail(helper.error().in("way back into Linux"));
  return Punt(std::make_unique<State>(std::move(*helper)));
}

Punt::Punt(std::unique_ptr<State> state) : state_(std::move(state)) {}
Punt::Punt(Punt&&) noexcept = default;
Punt& Punt::operator=(Punt&&) noexcept = default;
Punt::~Punt() = default;

Status Punt::add_interface(const std::string& device, uint32_t ifindex) {
  const std::string what =
      fmt::format("cannot give frames of interface '{}' back to Linux", device);
  for (const State::Origin& origin : state_->origins) {
    if (origin.ifindex == ifindex) return {};
  }
  char name[IF_NAMESIZE];
  if (if_indextoname(ifindex, name) == nullptr) return fail_system(what, errno);
  LIBBPF_OPTS(bpf_xdp_query_opts, found);
  if (const int error = bpf_xdp_query(static_cast<int>(ifindex), 0, &found); error != 0) {
    return fail_system(what, -error);
  }
  if (found.skb_prog_id != 0) {
    return fail(what, "its XDP program runs in generic mode and would take them again",
                "use a device whose driver has native XDP", EOPNOTSUPP);
  }
  const auto fd = open_socket(state_->helper->near_ifindex(), ifindex, what);
  if (!fd) return fail(fd.error());
  state_->origins.push_back({ifindex, *fd});
  return {};
}

void Punt::remove_interface(uint32_t ifindex) {
  std::erase_if(state_->origins, [&](const State::Origin& origin) {
    if (origin.ifindex != ifindex) return false;
    close(origin.fd);
    return true;
  });
}

size_t Punt::inject(std::span<const PuntFrame> frames) {
  size_t taken = 0;
  size_t matched = 0;
  uint32_t pauses = 0;
  for (const State::Origin& origin : state_->origins) {
    size_t count = 0;
    for (const PuntFrame& frame : frames) {
      if (frame.ifindex != origin.ifindex) continue;
      ++matched;
      const size_t length = length_of(frame);
      if (length < ETH_HLEN || length > kLongest_bytes) {
        state_->counters.add(PuntCounter::drop_bad_length);
        continue;
      }
      msghdr& header = state_->messages[count].msg_hdr;
      header = {};
      header.msg_iov = const_cast<iovec*>(frame.pieces.data());  // sendmmsg(2) does not write to it
      header.msg_iovlen = frame.pieces.size();
      if (++count == kBatch) {
        taken += state_->send(origin, count, pauses);
        count = 0;
      }
    }
    taken += state_->send(origin, count, pauses);
  }
  state_->counters.add(PuntCounter::drop_unknown_interface, frames.size() - matched);
  return taken;
}

const PuntCounters& Punt::counters() const {
  return state_->counters;
}
const std::string& Punt::helper_device() const {
  return state_->helper->near_end();
}

}  // namespace starocean::xsk
