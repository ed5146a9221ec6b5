// Packets that wait, briefly, until Linux knows the MAC address of their next hop (RFC 1122, 2.3.2.2; RFC 4861,
// 7.2.2). A request goes to the control thread, which has Linux ask; meanwhile a neighbour's packets queue up, in
// order. When the address is known they are sent; when Linux has given up, or time is over, they are refused.
//
// Limits, so that whoever scans a subnet holds up little: kPacketsPerNeighbour packets for one neighbour, of which
// the oldest gives way to the next (as by Linux's unres_qlen, Documentation/networking/ip-sysctl.rst); kNeighbours
// neighbours and kFrames frames in all, beyond which a new packet is dropped. All under drop_neighbour_full.
//
// A neighbour that has failed before is asked for again, as Linux does at each new packet: a failure counts only
// when it has been seen to be asked for meanwhile.
//
// One per worker, on its thread, but for frames().
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "starocean/base/clock.h"
#include "starocean/base/ids.h"
#include "starocean/dataplane/egress.h"
#include "starocean/dataplane/packet_store.h"
#include "starocean/ring/mpsc.h"
#include "starocean/table/fib.h"

namespace starocean::dataplane {

// To the control thread: please have Linux ask for it.
struct NeighbourRequest {
  uint32_t ifindex = 0;
  net::Ipv6Address address;  // IPv4 mapped
};
using NeighbourRequestRing = ring::MpscRing<NeighbourRequest>;

class NeighbourQueue {
 public:
  static constexpr uint32_t kFrames = 512;
  static constexpr uint32_t kPacketsPerNeighbour = 16;
  static constexpr uint32_t kNeighbours = 128;
  // As long as Linux asks: three times, a second apart.
  static constexpr uint64_t kPatienceNs = 3 * kNsPerSecond;
  static constexpr uint64_t kAskAgainNs = kNsPerSecond;

  // Where a packet came from: who counts it, and by which interface (of our own: by which its cause came).
  struct Origin {
    PortId account;
    InterfaceId in;
  };

  NeighbourQueue(Egress& egress, NeighbourRequestRing& requests);

  bool empty() const { return neighbours_.empty(); }
  // Any thread: frames held, as of a moment ago.
  uint32_t frames() const { return store_.used(); }

  // The packet, to leave by `egress`, waits for that neighbour, or makes another give way. `state` is what is known
  // of the neighbour.
  void wait(Packet& packet, Origin origin, InterfaceId egress, uint32_t ifindex,
            const net::Ipv6Address& address, table::NeighbourState state, uint64_t now_ns);

  // Looks after all neighbours: calls ready(packet, origin, egress, adjacency index) for each packet whose neighbour
  // is known, dead(packet, origin) for each that waited in vain. Both take the packet; dead() may have others wait.
  template <class Ready, class Dead>
  void serve(const table::Fib& fib, uint64_t now_ns, Ready&& ready, Dead&& dead);

  // Calls f(packet, origin), which takes the packet, for all that would leave by what `gone(egress)` says has gone.
  template <class Gone, class F>
  void remove(Gone&& gone, F&& f);

 private:
  struct Neighbour {
    net::Ipv6Address address;
    uint32_t ifindex = 0;
    InterfaceId egress;
    bool is_asked = false;  // it has been seen in another state than failed
    uint64_t since_ns = 0;
    uint64_t asked_ns = 0;
    PacketList packets;
  };

  Neighbour* find_or_make(uint32_t ifindex, const net::Ipv6Address& address, uint64_t now_ns);
  void ask(Neighbour& neighbour, uint64_t now_ns);
  // The packet that came first; its further buffers are in `rest_` until the next call.
  Packet take_first(PacketList& packets, Origin& origin);
  void forget(size_t index) {
    neighbours_[index] = neighbours_.back();
    neighbours_.pop_back();
  }

  Egress& egress_;
  NeighbourRequestRing& requests_;
  PacketStore store_;
  std::vector<Neighbour> neighbours_;  // never more than is reserved
  std::array<xsk::Buffer, kMaxBuffers> rest_;
};

template <class Ready, class Dead>
void NeighbourQueue::serve(const table::Fib& fib, uint64_t now_ns, Ready&& ready, Dead&& dead) {
  using table::NeighbourState;
  // From the last on, since those that dead() adds come behind.
  for (size_t i = neighbours_.size(); i-- > 0;) {
    Neighbour& neighbour = neighbours_[i];
    const table::AdjacencyIndex index = fib.neighbour(neighbour.ifindex, neighbour.address);
    const NeighbourState state =
        index == 0 ? NeighbourState::kUnresolved : fib.adjacency(index).state();
    const bool is_known = state == NeighbourState::kReachable;
    const bool is_dead = (state == NeighbourState::kFailed && neighbour.is_asked) ||
                         now_ns - neighbour.since_ns >= kPatienceNs;
    if (!is_known && !is_dead) {
      if (state == NeighbourState::kUnresolved) neighbour.is_asked = true;
      ask(neighbour, now_ns);
      continue;
    }
    const InterfaceId egress = neighbour.egress;
    PacketList packets = neighbour.packets;
    forget(i);
    while (!packets.empty()) {
      Origin origin;
      Packet packet = take_first(packets, origin);
      if (is_known) {
        ready(packet, origin, egress, index);
      } else {
        dead(packet, origin);
      }
    }
  }
}

template <class Gone, class F>
void NeighbourQueue::remove(Gone&& gone, F&& f) {
  for (size_t i = neighbours_.size(); i-- > 0;) {
    if (!gone(neighbours_[i].egress)) continue;
    while (!neighbours_[i].packets.empty()) {
      Origin origin;
      Packet packet = take_first(neighbours_[i].packets, origin);
      f(packet, origin);
    }
    forget(i);
  }
}

}  // namespace starocean::dataplane
