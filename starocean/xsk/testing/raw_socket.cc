#include "starocean/xsk/testing/raw_socket.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_xdp.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "starocean/base/check.h"

// Newer than Debian 12's kernel headers.
#ifndef XDP_USE_SG
#define XDP_USE_SG (1 << 4)
#endif
#ifndef XDP_PKT_CONTD
#define XDP_PKT_CONTD (1 << 0)
#endif

namespace starocean::xsk::testing {
namespace {

constexpr uint32_t kFrames = 256;
constexpr uint32_t kFrame_bytes = 4096;
constexpr size_t kLongestFrame_bytes = 70000;
constexpr int kReceiveBuffer_bytes = 64 << 20;

bool readable(int fd, int timeout_ms) {
  pollfd wanted{.fd = fd, .events = POLLIN, .revents = 0};
  return poll(&wanted, 1, timeout_ms) == 1;
}

void take_vlan(const msghdr& header, Captured& captured) {
  for (cmsghdr* note = CMSG_FIRSTHDR(&header); note != nullptr;
       note = CMSG_NXTHDR(const_cast<msghdr*>(&header), note)) {
    if (note->cmsg_level != SOL_PACKET || note->cmsg_type != PACKET_AUXDATA) continue;
    tpacket_auxdata data;
    std::memcpy(&data, CMSG_DATA(note), sizeof(data));
    if ((data.tp_status & TP_STATUS_VLAN_VALID) == 0) continue;
    captured.vlan = static_cast<uint16_t>(data.tp_vlan_tci & 0xfff);
    captured.vlan_protocol = data.tp_vlan_tpid;
  }
}

}  // namespace

PacketSocket::PacketSocket(uint32_t ifindex)
    : fd_(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL))) {
  SO_CHECK(fd_ >= 0, "no AF_PACKET socket");
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = static_cast<int>(ifindex);
  SO_CHECK(bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0,
           "AF_PACKET does not bind");
  const int one = 1;
  setsockopt(fd_, SOL_PACKET, PACKET_AUXDATA, &one, sizeof(one));
  setsockopt(fd_, SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBuffer_bytes, sizeof(kReceiveBuffer_bytes));
}

PacketSocket::~PacketSocket() {
  close(fd_);
}

void PacketSocket::send(const Bytes& frame) {
  ssize_t sent = ::send(fd_, frame.data(), frame.size(), 0);
  // The queue behind veth holds 1000 packets; a fast sender meets its end.
  for (int i = 0; sent < 0 && errno == ENOBUFS && i < 1000; ++i) {
    usleep(1000);
    sent = ::send(fd_, frame.data(), frame.size(), 0);
  }
  SO_CHECK(sent == static_cast<ssize_t>(frame.size()), "AF_PACKET does not send");
}

std::optional<Captured> PacketSocket::receive(int timeout_ms) {
  while (readable(fd_, timeout_ms)) {
    Bytes buffer(kLongestFrame_bytes, 0);
    std::array<char, 256> notes{};
    sockaddr_ll from{};
    iovec piece{buffer.data(), buffer.size()};
    msghdr header{};
    header.msg_name = &from;
    header.msg_namelen = sizeof(from);
    header.msg_iov = &piece;
    header.msg_iovlen = 1;
    header.msg_control = notes.data();
    header.msg_controllen = notes.size();
    const ssize_t length = recvmsg(fd_, &header, 0);
    if (length < 0) return std::nullopt;
    if (from.sll_pkttype == PACKET_OUTGOING) continue;
    buffer.resize(static_cast<size_t>(length));
    Captured captured{.frame = std::move(buffer),
                      .packet_type = from.sll_pkttype,
                      .vlan = {},
                      .vlan_protocol = {}};
    take_vlan(header, captured);
    return captured;
  }
  return std::nullopt;
}

UdpSocket::UdpSocket(int family, uint16_t port)
    : fd_(socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
  SO_CHECK(fd_ >= 0, "no UDP socket");
  // Behind XDP a packet may occupy a page or more, and the default holds only some fifty of these.
  setsockopt(fd_, SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBuffer_bytes, sizeof(kReceiveBuffer_bytes));
  sockaddr_in6 address{};  // starts as sockaddr_in does: family, port; and zero is any address
  address.sin6_family = static_cast<sa_family_t>(family);
  address.sin6_port = htons(port);
  const socklen_t length = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
  SO_CHECK(bind(fd_, reinterpret_cast<sockaddr*>(&address), length) == 0, "UDP does not bind");
}

UdpSocket::~UdpSocket() {
  close(fd_);
}

std::optional<Bytes> UdpSocket::receive(int timeout_ms) {
  if (!readable(fd_, timeout_ms)) return std::nullopt;
  Bytes buffer(kLongestFrame_bytes, 0);
  const ssize_t length = recv(fd_, buffer.data(), buffer.size(), 0);
  if (length < 0) return std::nullopt;
  buffer.resize(static_cast<size_t>(length));
  return buffer;
}

TinyXsk::TinyXsk(uint32_t ifindex, uint32_t queue, bool multi_buffer)
    : fd_(socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0)) {
  SO_CHECK(fd_ >= 0, "no AF_XDP socket");
  umem_ =
      static_cast<uint8_t*>(mmap(nullptr, size_t{kFrames} * kFrame_bytes, PROT_READ | PROT_WRITE,
                                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0));
  SO_CHECK(umem_ != MAP_FAILED, "no memory for the UMEM");
  xdp_umem_reg umem{};
  umem.addr = reinterpret_cast<uint64_t>(umem_);
  umem.len = uint64_t{kFrames} * kFrame_bytes;
  umem.chunk_size = kFrame_bytes;
  SO_CHECK(setsockopt(fd_, SOL_XDP, XDP_UMEM_REG, &umem, sizeof(umem)) == 0,
           "the UMEM is not registered");
  const uint32_t size = kFrames;
  for (const int ring : {XDP_UMEM_FILL_RING, XDP_UMEM_COMPLETION_RING, XDP_RX_RING}) {
    SO_CHECK(setsockopt(fd_, SOL_XDP, ring, &size, sizeof(size)) == 0, "a ring is not made");
  }
  xdp_mmap_offsets offsets{};
  socklen_t offsets_len = sizeof(offsets);
  SO_CHECK(getsockopt(fd_, SOL_XDP, XDP_MMAP_OFFSETS, &offsets, &offsets_len) == 0,
           "no ring offsets");
  const auto map = [&](size_t length, off_t page) {
    void* ring =
        mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd_, page);
    SO_CHECK(ring != MAP_FAILED, "a ring is not mapped");
    return static_cast<uint8_t*>(ring);
  };
  fill_len_ = offsets.fr.desc + kFrames * sizeof(uint64_t);
  rx_len_ = offsets.rx.desc + kFrames * sizeof(xdp_desc);
  fill_ring_ = map(fill_len_, static_cast<off_t>(XDP_UMEM_PGOFF_FILL_RING));
  rx_ring_ = map(rx_len_, XDP_PGOFF_RX_RING);
  fill_producer_ = reinterpret_cast<uint32_t*>(fill_ring_ + offsets.fr.producer);
  fill_ = reinterpret_cast<uint64_t*>(fill_ring_ + offsets.fr.desc);
  rx_producer_ = reinterpret_cast<uint32_t*>(rx_ring_ + offsets.rx.producer);
  rx_consumer_ = reinterpret_cast<uint32_t*>(rx_ring_ + offsets.rx.consumer);
  rx_ = reinterpret_cast<xdp_desc*>(rx_ring_ + offsets.rx.desc);
  for (uint32_t i = 0; i < kFrames; ++i) fill_[i] = uint64_t{i} * kFrame_bytes;
  __atomic_store_n(fill_producer_, kFrames, __ATOMIC_RELEASE);
  sockaddr_xdp address{};
  address.sxdp_family = AF_XDP;
  address.sxdp_flags = static_cast<uint16_t>(XDP_COPY | (multi_buffer ? XDP_USE_SG : 0));
  address.sxdp_ifindex = ifindex;
  address.sxdp_queue_id = queue;
  SO_CHECK(bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0,
           "AF_XDP does not bind");
}

TinyXsk::~TinyXsk() {
  munmap(fill_ring_, fill_len_);
  munmap(rx_ring_, rx_len_);
  close(fd_);
  munmap(umem_, size_t{kFrames} * kFrame_bytes);
}

bool TinyXsk::wait(int timeout_ms) {
  const auto filled = [&] {
    return __atomic_load_n(rx_producer_, __ATOMIC_ACQUIRE) != *rx_consumer_;
  };
  return filled() || (readable(fd_, timeout_ms) && filled());
}

std::optional<Bytes> TinyXsk::receive(int timeout_ms) {
  Bytes packet;
  fragments_ = 0;
  for (bool more = true; more; ++fragments_) {
    if (!wait(timeout_ms)) return std::nullopt;
    const xdp_desc descriptor = rx_[*rx_consumer_ % kFrames];
    if (fragments_ == 0) {
      std::memcpy(&in_front_, umem_ + descriptor.addr - sizeof(in_front_), sizeof(in_front_));
    }
    packet.append(umem_ + descriptor.addr, descriptor.len);
    more = (descriptor.options & XDP_PKT_CONTD) != 0;
    // Back to the kernel at once: the frame's start is what the fill ring wants.
    fill_[*fill_producer_ % kFrames] = descriptor.addr / kFrame_bytes * kFrame_bytes;
    __atomic_store_n(fill_producer_, *fill_producer_ + 1, __ATOMIC_RELEASE);
    __atomic_store_n(rx_consumer_, *rx_consumer_ + 1, __ATOMIC_RELEASE);
  }
  return packet;
}

}  // namespace starocean::xsk::testing
