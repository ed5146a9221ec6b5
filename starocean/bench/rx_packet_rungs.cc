// AF_PACKET rungs (packet(7); Documentation/networking/packet_mmap.rst). The socket sees every packet of the
// device on its way up; Linux's own copy, which nobody wants here, is dropped in tc ingress right behind
// the socket, as a program does that takes an interface over.
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "starocean/bench/rx_programs.h"
#include "starocean/bench/rx_rung.h"
#include "starocean/bench/rx_thread.h"

namespace starocean::bench {
namespace {

constexpr int kIdleMs = 50;  // how long a thread waits before it looks whether it shall end
constexpr uint32_t kBlockBytes = 256u << 10;
constexpr uint32_t kRingFrameBytes = 2048;  // only has to divide the block: V3 packs packets
constexpr uint32_t kRetireMs = 1;           // a block that is not full is handed over after this

class PacketRung : public RxRung {
 public:
  explicit PacketRung(RxPrograms programs) : programs_(std::move(programs)) {}
  ~PacketRung() override {
    thread_.reset();
    if (ring_ != nullptr) munmap(ring_, ring_bytes_);
    if (fd_ >= 0) close(fd_);
  }

  Status open(const RxPlace& place, const RxTuning& tuning, bool ring) {
    constexpr auto kWhat = "cannot open a packet socket";
    ring_wanted_ = ring;
    fd_ = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (fd_ < 0) return fail_system(kWhat, errno);
    const int on = 1;
    // A hint: nothing is sent from here.
    setsockopt(fd_, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on);
    Status room = ring ? map_ring(tuning) : set_buffer(tuning);
    if (!room) return room;
    sockaddr_ll to{};
    to.sll_family = AF_PACKET;
    to.sll_protocol = htons(ETH_P_ALL);
    to.sll_ifindex = static_cast<int>(place.ifindex);
    if (bind(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) {
      return fail_system(kWhat, errno);
    }
    auto thread =
        RxThread::start(place.cpu, tuning.priority, [this](const auto& ended, auto& handled) {
          if (ring_wanted_) {
            walk_ring(ended, handled);
          } else {
            receive_one_by_one(ended, handled);
          }
        });
    if (!thread) return fail(thread.error());
    thread_ = std::move(*thread);
    return {};
  }

  Result<RxCounts> counts() override {
    // Reading resets, so sum up. tp_packets counts drops too.
    tpacket_stats_v3 news{};
    socklen_t length = ring_wanted_ ? sizeof(tpacket_stats_v3) : sizeof(tpacket_stats);
    if (getsockopt(fd_, SOL_PACKET, PACKET_STATISTICS, &news, &length) != 0) {
      return fail_system("cannot read the counts of a packet socket", errno);
    }
    dropped_ += news.tp_drops;
    return RxCounts{.handled = thread_->handled(),
                    .lost = {{ring_wanted_ ? "ring full" : "socket buffer full", dropped_}},
                    .beside = {{"Linux's copy dropped in tc", programs_.dropped()}}};
  }
  uint64_t thread_ns() const override { return thread_->time_ns(); }

 private:
  Status set_buffer(const RxTuning& tuning) {
    const int bytes = static_cast<int>(tuning.socket_buffer_bytes);
    timeval idle{.tv_sec = 0, .tv_usec = kIdleMs * 1000};
    if ((bytes == 0 || setsockopt(fd_, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) == 0) &&
        setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &idle, sizeof idle) == 0) {
      return {};
    }
    return fail_system("cannot size the buffer of a packet socket", errno);
  }

  Status map_ring(const RxTuning& tuning) {
    const int version = TPACKET_V3;
    tpacket_req3 ring{};
    ring.tp_block_size = kBlockBytes;
    ring.tp_block_nr = tuning.socket_buffer_bytes / kBlockBytes;
    ring.tp_frame_size = kRingFrameBytes;
    ring.tp_frame_nr = ring.tp_block_nr * (kBlockBytes / kRingFrameBytes);
    ring.tp_retire_blk_tov = kRetireMs;
    ring_bytes_ = size_t{kBlockBytes} * ring.tp_block_nr;
    blocks_ = ring.tp_block_nr;
    if (setsockopt(fd_, SOL_PACKET, PACKET_VERSION, &version, sizeof version) != 0 ||
        setsockopt(fd_, SOL_PACKET, PACKET_RX_RING, &ring, sizeof ring) != 0) {
      return fail_system("cannot make a TPACKET_V3 ring", errno, "the kernel needs CONFIG_PACKET");
    }
    void* const at = mmap(nullptr, ring_bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, 0);
    if (at == MAP_FAILED) return fail_system("cannot map a TPACKET_V3 ring", errno);
    ring_ = static_cast<std::byte*>(at);
    return {};
  }

  void receive_one_by_one(const std::atomic<bool>& ended, std::atomic<uint64_t>& handled) const {
    std::array<std::byte, 2048> frame;
    while (!ended.load(std::memory_order_relaxed)) {
      const ssize_t length = recvfrom(fd_, frame.data(), frame.size(), 0, nullptr, nullptr);
      if (length > 0 && is_ladder_frame({frame.data(), static_cast<size_t>(length)})) {
        add_handled(handled, 1);
      }
    }
  }

  void walk_ring(const std::atomic<bool>& ended, std::atomic<uint64_t>& handled) const {
    for (uint32_t at = 0; !ended.load(std::memory_order_relaxed);) {
      auto* const block = reinterpret_cast<tpacket_block_desc*>(ring_ + size_t{at} * kBlockBytes);
      std::atomic_ref status(block->hdr.bh1.block_status);
      if ((status.load(std::memory_order_acquire) & TP_STATUS_USER) == 0) {
        pollfd watched{fd_, POLLIN | POLLERR, 0};
        poll(&watched, 1, kIdleMs);
        continue;
      }
      add_handled(handled, walk_block(*block));
      status.store(TP_STATUS_KERNEL, std::memory_order_release);
      at = at + 1 == blocks_ ? 0 : at + 1;
    }
  }

  static uint64_t walk_block(const tpacket_block_desc& block) {
    uint64_t ours = 0;
    const auto* at = reinterpret_cast<const std::byte*>(&block) + block.hdr.bh1.offset_to_first_pkt;
    for (uint32_t left = block.hdr.bh1.num_pkts; left > 0; --left) {
      const auto* const packet = reinterpret_cast<const tpacket3_hdr*>(at);
      ours += is_ladder_frame({at + packet->tp_mac, packet->tp_snaplen});
      at += packet->tp_next_offset;
    }
    return ours;
  }

  RxPrograms programs_;
  int fd_ = -1;
  bool ring_wanted_ = false;
  std::byte* ring_ = nullptr;
  size_t ring_bytes_ = 0;
  uint32_t blocks_ = 0;
  uint64_t dropped_ = 0;
  std::unique_ptr<RxThread> thread_;
};

Result<std::unique_ptr<RxRung>> open_packet(const RxPlace& place, const RxTuning& tuning,
                                            bool ring) {
  auto programs = RxPrograms::load();
  if (!programs) return fail(programs.error());
  if (Status attached = programs->attach_tc(place.ifindex); !attached) {
    return fail(attached.error());
  }
  auto rung = std::make_unique<PacketRung>(std::move(*programs));
  if (Status opened = rung->open(place, tuning, ring); !opened) return fail(opened.error());
  return rung;
}

}  // namespace

Result<std::unique_ptr<RxRung>> open_packet_recvfrom(const RxPlace& place, const RxTuning& tuning) {
  return open_packet(place, tuning, false);
}

Result<std::unique_ptr<RxRung>> open_packet_mmap(const RxPlace& place, const RxTuning& tuning) {
  return open_packet(place, tuning, true);
}

}  // namespace starocean::bench
