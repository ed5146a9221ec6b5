#include "starocean/xsk/umem.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "starocean/base/regions.h"

namespace starocean::xsk {
namespace {

constexpr size_t kPage2M = size_t{2} << 20;
constexpr size_t kPage1G = size_t{1} << 30;
constexpr size_t kMaxTags = 4096;
// mmap(2): the page size goes into the upper bits of the flags as its logarithm.
constexpr int huge_flags(size_t page_size_bytes) {
  return MAP_HUGETLB | (std::countr_zero(page_size_bytes) << MAP_HUGE_SHIFT);
}

size_t round_up(size_t value, size_t to) {
  return (value + to - 1) / to * to;
}

}  // namespace

Umem::Umem(const UmemOptions& options)
    : options_(options),
      frame_shift_(static_cast<uint32_t>(std::countr_zero(options.frame_size_bytes))) {}

Result<std::unique_ptr<Umem>> Umem::create(const UmemOptions& options) {
  const std::string what = fmt::format("cannot create a UMEM of {} frames of {} bytes",
                                       options.frames, options.frame_size_bytes);
  if (options.frame_size_bytes != 2048 && options.frame_size_bytes != 4096) {
    return fail(what, "the kernel takes frames of 2048 or 4096 bytes", "use one of these");
  }
  if (options.frames < 64 || options.frames > (1u << 24)) {
    return fail(what, "the number is out of range", "use 64 to 16777216 frames");
  }
  if (options.headroom_bytes + 256 + 1514 > options.frame_size_bytes) {
    return fail(what,
                fmt::format("a headroom of {} bytes leaves no room for a full Ethernet frame",
                            options.headroom_bytes),
                "use less headroom or frames of 4096 bytes");
  }
  std::unique_ptr<Umem> umem(new Umem(options));
  umem->wanted_bytes_ = bytes_needed(options);
  if (Status mapped = umem->map(); !mapped) return fail(mapped.error().in(what));
  auto owners = umem->allocate<OwnerTag>(options.frames);
  if (!owners) return fail(owners.error().in(what));
  umem->owners_ = owners->data();
  umem->tags_used_.assign(kMaxTags, false);
  umem->tags_used_[kUserOwned] = true;
  return umem;
}

size_t Umem::bytes_needed(const UmemOptions& options) {
  return size_t{options.frames} * options.frame_size_bytes +
         rounded(options.frames * sizeof(OwnerTag)) + options.array_bytes;
}

Umem::~Umem() {
  if (base_ != nullptr) unregister_region(base_);
  if (guarded_ == nullptr) {
    if (base_ != nullptr) munmap(base_, mapped_bytes_);
    return;
  }
  const size_t page = page_size_bytes_;
  unregister_region(guarded_);
  unregister_region(static_cast<std::byte*>(guarded_) + guarded_bytes_ - page);
  // Once for all, the packets between the guard pages included: what is unmapped twice may by then be somebody else's.
  munmap(guarded_, guarded_bytes_);
}

bool Umem::try_map(size_t page_size_bytes, int flags) {
  const size_t length = round_up(wanted_bytes_, page_size_bytes);
  void* address = nullptr;
  if (flags == 0) {
    // Between inaccessible pages: a stray write faults, and the kernel does not merge the mapping with
    // a neighbour, so that `show memory` can tell them apart.
    guarded_ = mmap(nullptr, length + 2 * page_size_bytes, PROT_NONE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (guarded_ == MAP_FAILED) {
      guarded_ = nullptr;
      return false;
    }
    guarded_bytes_ = length + 2 * page_size_bytes;
    page_size_bytes_ = page_size_bytes;
    address = static_cast<std::byte*>(guarded_) + page_size_bytes;
    register_region(guarded_, page_size_bytes, "guard page before the UMEM", "umem");
    register_region(static_cast<std::byte*>(address) + length, page_size_bytes,
                    "guard page behind the UMEM", "umem");
    flags = MAP_FIXED;
  }
  void* memory = mmap(address, length, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE | flags, -1, 0);
  if (memory == MAP_FAILED) return false;  // the destructor returns what was reserved
  // Pages that are pinned are copied at fork, not shared: of huge ones there are none left, and fork() fails.
  madvise(memory, length, MADV_DONTFORK);
  page_size_bytes_ = page_size_bytes;
  base_ = static_cast<std::byte*>(memory);
  mapped_bytes_ = length;
  allocated_bytes_ = frame_area_bytes();
  register_region(base_, length, "UMEM: packet frames and hot descriptor arrays", "umem");
  return true;
}

Status Umem::map() {
  const HugePages wish = options_.hugepages;
  if ((wish == HugePages::kAuto || wish == HugePages::k1G) &&
      try_map(kPage1G, huge_flags(kPage1G))) {
    return {};
  }
  if (wish == HugePages::k1G) {
    return fail("cannot map 1 GiB huge pages", "not enough of them are free",
                fmt::format("reserve {} with `echo N > /sys/kernel/mm/hugepages/"
                            "hugepages-1048576kB/nr_hugepages`, or set hugepages: auto",
                            round_up(wanted_bytes_, kPage1G) / kPage1G));
  }
  if (wish != HugePages::kNone && try_map(kPage2M, huge_flags(kPage2M))) return {};
  const size_t pages_2m = round_up(wanted_bytes_, kPage2M) / kPage2M;
  const std::string reserve =
      fmt::format("reserve {} more with `sysctl vm.nr_hugepages=N`", pages_2m);
  if (wish == HugePages::k2M) {
    return fail("cannot map 2 MiB huge pages", "not enough of them are free",
                reserve + ", or set hugepages: auto");
  }
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  if (!try_map(page, 0)) {
    return fail_system(fmt::format("cannot map {} bytes of packet memory", wanted_bytes_), errno,
                       "use fewer frames");
  }
  if (wish == HugePages::kAuto) {
    note_ = fmt::format(
        "packet memory is in 4 KiB pages, because no {} huge pages of 2 MiB and none of 1 GiB were "
        "free: expect more TLB misses; {}",
        pages_2m, reserve);
  }
  return {};
}

const char* Umem::page_size_name() const {
  if (page_size_bytes_ == kPage1G) return "1G";
  return page_size_bytes_ == kPage2M ? "2M" : "none";
}

Result<std::byte*> Umem::allocate_bytes(size_t bytes) {
  const size_t needed = rounded(bytes);
  if (needed > mapped_bytes_ - allocated_bytes_) {
    return fail(fmt::format("cannot place an array of {} bytes beside the frames", bytes),
                fmt::format("{} bytes are left", mapped_bytes_ - allocated_bytes_),
                "create the UMEM with more array_bytes");
  }
  std::byte* result = base_ + allocated_bytes_;
  allocated_bytes_ += needed;
  return result;
}

Result<OwnerTag> Umem::take_tag() {
  const auto free = std::find(tags_used_.begin(), tags_used_.end(), false);
  if (free == tags_used_.end()) {
    return fail("cannot open another AF_XDP socket", fmt::format("{} are open", kMaxTags - 1),
                "use fewer queues");
  }
  *free = true;
  return static_cast<OwnerTag>(free - tags_used_.begin());
}

void Umem::return_tag(OwnerTag tag) {
  tags_used_[tag] = false;
}

Status Umem::register_on(int socket_fd, bool zero_copy) const {
  // Only the members of Linux 5.4's struct xdp_umem_reg and flags; later ones are for TX metadata.
  xdp_umem_reg registration{};
  registration.addr = reinterpret_cast<uint64_t>(base_);
  registration.len = frame_area_bytes();
  registration.chunk_size = frame_size();
  registration.headroom = options_.headroom_bytes;
  registration.flags = zero_copy ? 0 : XDP_UMEM_UNALIGNED_CHUNK_FLAG;
  if (setsockopt(socket_fd, SOL_XDP, XDP_UMEM_REG, &registration, sizeof registration) != 0) {
    const int error = errno;
    return fail_system("cannot register the packet memory with the kernel", error,
                       error == ENOBUFS || error == EPERM
                           ? "the limit of locked memory is too low: give the process "
                             "CAP_IPC_LOCK or raise `ulimit -l`"
                           : "use fewer frames");
  }
  return {};
}

int Umem::lender(uint16_t bind_flags) const {
  for (const Lender& lender : lenders_) {
    if (lender.bind_flags == bind_flags) return lender.socket_fd;
  }
  return -1;
}

void Umem::add_lender(uint16_t bind_flags, int socket_fd) {
  lenders_.push_back({socket_fd, bind_flags});
}

void Umem::remove_lender(int socket_fd) {
  std::erase_if(lenders_, [&](const Lender& l) { return l.socket_fd == socket_fd; });
}

}  // namespace starocean::xsk
