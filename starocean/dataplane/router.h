// The router: IPv4 and IPv6 packets of interfaces that route, by what Linux's tables say (table/fib.h).
//
// What comes in: batches of ports that route, as a whole or by VLAN; and packets to the addresses of VLAN interfaces,
// from the switch. Each is checked, looked up (a batch at a time, so that the memory accesses overlap), judged
// (route_judge.h), and then
//   forwarded    one hop less, new MAC addresses; cut into fragments where need be; out of a port, or by the switch
//                into a VLAN of a bridge; or it waits for its neighbour's address
//   to Linux     its own addresses, options, extension headers, multicast, ARP, and what leaves by other devices
//   dropped      by name; its sender may get an ICMP error, which is routed like any packet
// Redirects are not made: a packet that leaves by the interface on which it came is just forwarded.
//
// One per worker, on its thread.
#pragma once

#include <array>
#include <cstdint>

#include "starocean/dataplane/egress.h"
#include "starocean/dataplane/icmp_limiter.h"
#include "starocean/dataplane/l2_switch.h"
#include "starocean/dataplane/neighbour_queue.h"
#include "starocean/dataplane/packet.h"
#include "starocean/dataplane/route_judge.h"
#include "starocean/dataplane/snapshot.h"
#include "starocean/ring/mpsc.h"
#include "starocean/xsk/frame_pool.h"

namespace starocean::dataplane {

using NeighbourRequestRing = ring::MpscRing<NeighbourRequest>;

class Router {
 public:
  Router(Egress& egress, L2Switch& l2_switch, xsk::FramePool& pool, NeighbourRequestRing& requests)
      : egress_(egress), switch_(l2_switch), pool_(pool), umem_(pool.umem()), requests_(requests) {}

  // Sends every packet of the batch, from a port that routes, somewhere.
  void process(Batch& batch, const Snapshot& snapshot, uint64_t now_ns);
  // The same with packets to the addresses of VLAN interfaces; empties the batch.
  void process(RoutedBatch& batch, const Snapshot& snapshot, uint64_t now_ns);

  // Packets wait for neighbours: serve() is to be called every few milliseconds.
  bool waiting() const { return !waiting_.empty(); }
  // Any thread.
  uint32_t frames_waiting() const { return waiting_.frames(); }
  void serve(const Snapshot& snapshot, uint64_t now_ns);
  // Drops those that wait.
  void stop();

 private:
  // A packet on its way through; begins with the Ethernet header until `l3` is 0.
  struct Job {
    Packet packet;
    PortId account;
    RouteSubject subject;
    Verdict verdict;
    net::ParsedPacket parsed;
  };
  struct Turn {
    const Snapshot& snapshot;
    uint64_t now_ns;
  };

  Job& add(Packet& packet, PortId account);
  bool is_for_router(Job& job, const RoutedInterface& in, uint16_t vlan_tags, const Turn& turn);
  void look_up_all(const Turn& turn);
  void look_up(const Turn& turn, const Vrf& vrf, net::IpFamily family);
  void act_on_all(const Turn& turn);
  void act(Job& job, const Turn& turn);
  void forward(Job& job, const Turn& turn);
  void forward_fragments(Job& job, const RoutedInterface& out, const Turn& turn);
  void fill_fragment(Packet& piece, const net::Ipv4Header& header, const Packet& whole,
                     uint32_t begin, uint32_t len_bytes);
  void clamp(Job& job, const RoutedInterface& out);
  void to_linux(Packet& packet, PortId account, const RoutedInterface& in, const Turn& turn);
  void fail(Job& job, const Turn& turn);
  void send_error(Packet& packet, PortId account, const RoutedInterface& in, const Verdict& verdict,
                  net::IpFamily family, const Turn& turn);
  void route_made(Packet& packet, PortId account, const RoutedInterface& in, net::IpFamily family,
                  const Turn& turn);
  void resolve_and_emit(Packet& packet, PortId account, InterfaceId in,
                        const table::Decision& decision, const net::Ipv6Address& destination,
                        const Turn& turn);
  void emit(Packet& packet, PortId account, const RoutedInterface& out, uint64_t mac,
            const Turn& turn);
  void flush_to_switch(const Turn& turn);
  void retry(NeighbourQueue::Neighbour& neighbour, const Turn& turn);
  void give_up(NeighbourQueue::Neighbour& neighbour, const Turn& turn);

  Egress& egress_;
  L2Switch& switch_;
  xsk::FramePool& pool_;
  xsk::Umem& umem_;
  NeighbourRequestRing& requests_;
  NeighbourQueue waiting_;
  IcmpLimiter limiter_;
  uint16_t next_ip_id_ = 1;
  std::array<Job, kBatchPackets> jobs_;
  uint32_t job_count_ = 0;
  RoutedBatch to_switch_;
  // Of one look-up.
  std::array<uint32_t, kBatchPackets> addresses4_;
  std::array<net::Ipv6Address, kBatchPackets> addresses6_;
  std::array<table::RouteIndex, kBatchPackets> routes_;
  std::array<uint8_t, kBatchPackets> wanted_;
};

}  // namespace starocean::dataplane
