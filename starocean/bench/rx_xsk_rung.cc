// The AF_XDP rung: this project's library, used as its users do.
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <utility>

#include "starocean/bench/rx_rung.h"
#include "starocean/bench/rx_thread.h"
#include "starocean/xsk/frame_pool.h"
#include "starocean/xsk/socket.h"
#include "starocean/xsk/umem.h"
#include "starocean/xsk/xdp_program.h"

namespace starocean::bench {
namespace {

constexpr int kIdleMs = 50;
constexpr uint32_t kFrames = 4096;  // 8 MiB, like the other sockets' buffers

class XskRung : public RxRung {
 public:
  ~XskRung() override {
    thread_.reset();
    if (program_) program_->detach();
    if (socket_) socket_->close(*pool_);
  }

  Status open(const RxPlace& place, const RxTuning& tuning) {
    if (Status memory = make_memory(); !memory) return memory;
    auto program = xsk::XdpProgram::attach(
        {.device = place.device, .ifindex = place.ifindex, .mode = xsk::AttachMode::kNative});
    if (!program) return fail(program.error());
    program_.emplace(std::move(*program));
    auto socket = xsk::XskSocket::open(*umem_, {.device = place.device,
                                                .rx_size = tuning.xsk_ring,
                                                .fill_size = tuning.xsk_ring,
                                                .busy_poll = tuning.busy_poll});
    if (!socket) return fail(socket.error());
    socket_ = std::move(*socket);
    socket_->refill(*pool_);
    if (Status set = program_->set_socket(0, socket_->fd()); !set) return set;
    const bool busy = tuning.busy_poll;
    auto thread = RxThread::start(
        place.cpu, tuning.priority,
        [this, busy](const auto& ended, auto& handled) { receive(busy, ended, handled); });
    if (!thread) return fail(thread.error());
    thread_ = std::move(*thread);
    return {};
  }

  Result<RxCounts> counts() override {
    const auto kernel = socket_->kernel_statistics();
    const auto program = program_->counters();
    return RxCounts{
        .handled = thread_->handled(),
        .lost = {{"no free frame", kernel.rx_dropped}, {"receive ring full", kernel.rx_ring_full}},
        .beside = {{"redirected by the program", program.redirected}}};
  }
  uint64_t thread_ns() const override { return thread_->time_ns(); }
  std::string granted() const override { return socket_->zero_copy() ? "zero-copy" : "copy mode"; }
  // The kernel polls the NAPI that the socket names. Up to Linux 6.12 it learns that with the first packet; since
  // then at bind(), from drivers that have said which queue has which NAPI, and veth is none of them
  // (net/xdp/xsk.c, xsk_bind; "xsk: Bring back busy polling support", January 2025).
  std::string missing() const override {
    int napi = 0;
    socklen_t length = sizeof napi;
    if (!socket_->options().busy_poll || thread_->handled() == 0) return {};
    getsockopt(socket_->fd(), SOL_SOCKET, SO_INCOMING_NAPI_ID, &napi, &length);
    if (napi != 0) return {};
    return "the kernel does not busy-poll for an AF_XDP socket on this driver "
           "(SO_INCOMING_NAPI_ID is 0)";
  }

 private:
  Status make_memory() {
    auto umem = xsk::Umem::create({.frames = kFrames});
    if (!umem) return fail(umem.error());
    umem_ = std::move(*umem);
    auto depot = xsk::FrameDepot::create(*umem_);
    if (!depot) return fail(depot.error());
    depot_ = std::move(*depot);
    auto pool = xsk::FramePool::create(*depot_);
    if (!pool) return fail(pool.error());
    pool_ = std::move(*pool);
    return {};
  }

  void receive(bool busy, const std::atomic<bool>& ended, std::atomic<uint64_t>& handled) {
    std::array<xsk::RxBuffer, 64> received;
    BusyRest rest;
    while (!ended.load(std::memory_order_relaxed)) {
      const uint32_t count = socket_->receive(received);
      uint64_t ours = 0;
      for (uint32_t i = 0; i < count; ++i) {
        xsk::Buffer& buffer = received[i].buffer;
        ours += is_ladder_frame(umem_->bytes(buffer));
        pool_->put(std::move(buffer.frame));
      }
      add_handled(handled, ours);
      socket_->refill(*pool_);
      if (busy) rest.found(count != 0);
      if (count != 0) continue;
      if (busy) {
        socket_->kick_receive();
      } else {
        pollfd watched{socket_->fd(), POLLIN, 0};
        poll(&watched, 1, kIdleMs);
      }
    }
  }

  std::unique_ptr<xsk::Umem> umem_;
  std::unique_ptr<xsk::FrameDepot> depot_;
  std::unique_ptr<xsk::FramePool> pool_;
  std::optional<xsk::XdpProgram> program_;
  std::unique_ptr<xsk::XskSocket> socket_;
  std::unique_ptr<RxThread> thread_;
};

}  // namespace

Result<std::unique_ptr<RxRung>> open_af_xdp(const RxPlace& place, const RxTuning& tuning) {
  auto rung = std::make_unique<XskRung>();
  if (Status opened = rung->open(place, tuning); !opened) return fail(opened.error());
  return rung;
}

}  // namespace starocean::bench
