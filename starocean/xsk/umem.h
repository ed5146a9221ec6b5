// The packet memory: one mapping for all frames of all sockets, and behind them the hot descriptor
// arrays (pools, depot, owner tags, hand-off rings), so that both live in the same few huge pages.
//
//   base()                                                       base() + mapped_bytes()
//   ├── frame 0 ── frame 1 ── … ── frame n-1 ──┼── arrays from allocate<T>() ──── free ──┤
//   └────────── registered with the kernel ────┘
//
// Huge pages are tried as asked (auto: 1 GiB, then 2 MiB, then 4 KiB); what was granted is page_size(),
// and note() says in a sentence why it is not more. Pages registered with the kernel are pinned, so that
// frames are never swapped.
//
// A child process does not inherit the memory (MADV_DONTFORK).
//
// The kernel ties a registered UMEM to one set of bind flags: sockets that share it are all zero-copy or
// all copy, all multi-buffer or none (net/xdp/xsk.c, xsk_bind; xsk_buff_pool.c, xp_assign_dev_shared).
// Umem therefore keeps one registration per set of flags, all over the same memory; a frame received
// under one may be sent under another.
//
// Threads: creation, allocate(), slots and registrations belong to the control thread. data() and the
// owner tags are used by whoever owns the frame.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "starocean/base/check.h"
#include "starocean/base/cpu.h"
#include "starocean/base/result.h"
#include "starocean/xsk/frame.h"
#include "starocean/xsk/uapi.h"

namespace starocean::xsk {

enum class HugePages { kAuto, k1G, k2M, kNone };

struct UmemOptions {
  uint32_t frames = 32768;
  uint32_t frame_size_bytes = 2048;  // 2048 or 4096: the kernel's chunk is a power of two ≤ a page
  uint32_t headroom_bytes = 0;       // beyond the 256 bytes that the kernel keeps before a packet
  HugePages hugepages = HugePages::kAuto;
  size_t array_bytes = 4 << 20;  // room for allocate(), besides owner tags
};

// Who has a frame, as far as the books go: a socket (the kernel has it), or nobody in particular (a
// pool, or a worker). One 16-bit tag a frame; it tells which frames to take back when a socket closes
// while the kernel holds some.
using OwnerTag = uint16_t;
inline constexpr OwnerTag kUserOwned = 0;

class Umem {
 public:
  static Result<std::unique_ptr<Umem>> create(const UmemOptions& options);
  // What create() maps, before it is rounded up to whole pages: frames, owner tags and arrays.
  static size_t bytes_needed(const UmemOptions& options);
  ~Umem();
  Umem(const Umem&) = delete;
  Umem& operator=(const Umem&) = delete;

  uint32_t frames() const { return options_.frames; }
  uint32_t frame_size() const { return options_.frame_size_bytes; }
  uint32_t headroom() const { return options_.headroom_bytes; }
  // XDP_PACKET_HEADROOM, which the kernel leaves before every received packet, and our own on top.
  uint32_t packet_offset() const { return 256 + options_.headroom_bytes; }
  // The longest packet that fits one received frame.
  uint32_t packet_room() const { return frame_size() - packet_offset(); }
  std::byte* base() const { return base_; }
  size_t mapped_bytes() const { return mapped_bytes_; }
  size_t frame_area_bytes() const { return size_t{frames()} * frame_size(); }
  size_t page_size_bytes() const { return page_size_bytes_; }
  const char* page_size_name() const;  // "1G", "2M" or "none"
  const std::string& note() const { return note_; }

  std::byte* data(const Buffer& buffer) const {
    return frame_data(buffer.frame.index()) + buffer.offset_bytes;
  }
  std::span<std::byte> bytes(const Buffer& buffer) const {
    return {data(buffer), buffer.len_bytes};
  }
  std::byte* frame_data(FrameIndex frame) const {
    SO_DCHECK(frame < frames(), "frame index out of range");
    return base_ + (size_t{frame} << frame_shift_);
  }
  // Descriptor addresses of the kernel are byte offsets into the UMEM, for which address() has one form and the kernel
  // two: of a frame that it received under an unaligned registration (see register_on) the upper 16 bits are the
  // packet's offset (if_xdp.h, XSK_UNALIGNED_BUF_OFFSET_SHIFT). frame_of() and offset_of() take both.
  uint64_t address(FrameIndex frame, uint32_t offset_bytes) const {
    return (uint64_t{frame} << frame_shift_) + offset_bytes;
  }
  FrameIndex frame_of(uint64_t address) const {
    return static_cast<FrameIndex>((address & XSK_UNALIGNED_BUF_ADDR_MASK) >> frame_shift_);
  }
  uint16_t offset_of(uint64_t address) const {
    return static_cast<uint16_t>((address & (frame_size() - 1)) +
                                 (address >> XSK_UNALIGNED_BUF_OFFSET_SHIFT));
  }

  // Books: the frame goes from `from` to `to`. Debug builds abort when it was elsewhere. Only the frame's
  // owner writes; the control thread reads all tags when a socket closes, and cares only for those that
  // nobody writes any more. Relaxed, hence the same instructions as without atomic_ref.
  void transfer(FrameIndex frame, [[maybe_unused]] OwnerTag from, OwnerTag to) {
    SO_DCHECK(frame < frames(), "frame index out of range");
    SO_DCHECK(owner(frame) == from, "a frame was passed on by somebody who did not own it");
    std::atomic_ref(owners_[frame]).store(to, std::memory_order_relaxed);
  }
  OwnerTag owner(FrameIndex frame) const {
    return std::atomic_ref(owners_[frame]).load(std::memory_order_relaxed);
  }

  // Carves an array out of the mapping, cache-line aligned, zeroed, never freed before the Umem.
  template <class T>
  Result<std::span<T>> allocate(size_t count) {
    auto bytes = allocate_bytes(count * sizeof(T));
    if (!bytes) return tl::unexpected(bytes.error());
    return std::span<T>(reinterpret_cast<T*>(*bytes), count);
  }
  static constexpr size_t rounded(size_t bytes) {
    return (bytes + kNoSharing - 1) & ~(kNoSharing - 1);
  }

  // A tag for a new socket; given back when the socket has closed.
  Result<OwnerTag> take_tag();
  void return_tag(OwnerTag tag);

  // Registers the frames on a socket (XDP_UMEM_REG) that will be bound in zero-copy or in copy mode. For copy mode as
  // unaligned chunks, although ours are aligned: the kernel then describes whatever frame comes next with the
  // description that it used last (a stack, xsk_buff_pool.c: xp_alloc, xp_release), which is in its cache, and not
  // with one per frame, of which each has left the cache when its turn comes.
  Status register_on(int socket_fd, bool zero_copy) const;
  // Bound sockets, any of which lends its registration to the next one with the same bind flags.
  int lender(uint16_t bind_flags) const;
  void add_lender(uint16_t bind_flags, int socket_fd);
  void remove_lender(int socket_fd);

 private:
  struct Lender {
    int socket_fd;
    uint16_t bind_flags;
  };

  explicit Umem(const UmemOptions& options);
  Status map();
  bool try_map(size_t page_size_bytes, int flags);
  Result<std::byte*> allocate_bytes(size_t bytes);

  UmemOptions options_;
  uint32_t frame_shift_ = 0;
  std::byte* base_ = nullptr;
  void* guarded_ = nullptr;  // 4 KiB pages only: the mapping and a page on either side
  size_t guarded_bytes_ = 0;
  size_t wanted_bytes_ = 0;
  size_t mapped_bytes_ = 0;
  size_t allocated_bytes_ = 0;
  size_t page_size_bytes_ = 0;
  std::string note_;
  OwnerTag* owners_ = nullptr;
  std::vector<bool> tags_used_;
  std::vector<Lender> lenders_;
};

}  // namespace starocean::xsk
