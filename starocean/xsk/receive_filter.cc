#include "starocean/xsk/receive_filter.h"

#include <linux/if_packet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace starocean::xsk {

Result<ReceiveFilter> ReceiveFilter::open(uint32_t ifindex) {
  // Protocol 0: the socket itself receives nothing.
  const int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    const int error = errno;
    return fail_system("cannot open a packet socket", error,
                       error == EAFNOSUPPORT ? "the kernel lacks CONFIG_PACKET"
                                             : "run as root or with CAP_NET_RAW");
  }
  return ReceiveFilter(fd, ifindex);
}

ReceiveFilter::~ReceiveFilter() {
  if (fd_ >= 0) close(fd_);
}

ReceiveFilter::ReceiveFilter(ReceiveFilter&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), ifindex_(other.ifindex_) {}

ReceiveFilter& ReceiveFilter::operator=(ReceiveFilter&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(ifindex_, other.ifindex_);
  return *this;
}

Status ReceiveFilter::take_all() {
  return join(PACKET_MR_PROMISC, {});
}

Status ReceiveFilter::take(const Mac& mac) {
  const bool is_group = (mac[0] & 1) != 0;
  return join(is_group ? PACKET_MR_MULTICAST : PACKET_MR_UNICAST, mac);
}

Status ReceiveFilter::join(uint16_t type, const Mac& mac) {
  packet_mreq request{};
  request.mr_ifindex = static_cast<int>(ifindex_);
  request.mr_type = type;
  if (type != PACKET_MR_PROMISC) {
    request.mr_alen = static_cast<uint16_t>(mac.size());
    std::ranges::copy(mac, request.mr_address);
  }
  if (setsockopt(fd_, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &request, sizeof request) == 0) return {};
  const int error = errno;
  return fail_system(
      "cannot make the card receive what is for other addresses", error,
      error == ENODEV ? "the device is gone; see `ip link`" : "see dmesg for what the driver says");
}

}  // namespace starocean::xsk
