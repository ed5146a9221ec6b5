// Which frames a network card lets through to Linux and its XDP program.
//
// A card passes on what is for its own address, broadcast, and the groups that Linux has joined, and
// drops the rest before any program sees it (veth passes everything). Whoever forwards for others, or
// answers for an address that Linux does not own, has to widen that. Memberships of a packet socket
// do it (packet(7), PACKET_ADD_MEMBERSHIP): the kernel counts them, so that ours and an
// administrator's `promisc on` do not disturb each other, and ends them with the process, however it
// ends, and with the device.
//
// Control thread; needs CAP_NET_RAW.
#pragma once

#include <array>
#include <cstdint>

#include "starocean/base/result.h"

namespace starocean::xsk {

class ReceiveFilter {
 public:
  using Mac = std::array<uint8_t, 6>;

  // Nothing is widened yet. Later changes hold until the object goes.
  static Result<ReceiveFilter> open(uint32_t ifindex);
  ~ReceiveFilter();
  ReceiveFilter(ReceiveFilter&& other) noexcept;
  ReceiveFilter& operator=(ReceiveFilter&& other) noexcept;
  ReceiveFilter(const ReceiveFilter&) = delete;
  ReceiveFilter& operator=(const ReceiveFilter&) = delete;

  // Every frame on the wire (promiscuous mode).
  Status take_all();
  // Frames to this address too, an individual or a group one.
  Status take(const Mac& mac);

 private:
  ReceiveFilter(int fd, uint32_t ifindex) : fd_(fd), ifindex_(ifindex) {}
  Status join(uint16_t type, const Mac& mac);

  int fd_ = -1;
  uint32_t ifindex_ = 0;
};

}  // namespace starocean::xsk
