// Packets that wait, briefly, until Linux knows the MAC address of their next hop (RFC 1122, 2.3.2.2; RFC 4861, 7.2.2).
// They begin with the IP header. One per worker, on its thread; bounded in all directions: what does not fit is
// given back, the oldest of the same neighbour first.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "starocean/base/clock.h"
#include "starocean/base/ids.h"
#include "starocean/dataplane/packet_store.h"
#include "starocean/net/ip_address.h"

namespace starocean::dataplane {

// To the control thread: please have Linux ask for it.
struct NeighbourRequest {
  uint32_t ifindex = 0;
  net::Ipv6Address address;
};

class NeighbourQueue {
 public:
  static constexpr uint32_t kPackets = 512;
  static constexpr uint32_t kPacketsPerNeighbour = 16;
  static constexpr uint32_t kNeighbours = 64;
  static constexpr uint64_t kPatienceNs =
      3 * kNsPerSecond;  // as long as Linux asks: three times, a second apart
  static constexpr uint64_t kAskAgainNs = kNsPerSecond;

  struct Neighbour {
    uint32_t ifindex = 0;
    net::Ipv6Address address;
    uint64_t since_ns = 0;
    uint64_t asked_ns = 0;
    PacketList packets;
  };
  // What is remembered of a packet: where it came from.
  struct Origin {
    PortId account;
    InterfaceId in;
  };

  NeighbourQueue() : store_(kPackets) { neighbours_.reserve(kNeighbours); }

  bool empty() const { return neighbours_.empty(); }
  uint32_t frames() const { return store_.used(); }

  // The packet waits for that neighbour, or is given to `drop(packet, origin)`, or one that has waited longest
  // instead. `ask()` is called when the neighbour should be asked for.
  template <class Ask, class Drop>
  void wait(Packet& packet, Origin origin, uint32_t ifindex, const net::Ipv6Address& address,
            uint64_t now_ns, Ask&& ask, Drop&& drop) {
    Neighbour* neighbour = find(ifindex, address, now_ns);
    if (neighbour == nullptr) return drop(packet, origin);
    if (now_ns - neighbour->asked_ns >= kAskAgainNs || neighbour->packets.empty()) {
      neighbour->asked_ns = now_ns;
      ask();
    }
    while (neighbour->packets.packets >= kPacketsPerNeighbour) {
      Origin oldest_origin;
      Packet oldest = take(*neighbour, oldest_origin);
      drop(oldest, oldest_origin);
    }
    const SlotIndex slot = store_.put(packet, now_ns);
    if (slot == kNoSlot) return drop(packet, origin);
    store_[slot].flow = uint32_t{origin.account.value()} << 16 | origin.in.value();
    neighbour->packets.push(store_, slot);
  }

  std::span<Neighbour> neighbours() { return neighbours_; }
  // The packet of that neighbour that came first; there is one. Its further buffers are here until the next call.
  Packet take(Neighbour& neighbour, Origin& origin) {
    const SlotIndex slot = neighbour.packets.pop(store_);
    origin = {PortId(static_cast<uint16_t>(store_[slot].flow >> 16)),
              InterfaceId(static_cast<uint16_t>(store_[slot].flow))};
    return store_.take(slot, rest_);
  }
  // Forgets neighbours without packets.
  void sweep() {
    std::erase_if(neighbours_, [](const Neighbour& one) { return one.packets.empty(); });
  }

 private:
  Neighbour* find(uint32_t ifindex, const net::Ipv6Address& address, uint64_t now_ns) {
    for (Neighbour& one : neighbours_) {
      if (one.ifindex == ifindex && one.address == address) return &one;
    }
    if (neighbours_.size() == kNeighbours) return nullptr;
    neighbours_.push_back({ifindex, address, now_ns, 0, {}});
    return &neighbours_.back();
  }

  PacketStore store_;
  std::vector<Neighbour> neighbours_;
  std::array<xsk::Buffer, kMaxBuffers> rest_;
};

}  // namespace starocean::dataplane
