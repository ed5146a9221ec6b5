// For tests: packets in and out of a device past all protocols, and the smallest AF_XDP socket
// there can be, made by bare system calls, so that the XDP program is tested apart from our own
// socket class.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "starocean/xsk/testing/frames.h"

struct xdp_desc;

namespace starocean::xsk::testing {

// What an AF_PACKET socket is told of a frame.
struct Captured {
  Bytes frame;          // as the socket gets it: without an outermost tag that is in the metadata
  uint8_t packet_type;  // PACKET_HOST, PACKET_BROADCAST …
  std::optional<uint16_t> vlan;           // VLAN of a tag in the metadata
  std::optional<uint16_t> vlan_protocol;  // 0x8100 or 0x88a8
};

// All frames of one device, both ways; receives those that came in.
class PacketSocket {
 public:
  explicit PacketSocket(uint32_t ifindex);
  ~PacketSocket();
  PacketSocket(const PacketSocket&) = delete;
  PacketSocket& operator=(const PacketSocket&) = delete;

  void send(const Bytes& frame);
  // The next frame that came in; nothing if none does within `timeout_ms`.
  std::optional<Captured> receive(int timeout_ms = 2000);

 private:
  int fd_;
};

// A UDP socket bound to a port of every address.
class UdpSocket {
 public:
  UdpSocket(int family, uint16_t port);
  ~UdpSocket();
  UdpSocket(const UdpSocket&) = delete;
  UdpSocket& operator=(const UdpSocket&) = delete;

  std::optional<Bytes> receive(int timeout_ms = 2000);

 private:
  int fd_;
};

// Receives on one queue, in copy mode, into 256 frames of 4096 bytes.
class TinyXsk {
 public:
  explicit TinyXsk(uint32_t ifindex, uint32_t queue = 0, bool multi_buffer = false);
  ~TinyXsk();
  TinyXsk(const TinyXsk&) = delete;
  TinyXsk& operator=(const TinyXsk&) = delete;

  int fd() const { return fd_; }
  // The next packet, put together from its fragments.
  std::optional<Bytes> receive(int timeout_ms = 2000);
  uint32_t fragments() const { return fragments_; }  // of the last packet
  // The eight bytes in front of the last packet, where the steering program puts its time of arrival.
  uint64_t in_front() const { return in_front_; }

 private:
  bool wait(int timeout_ms);

  int fd_ = -1;
  uint8_t* umem_ = nullptr;
  uint8_t* fill_ring_ = nullptr;
  uint8_t* rx_ring_ = nullptr;
  size_t fill_len_ = 0;
  size_t rx_len_ = 0;
  uint32_t *fill_producer_ = nullptr, *rx_producer_ = nullptr, *rx_consumer_ = nullptr;
  uint64_t* fill_ = nullptr;
  xdp_desc* rx_ = nullptr;
  uint32_t fragments_ = 0;
  uint64_t in_front_ = 0;
};

}  // namespace starocean::xsk::testing
