// The UDP socket: the whole receive path, and a copy into the program.
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "bpf/rx_path.h"
#include "starocean/bench/rx_rung.h"
#include "starocean/bench/rx_snmp.h"
#include "starocean/bench/rx_thread.h"
#include "starocean/xsk/uapi.h"

namespace starocean::bench {
namespace {

constexpr int kIdleUs = 50'000;
constexpr int kBusyPollUs = 20;
constexpr int kBatch = 64;
constexpr size_t kRoomBytes = 2048;

class UdpRung : public RxRung {
 public:
  explicit UdpRung(SnmpFile snmp) : snmp_(std::move(snmp)) {}
  ~UdpRung() override {
    thread_.reset();
    if (fd_ >= 0) close(fd_);
  }

  Status open(const RxPlace& place, const RxTuning& tuning) {
    constexpr auto kWhat = "cannot open a UDP socket";
    fd_ = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd_ < 0) return fail_system(kWhat, errno);
    const int bytes = static_cast<int>(tuning.socket_buffer_bytes);
    timeval idle{.tv_sec = 0, .tv_usec = kIdleUs};
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(RX_PATH_PORT);
    to.sin_addr.s_addr = inet_addr(place.address.c_str());
    if ((bytes != 0 && setsockopt(fd_, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) != 0) ||
        setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &idle, sizeof idle) != 0 ||
        bind(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) {
      return fail_system(kWhat, errno);
    }
    if (Status polling = set_busy_poll(tuning); !polling) return polling;
    const int flags = tuning.busy_poll ? MSG_DONTWAIT : MSG_WAITFORONE;
    auto thread = RxThread::start(
        place.cpu, tuning.priority,
        [this, flags](const auto& ended, auto& handled) { receive(flags, ended, handled); });
    if (!thread) return fail(thread.error());
    thread_ = std::move(*thread);
    return {};
  }

  Result<RxCounts> counts() override {
    RxCounts counts{.handled = thread_->handled()};
    const auto text = snmp_.read();
    if (!text) return fail(text.error());
    const auto full = find_snmp_count(*text, "Udp", "RcvbufErrors");
    const auto errors = find_snmp_count(*text, "Udp", "InErrors");
    for (const auto* count : {&full, &errors}) {
      if (!*count) return fail(count->error());
    }
    // InErrors includes RcvbufErrors (net/ipv4/udp.c, __udp_queue_rcv_skb).
    counts.lost = {{"socket buffer full", *full},
                   {"bad UDP packets, no memory", *errors - std::min(*errors, *full)}};
    return counts;
  }
  uint64_t thread_ns() const override { return thread_->time_ns(); }

 private:
  Status set_busy_poll(const RxTuning& tuning) const {
    if (!tuning.busy_poll) return {};
    const int on = 1;
    if (setsockopt(fd_, SOL_SOCKET, SO_PREFER_BUSY_POLL, &on, sizeof on) == 0 &&
        setsockopt(fd_, SOL_SOCKET, SO_BUSY_POLL, &kBusyPollUs, sizeof kBusyPollUs) == 0 &&
        setsockopt(fd_, SOL_SOCKET, SO_BUSY_POLL_BUDGET, &kBatch, sizeof kBatch) == 0) {
      return {};
    }
    return fail_system("cannot busy-poll on a UDP socket", errno, "this takes Linux 5.11 or newer");
  }

  void receive(int flags, const std::atomic<bool>& ended, std::atomic<uint64_t>& handled) const {
    static_assert(kBatch * kRoomBytes <= 256u << 10, "lies on the stack");
    std::array<std::array<std::byte, kRoomBytes>, kBatch> rooms;
    std::array<iovec, kBatch> vectors;
    std::array<mmsghdr, kBatch> messages{};
    for (size_t i = 0; i < kBatch; ++i) {
      vectors[i] = {rooms[i].data(), rooms[i].size()};
      messages[i].msg_hdr.msg_iov = &vectors[i];
      messages[i].msg_hdr.msg_iovlen = 1;
    }
    BusyRest rest;
    while (!ended.load(std::memory_order_relaxed)) {
      const int count = recvmmsg(fd_, messages.data(), kBatch, flags, nullptr);
      if (count > 0) add_handled(handled, static_cast<uint64_t>(count));
      if ((flags & MSG_DONTWAIT) != 0) rest.found(count > 0);
    }
  }

  SnmpFile snmp_;
  int fd_ = -1;
  std::unique_ptr<RxThread> thread_;
};

}  // namespace

Result<std::unique_ptr<RxRung>> open_udp_socket(const RxPlace& place, const RxTuning& tuning) {
  auto snmp = SnmpFile::open();
  if (!snmp) return fail(snmp.error());
  auto rung = std::make_unique<UdpRung>(std::move(*snmp));
  if (Status opened = rung->open(place, tuning); !opened) return fail(opened.error());
  return rung;
}

}  // namespace starocean::bench
