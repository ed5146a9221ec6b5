// The router: what a worker does with packets that come in by an interface that routes, IPv4 and IPv6.
//
//   a port that routes ──▶ process(Batch)        its VLANs told apart, their tag taken off
//   the switch ──────────▶ process(RoutedBatch)  frames to the MAC address of a VLAN interface
//        │
//        ├─ checks (route_check.h), for the whole batch
//        ├─ rules and tables (route_decision.h), for the whole batch: the look-ups' memory accesses overlap
//        └─ verdict, and what it asks for (route_reason.h):
//             forwarded    TCP's MSS lowered, one hop less, cut if need be, new MAC addresses
//                            └▶ out of a device, with its VLAN's tag │ by the switch into the VLAN of a bridge
//             held back    until the next hop's MAC address is known (neighbour_queue.h)
//             Linux's      as it came: punted, or delivered on the TAP device
//             dropped, refused by name; refused with an ICMP error, where one may be (icmp_error.h)
//
// ICMP errors bear the address of the interface by which the packet came, and are routed like packets of Linux's own
// (rules for any interface). If they would leave by a device that is not ours, Linux gets the packet, and answers it.
//
// Redirects are not sent: a packet that leaves by the interface it came from is forwarded, and that is all.
//
// One per worker, on its thread, but for frames_waiting().
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "starocean/dataplane/egress.h"
#include "starocean/dataplane/icmp_limiter.h"
#include "starocean/dataplane/l2_switch.h"
#include "starocean/dataplane/neighbour_queue.h"
#include "starocean/dataplane/packet.h"
#include "starocean/dataplane/route_decision.h"
#include "starocean/dataplane/snapshot.h"
#include "starocean/xsk/frame_pool.h"

namespace starocean::dataplane {

class Router {
 public:
  Router(Egress& egress, L2Switch& l2_switch, xsk::FramePool& pool, NeighbourRequestRing& requests)
      : egress_(egress),
        switch_(l2_switch),
        pool_(pool),
        umem_(pool.umem()),
        queue_(egress, requests) {}

  // Sends every packet of the batch somewhere. The port routes (Port::routes()).
  void process(Batch& batch, const Snapshot& snapshot, uint64_t now_ns);
  // The same for what the switch has for us. Empties it.
  void process(RoutedBatch& batch, const Snapshot& snapshot, uint64_t now_ns);

  // Packets wait for neighbours: serve() is to be called every few milliseconds.
  bool waiting() const { return !queue_.empty(); }
  // Any thread.
  uint32_t frames_waiting() const { return queue_.frames(); }
  void serve(const Snapshot& snapshot, uint64_t now_ns);
  // Drops those that wait.
  void stop();

 private:
  // A packet on its way through.
  struct Transit {
    Packet* packet = nullptr;
    const RoutedInterface* in = nullptr;  // null only for what a port passes on to Linux
    PortId account;
    bool was_tagged = false;  // a tag was taken off
    uint16_t control = 0;     // which
  };
  struct Turn {
    const Snapshot& snapshot;
    uint64_t now_ns;
  };
  enum class Answer { kSent, kNone, kLinux };

  void enter(uint32_t i, Packet& packet, const Port& in, const Turn& turn);
  void check(uint32_t i, const Turn& turn);
  void route(const Turn& turn);
  void act(Transit& transit, const RouteQuery& query, const Verdict& verdict, const Turn& turn);
  void dispose(Transit& transit, RouteReason reason, const Turn& turn);
  void to_linux(Transit& transit, const Turn& turn);

  // router_forward.cc
  void prepare(Transit& transit, const RouteQuery& query, const RoutedInterface& egress);
  void clamp(Transit& transit, const RoutedInterface& egress);
  void trim(Packet& packet, uint32_t len_bytes);
  void wait(Packet& packet, NeighbourQueue::Origin origin, const RouteQuery& query,
            const Verdict& verdict, const Turn& turn);
  void send(Packet& packet, PortId account, const RoutedInterface& egress, uint64_t mac,
            const Turn& turn);
  void cut(Packet& packet, PortId account, const RoutedInterface& egress, uint64_t mac,
           const Turn& turn);
  void leave(Packet& packet, PortId account, const RoutedInterface& egress, uint64_t mac,
             const Turn& turn);
  void flush_to_switch(const Turn& turn);

  // router_errors.cc
  void refuse(Transit& transit, RouteReason reason, uint32_t mtu_bytes, const Turn& turn);
  void refuse_waiting(Packet& packet, NeighbourQueue::Origin origin, const Turn& turn);
  Answer answer(Packet& packet, const RoutedInterface& in, PortId account, RouteReason reason,
                uint32_t mtu_bytes, const Turn& turn);
  bool make_error(Packet& packet, const net::ParsedPacket& parsed,
                  const net::IcmpErrorFields& fields, const net::Ipv6Address& source);

  Egress& egress_;
  L2Switch& switch_;
  xsk::FramePool& pool_;
  xsk::Umem& umem_;
  NeighbourQueue queue_;
  IcmpLimiter limiter_;
  uint16_t next_id_ = 1;  // of IPv4 headers made here

  RoutedBatch to_switch_;  // empty between two calls
  // Of the batch in hand; a bit for each packet whose route is to be looked up.
  std::array<Transit, kBatchPackets> transits_;
  RouteBatch routes_;
  uint64_t v4_ = 0, v6_ = 0;
};

}  // namespace starocean::dataplane
