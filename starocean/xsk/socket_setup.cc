// Set-up and tear-down of XskSocket; the packet path is in socket.cc.

#include <net/if.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <chrono>
#include <thread>

#include <fmt/format.h>

#include "starocean/base/regions.h"
#include "starocean/xsk/queue_probe.h"
#include "starocean/xsk/socket.h"

namespace starocean::xsk {
namespace {

using std::chrono::milliseconds;

// A closed socket leaves its queue from a work queue under the rtnl lock: milliseconds, seldom a second.
constexpr milliseconds kBusyPause{20};
// After close() a zero-copy driver may still write into frames until its queue has been rebuilt: as long
// as the queue is taken. Should somebody else take it at once, the wait has to end nevertheless.
constexpr milliseconds kReleasePatience{2000};
constexpr milliseconds kReleasePause{5};

template <class T>
bool set_option(int fd, int level, int name, const T& value) {
  return setsockopt(fd, level, name, &value, sizeof value) == 0;
}

void await_release(uint32_t ifindex, uint32_t queue) {
  const auto deadline = std::chrono::steady_clock::now() + kReleasePatience;
  while (queue_is_taken(ifindex, queue) && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(kReleasePause);
  }
}

}  // namespace

std::string XskSocket::place() const {
  return fmt::format("interface '{}' queue {}", options_.device, options_.queue);
}

Result<std::unique_ptr<XskSocket>> XskSocket::open(Umem& umem, const XskOptions& options,
                                                   FramePool* pool) {
  std::unique_ptr<XskSocket> socket(new XskSocket(umem, options));
  if (Status made = socket->create(pool); !made) {
    socket->abandon(pool);
    return fail(made.error().in("cannot open an AF_XDP socket on " + socket->place()));
  }
  return socket;
}

XskSocket::~XskSocket() {
  release_resources();
}

Status XskSocket::create(FramePool* pool) {
  for (const uint32_t size :
       {options_.rx_size, options_.tx_size, options_.fill_size, options_.completion_size}) {
    if (size < 64 || size > 32768 || !std::has_single_bit(size)) {
      return fail(fmt::format("ring size {}", size), "it is no power of two from 64 to 32768",
                  "use 2048");
    }
  }
  ifindex_ = if_nametoindex(options_.device.c_str());
  if (ifindex_ == 0) {
    return fail("no such interface", "Linux has no device of this name", "see `ip link`", ENODEV);
  }
  auto tag = umem_.take_tag();
  if (!tag) return fail(tag.error());
  tag_ = *tag;
  return bind_any_mode(pool);
}

// A socket whose bind was refused cannot be bound again with other flags once a UMEM is registered, so
// each attempt starts from a new one.
Status XskSocket::bind_any_mode(FramePool* pool) {
  if (options_.zero_copy != ZeroCopy::kOff) {
    Status bound = bind_mode(true, pool);
    if (bound || options_.zero_copy == ZeroCopy::kRequire) return bound;
    // Only "this cannot be done in zero-copy" leads to copy mode; other failures would come back.
    const int code = bound.error().code();
    if (code != EOPNOTSUPP && code != EINVAL && code != ENOTSUP) return bound;
  }
  return bind_mode(false, pool);
}

Status XskSocket::bind_mode(bool zero_copy, FramePool* pool) {
  Status bound = try_bind(zero_copy, pool);
  const milliseconds patience(options_.busy_patience_ms);
  for (milliseconds waited{0}; !bound && bound.error().code() == EBUSY && waited < patience;
       waited += kBusyPause) {
    abandon(pool);
    std::this_thread::sleep_for(kBusyPause);
    bound = try_bind(zero_copy, pool);
  }
  if (!bound) {
    abandon(pool);
    return bound;
  }
  counters_.add(SocketCounter::filled, fill_.published());
  xdp_options granted{};
  socklen_t length = sizeof granted;
  if (getsockopt(fd_, SOL_XDP, XDP_OPTIONS, &granted, &length) != 0) {
    return fail_system("cannot read back the granted mode", errno);
  }
  zero_copy_ = (granted.flags & XDP_OPTIONS_ZEROCOPY) != 0;
  return {};
}

Status XskSocket::try_bind(bool zero_copy, FramePool* pool) {
  fd_ = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
  if (fd_ < 0) {
    const int error = errno;
    return fail_system("cannot create the socket", error,
                       error == EAFNOSUPPORT ? "the kernel lacks CONFIG_XDP_SOCKETS"
                                             : "run as root or with CAP_NET_RAW");
  }
  const auto flags = static_cast<uint16_t>((zero_copy ? XDP_ZEROCOPY : XDP_COPY) |
                                           (options_.need_wakeup ? XDP_USE_NEED_WAKEUP : 0) |
                                           (options_.multi_buffer ? XDP_USE_SG : 0));
  const int lender = umem_.lender(flags);
  if (lender < 0) {
    if (Status registered = umem_.register_on(fd_, zero_copy); !registered) return registered;
  }
  if (Status sized = set_sizes(); !sized) return sized;
  if (Status mapped = map_rings(); !mapped) return mapped;
  set_tuning();
  if (pool != nullptr) top_up(*pool, fill_room());
  sockaddr_xdp address{};
  address.sxdp_family = AF_XDP;
  address.sxdp_ifindex = ifindex_;
  address.sxdp_queue_id = options_.queue;
  address.sxdp_flags = flags;
  if (lender >= 0) {
    // The flags are inherited from the lender; repeating them is refused (net/xdp/xsk.c, xsk_bind).
    address.sxdp_flags = XDP_SHARED_UMEM;
    address.sxdp_shared_umem_fd = static_cast<uint32_t>(lender);
  }
  if (bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) {
    shares_umem_ = lender >= 0;
    umem_.add_lender(flags, fd_);
    return {};
  }
  return bind_error(errno, zero_copy);
}

Status XskSocket::bind_error(int error, bool zero_copy) const {
  if (error == EBUSY) {
    return fail("cannot bind", "another AF_XDP socket has this queue",
                "stop the program that has it, or choose another queue", EBUSY);
  }
  std::string remedy = "see dmesg for what the driver says";
  if (error == EINVAL) {
    remedy =
        fmt::format("does the interface have this queue? see `ethtool -l {}`", options_.device);
  } else if (error == ENETDOWN) {
    remedy = fmt::format("set the interface up with `ip link set dev {} up`", options_.device);
  } else if (zero_copy) {
    remedy = "its driver may have none; set `zerocopy: auto`";
  }
  return fail_system(fmt::format("cannot bind in {} mode", zero_copy ? "zero-copy" : "copy"), error,
                     remedy);
}

// Undoes an attempt to bind, but for the tag.
void XskSocket::abandon(FramePool* pool) {
  const OwnerTag tag = std::exchange(tag_, kUserOwned);
  release_resources();
  tag_ = tag;
  if (pool != nullptr && tag != kUserOwned) take_back(*pool, tag);
}

Status XskSocket::set_sizes() {
  const struct {
    int option;
    uint32_t size;
  } rings[] = {{XDP_UMEM_FILL_RING, options_.fill_size},
               {XDP_UMEM_COMPLETION_RING, options_.completion_size},
               {XDP_RX_RING, options_.rx_size},
               {XDP_TX_RING, options_.tx_size}};
  for (const auto& ring : rings) {
    if (!set_option(fd_, SOL_XDP, ring.option, ring.size)) {
      return fail_system(fmt::format("cannot make a ring of {} descriptors", ring.size), errno,
                         "use smaller rings");
    }
  }
  return {};
}

template <class Desc, class Offsets>
Result<RingMemory<Desc>> XskSocket::map_ring(const Offsets& offsets, uint32_t size,
                                             uint64_t page_offset, const char* name) {
  const size_t length = offsets.desc + size * sizeof(Desc);
  void* memory = mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd_,
                      static_cast<off_t>(page_offset));
  if (memory == MAP_FAILED) return fail_system(fmt::format("cannot map the {} ring", name), errno);
  mappings_.push_back({memory, length});
  register_region(memory, length,
                  fmt::format("AF_XDP {}:{} {} ring", options_.device, options_.queue, name),
                  "ring");
  auto* start = static_cast<std::byte*>(memory);
  return RingMemory<Desc>{.producer = reinterpret_cast<uint32_t*>(start + offsets.producer),
                          .consumer = reinterpret_cast<uint32_t*>(start + offsets.consumer),
                          .flags = reinterpret_cast<uint32_t*>(start + offsets.flags),
                          .descriptors = reinterpret_cast<Desc*>(start + offsets.desc),
                          .size = size};
}

Status XskSocket::map_rings() {
  xdp_mmap_offsets offsets{};
  socklen_t length = sizeof offsets;
  if (getsockopt(fd_, SOL_XDP, XDP_MMAP_OFFSETS, &offsets, &length) != 0) {
    return fail_system("cannot read the ring offsets", errno);
  }
  if (length != sizeof offsets) {
    return fail("cannot read the ring offsets", "the kernel is older than Linux 5.4",
                "use a newer kernel");
  }
  auto fill = map_ring<uint64_t>(offsets.fr, options_.fill_size, XDP_UMEM_PGOFF_FILL_RING, "fill");
  if (!fill) return fail(fill.error());
  auto completion = map_ring<uint64_t>(offsets.cr, options_.completion_size,
                                       XDP_UMEM_PGOFF_COMPLETION_RING, "completion");
  if (!completion) return fail(completion.error());
  auto rx = map_ring<xdp_desc>(offsets.rx, options_.rx_size, XDP_PGOFF_RX_RING, "rx");
  if (!rx) return fail(rx.error());
  auto tx = map_ring<xdp_desc>(offsets.tx, options_.tx_size, XDP_PGOFF_TX_RING, "tx");
  if (!tx) return fail(tx.error());
  fill_ = ProducerRing<uint64_t>(*fill);
  completion_ = ConsumerRing<uint64_t>(*completion);
  rx_ = ConsumerRing<xdp_desc>(*rx);
  tx_ = ProducerRing<xdp_desc>(*tx);
  return {};
}

// Improvements that an older kernel or a lack of privileges may refuse; everything works without.
void XskSocket::set_tuning() {
  const auto send_buffer = static_cast<int>(options_.send_buffer_bytes);
  if (!set_option(fd_, SOL_SOCKET, SO_SNDBUFFORCE, send_buffer)) {
    set_option(fd_, SOL_SOCKET, SO_SNDBUF, send_buffer);
  }
  // The budget may not exceed the ring (xsk_setsockopt).
  const uint32_t budget = std::min(options_.tx_budget, options_.tx_size);
  set_option(fd_, SOL_XDP, XDP_MAX_TX_SKB_BUDGET, budget);
  if (!options_.busy_poll) return;
  set_option(fd_, SOL_SOCKET, SO_PREFER_BUSY_POLL, 1);
  set_option(fd_, SOL_SOCKET, SO_BUSY_POLL, static_cast<int>(options_.busy_poll_us));
  set_option(fd_, SOL_SOCKET, SO_BUSY_POLL_BUDGET, static_cast<int>(options_.busy_poll_budget));
}

KernelStatistics XskSocket::kernel_statistics() const {
  xdp_statistics raw{};
  socklen_t length = sizeof raw;
  if (fd_ < 0 || getsockopt(fd_, SOL_XDP, XDP_STATISTICS, &raw, &length) != 0) return {};
  return {.rx_dropped = raw.rx_dropped,
          .rx_invalid_descs = raw.rx_invalid_descs,
          .tx_invalid_descs = raw.tx_invalid_descs,
          .rx_ring_full = raw.rx_ring_full,
          .rx_fill_ring_empty_descs = raw.rx_fill_ring_empty_descs,
          .tx_ring_empty_descs = raw.tx_ring_empty_descs};
}

void XskSocket::release_resources() {
  for (const Mapping& mapping : mappings_) {
    unregister_region(mapping.address);
    munmap(mapping.address, mapping.length);
  }
  mappings_.clear();
  if (fd_ >= 0) {
    umem_.remove_lender(fd_);
    ::close(fd_);
    fd_ = -1;
  }
  if (tag_ != kUserOwned) umem_.return_tag(tag_);
  tag_ = kUserOwned;
}

void XskSocket::close(FramePool& pool) {
  if (fd_ < 0) return;
  const OwnerTag tag = std::exchange(tag_, kUserOwned);
  release_resources();
  if (zero_copy_) await_release(ifindex_, options_.queue);
  take_back(pool, tag);
  umem_.return_tag(tag);
}

void XskSocket::take_back(FramePool& pool, OwnerTag tag) {
  for (FrameIndex frame = 0; frame < umem_.frames(); ++frame) {
    if (umem_.owner(frame) != tag) continue;
    umem_.transfer(frame, tag, kUserOwned);
    pool.put(Frame::adopt(frame));
  }
}

}  // namespace starocean::xsk
