#include "starocean/bench/xsk_transmitter.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "starocean/base/clock.h"
#include "starocean/xsk/device_info.h"
#include "starocean/xsk/netdev_family.h"

namespace starocean::bench {
namespace {

constexpr uint32_t kRing = 2048;
// The transmit ring, the fill ring of a zero-copy driver, and as many again under way in the device.
constexpr uint32_t kFrames = 4 * kRing;
constexpr uint32_t kShortChunk = 2048;
constexpr uint32_t kLongChunk = 4096;  // the largest that Linux allows: a page
constexpr uint64_t kDrainPatience_ns = kNsPerSecond;
constexpr std::chrono::microseconds kDrainPause{50};

using xsk::SocketCounter;

}  // namespace

Result<std::unique_ptr<XskTransmitter>> XskTransmitter::open(const Options& options) {
  std::unique_ptr<XskTransmitter> made(new XskTransmitter);
  made->options_ = options;
  made->chunk_bytes_ = options.longest_bytes <= kShortChunk ? kShortChunk : kLongChunk;
  made->scratch_.resize(options.longest_bytes);
  made->buffers_of_.resize(kRing);
  if (Status memory = made->make_memory(); !memory) return fail(memory.error());
  if (Status opened = made->open_socket(); !opened) {
    return fail(opened.error().in(fmt::format("cannot send on '{}'", options.device)));
  }
  return made;
}

Status XskTransmitter::make_memory() {
  auto umem = xsk::Umem::create(
      {.frames = kFrames, .frame_size_bytes = chunk_bytes_, .hugepages = xsk::HugePages::kNone});
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

Status XskTransmitter::open_socket() {
  const auto report = xsk::xdp_report(options_.ifindex);
  const bool known = report && *report;
  // Where Linux cannot tell (before 6.3), the bind will.
  const bool zero_copy =
      options_.zero_copy != xsk::ZeroCopy::kOff && (!known || (*report)->has(xsk::kXdpActZeroCopy));
  if (options_.zero_copy == xsk::ZeroCopy::kRequire && !zero_copy) {
    return fail("no zero-copy", "its driver has none", "do without: copy mode works everywhere",
                EOPNOTSUPP);
  }
  if (zero_copy) attach_program(known && (*report)->has(xsk::kXdpActReceiveFragments));
  const bool multi_buffer = options_.longest_bytes > chunk_bytes_;
  auto socket =
      xsk::XskSocket::open(*umem_,
                           {.device = options_.device,
                            .queue = options_.queue,
                            .rx_size = kRing,
                            .tx_size = kRing,
                            .fill_size = kRing,
                            .completion_size = kRing,
                            .zero_copy = zero_copy ? options_.zero_copy : xsk::ZeroCopy::kOff,
                            .multi_buffer = multi_buffer},
                           zero_copy ? pool_.get() : nullptr);
  if (!socket) {
    if (!multi_buffer || socket.error().code() != EINVAL) return fail(socket.error());
    return fail(socket.error().in(
        fmt::format("frames beyond {} bytes take XDP_USE_SG, of Linux 6.6", chunk_bytes_)));
  }
  socket_ = std::move(*socket);
  if (!socket_->zero_copy()) program_.reset();
  return {};
}

void XskTransmitter::attach_program(bool fragments) {
  const auto queues = xsk::queue_count(options_.device);
  auto program = xsk::XdpProgram::attach({.device = options_.device,
                                          .ifindex = options_.ifindex,
                                          .queues = queues ? *queues : 1,
                                          .mode = xsk::AttachMode::kNative,
                                          .multi_buffer = fragments});
  if (program) {
    program_.emplace(std::move(*program));
  } else {
    note_ = program.error().message();
  }
}

XskTransmitter::~XskTransmitter() {
  if (open_.frame) pool_->put(std::move(open_.frame));
  program_.reset();
  if (socket_) socket_->close(*pool_);
}

bool XskTransmitter::can_send(uint32_t bytes) {
  const uint32_t buffers = buffers_for(bytes);
  if (!socket_->can_transmit(buffers)) return false;
  if (pool_->reserve(buffers) == buffers) return true;
  socket_->reap(*pool_);
  return pool_->reserve(buffers) == buffers;
}

net::MutableBytes XskTransmitter::begin(uint32_t bytes) {
  if (bytes > chunk_bytes_) return net::MutableBytes(scratch_).first(bytes);
  open_ = {.frame = pool_->take(), .len_bytes = static_cast<uint16_t>(bytes)};
  return umem_->bytes(open_);
}

void XskTransmitter::commit(uint32_t bytes) {
  buffers_of_[committed_ % kRing] = static_cast<uint8_t>(buffers_for(bytes));
  ++committed_;
  if (bytes <= chunk_bytes_) {
    socket_->transmit(std::move(open_));
    return;
  }
  for (uint32_t done = 0; done < bytes; done += chunk_bytes_) {
    const uint32_t part = std::min(bytes - done, chunk_bytes_);
    xsk::Buffer buffer{.frame = pool_->take(), .len_bytes = static_cast<uint16_t>(part)};
    std::memcpy(umem_->data(buffer), scratch_.data() + done, part);
    socket_->transmit(std::move(buffer), done + part < bytes);
  }
}

bool XskTransmitter::flush() {
  if (socket_->zero_copy()) socket_->refill(*pool_);
  const bool all = socket_->flush(*pool_);
  socket_->reap(*pool_);
  if (all) taken_.store(committed_, std::memory_order_relaxed);
  return all;
}

void XskTransmitter::drain() {
  uint64_t still_since_ns = monotonic_ns();
  auto before = std::pair(UINT32_MAX, UINT32_MAX);
  for (;;) {
    flush();
    const auto now = std::pair(socket_->pending_transmissions(), socket_->frames_in_transmit());
    if (now.second == 0) break;
    const uint64_t now_ns = monotonic_ns();
    if (now != before) still_since_ns = now_ns;
    if (now_ns - still_since_ns > kDrainPatience_ns) break;
    before = now;
    std::this_thread::sleep_for(kDrainPause);
  }
  count_taken();
}

// What is still in the transmit ring belongs to the last frames; one that the kernel has only begun counts as
// not taken.
void XskTransmitter::count_taken() {
  uint64_t left = 0;
  for (uint32_t pending = socket_->pending_transmissions(); pending != 0; ++left) {
    pending -= std::min<uint32_t>(pending, buffers_of_[(committed_ - 1 - left) % kRing]);
  }
  taken_.store(committed_ - left, std::memory_order_relaxed);
}

bool XskTransmitter::broken() const {
  return socket_->counters().get(SocketCounter::tx_kick_errors) != 0;
}

uint64_t XskTransmitter::dropped() const {
  // In zero-copy mode EBUSY has other reasons, and drops nothing.
  return zero_copy() ? 0 : socket_->counters().get(SocketCounter::tx_kicks_busy);
}

}  // namespace starocean::bench
