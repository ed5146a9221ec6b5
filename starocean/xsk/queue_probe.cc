#include "starocean/xsk/queue_probe.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <initializer_list>

#include "starocean/xsk/uapi.h"

namespace starocean::xsk {
namespace {

// The smallest socket that can be bound: one frame of a page, rings of two descriptors.
bool set_up(int fd, void* page, uint64_t page_bytes) {
  xdp_umem_reg memory{};
  memory.addr = reinterpret_cast<uint64_t>(page);
  memory.len = page_bytes;
  memory.chunk_size = static_cast<uint32_t>(page_bytes);
  if (setsockopt(fd, SOL_XDP, XDP_UMEM_REG, &memory, sizeof memory) != 0) return false;
  const uint32_t size = 2;
  for (const int ring : {XDP_UMEM_FILL_RING, XDP_UMEM_COMPLETION_RING, XDP_RX_RING}) {
    if (setsockopt(fd, SOL_XDP, ring, &size, sizeof size) != 0) return false;
  }
  return true;
}

}  // namespace

bool queue_is_taken(uint32_t ifindex, uint32_t queue) {
  const int fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  const auto page_bytes = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  void* page =
      mmap(nullptr, page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  bool taken = false;
  if (page != MAP_FAILED && set_up(fd, page, page_bytes)) {
    sockaddr_xdp address{};
    address.sxdp_family = AF_XDP;
    address.sxdp_flags = XDP_COPY;
    address.sxdp_ifindex = ifindex;
    address.sxdp_queue_id = queue;
    taken = bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 && errno == EBUSY;
  }
  close(fd);
  if (page != MAP_FAILED) munmap(page, page_bytes);
  return taken;
}

}  // namespace starocean::xsk
