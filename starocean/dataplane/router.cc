#include "starocean/dataplane/router.h"

#include <bit>

#include "starocean/base/cpu.h"
#include "starocean/dataplane/vlan_tag.h"

namespace starocean::dataplane {

void Router::process(Batch& batch, const Snapshot& snapshot, uint64_t now_ns) {
  const Turn turn{snapshot, now_ns};
  const Port& in = turn.snapshot.ports[batch.in_port.index()];
  PortCounters& counters = egress_.counters(in.id);
  uint64_t bytes = 0;
  for (Packet& packet : batch.all()) {
    prefetch_write(umem_.data(packet.head));
    bytes += packet.len_bytes;
  }
  counters.add(PortCounter::rx_packets, batch.count);
  counters.add(PortCounter::rx_bytes, bytes);
  if (in.finish_checksums) {
    if (const uint64_t finished = finish_checksums(batch, umem_); finished != 0) {
      counters.add(PortCounter::checksums_finished, finished);
    }
  }
  v4_ = v6_ = 0;
  for (uint32_t i = 0; i < batch.count; ++i) enter(i, batch.packets[i], in, turn);
  route(turn);
}

void Router::process(RoutedBatch& batch, const Snapshot& snapshot, uint64_t now_ns) {
  const Turn turn{snapshot, now_ns};
  const auto& interfaces = turn.snapshot.interfaces;
  for (RoutedPacket& routed : batch.all()) prefetch_write(umem_.data(routed.packet.head));
  v4_ = v6_ = 0;
  for (uint32_t i = 0; i < batch.count; ++i) {
    RoutedPacket& routed = batch.packets[i];
    Transit& transit = transits_[i];
    transit.packet = &routed.packet;
    transit.in = &interfaces[routed.interface.index()];
    transit.account = routed.account;
    transit.was_tagged = false;
    check(i, turn);
  }
  route(turn);
  batch.clear();
}

void Router::enter(uint32_t i, Packet& packet, const Port& in, const Turn& turn) {
  Transit& transit = transits_[i];
  transit.packet = &packet;
  transit.in = nullptr;
  transit.account = in.id;
  transit.was_tagged = false;
  const FrameTarget target = classify_frame(turn.snapshot, in, umem_.bytes(packet.head));
  if (target.interface.valid()) {
    transit.in = &turn.snapshot.interfaces[target.interface.index()];
    if (target.tagged) {
      FrameVlan tag;
      tag.tag_type = net::kEtherTypeVlan;
      untag(packet, umem_, tag);
      transit.was_tagged = true;
      transit.control = target.control;
    }
  }
  if (target.reason != RouteReason::kForward) [[unlikely]] {
    return dispose(transit, target.reason, turn);
  }
  check(i, turn);
}

void Router::check(uint32_t i, const Turn& turn) {
  Transit& transit = transits_[i];
  const Packet& packet = *transit.packet;
  const RouteReason reason =
      check_packet(umem_.bytes(packet.head), packet.len_bytes, routes_.queries[i]);
  if (reason != RouteReason::kForward) [[unlikely]]
    return dispose(transit, reason, turn);
  routes_.in[i] = transit.in->id;
  (routes_.queries[i].is_v4() ? v4_ : v6_) |= uint64_t{1} << i;
}

// In the order in which they came, once all are looked up.
void Router::route(const Turn& turn) {
  const Snapshot& snapshot = turn.snapshot;
  for (const bool is_v4 : {true, false}) {
    for (uint64_t left = is_v4 ? v4_ : v6_; left != 0;) {
      const uint16_t vrf = transits_[std::countr_zero(left)].in->vrf;
      uint64_t group = 0;
      for (uint64_t rest = left; rest != 0; rest &= rest - 1) {
        if (transits_[std::countr_zero(rest)].in->vrf == vrf) group |= rest & (0 - rest);
      }
      lookup_routes(snapshot, snapshot.vrfs[vrf], is_v4, group, routes_);
      left &= ~group;
    }
  }
  for (uint64_t left = v4_ | v6_; left != 0; left &= left - 1) {
    const auto i = static_cast<size_t>(std::countr_zero(left));
    const RouteQuery& query = routes_.queries[i];
    act(transits_[i], query, judge(snapshot, *transits_[i].in, query, routes_.lookups[i]), turn);
  }
  flush_to_switch(turn);
}

void Router::act(Transit& transit, const RouteQuery& query, const Verdict& verdict,
                 const Turn& turn) {
  const RouteAction action = verdict.reason == RouteReason::kForward
                                 ? RouteAction::kForward
                                 : info_of(verdict.reason).action;
  if (action == RouteAction::kRefuse) [[unlikely]] {
    return refuse(transit, verdict.reason, verdict.mtu_bytes, turn);
  }
  if (action != RouteAction::kForward && action != RouteAction::kWait) [[unlikely]] {
    return dispose(transit, verdict.reason, turn);
  }
  const RoutedInterface& egress = turn.snapshot.interfaces[verdict.egress.index()];
  prepare(transit, query, egress);
  if (action == RouteAction::kWait) [[unlikely]] {
    return wait(*transit.packet, {transit.account, transit.in->id}, query, verdict, turn);
  }
  turn.snapshot.fib->adjacency(verdict.adjacency).mark_used();
  send(*transit.packet, transit.account, egress, table::Adjacency::mac_of(verdict.neighbour_word),
       turn);
}

// What needs neither a route nor an answer.
void Router::dispose(Transit& transit, RouteReason reason, const Turn& turn) {
  const RouteReasonInfo& info = info_of(reason);
  if (info.action == RouteAction::kToLinux) {
    to_linux(transit, turn);
  } else {
    egress_.drop(*transit.packet, transit.account, info.counter);
  }
}

void Router::to_linux(Transit& transit, const Turn& turn) {
  Packet& packet = *transit.packet;
  if (transit.in != nullptr && transit.in->is_tap) {
    egress_.deliver(packet, transit.account, *transit.in);
    return;
  }
  const Port& port = turn.snapshot.ports[transit.account.index()];
  if (!port.can_punt) [[unlikely]] {
    egress_.drop(packet, transit.account, PortCounter::drop_no_linux);
    return;
  }
  // The room that the tag had is still there.
  if (transit.was_tagged) push_tag(packet, umem_, {net::kEtherTypeVlan, transit.control});
  egress_.punt(packet, port);
}

void Router::serve(const Snapshot& snapshot, uint64_t now_ns) {
  const Turn turn{snapshot, now_ns};
  const auto& interfaces = snapshot.interfaces;
  const auto gone = [&](InterfaceId egress) {
    return snapshot.fib == nullptr || egress.index() >= interfaces.size() ||
           !interfaces[egress.index()].active;
  };
  queue_.remove(gone, [&](Packet& packet, NeighbourQueue::Origin origin) {
    egress_.drop(packet, origin.account, PortCounter::drop_egress_down);
  });
  if (queue_.empty()) return;
  queue_.serve(
      *snapshot.fib, now_ns,
      [&](Packet& packet, NeighbourQueue::Origin origin, InterfaceId egress,
          table::AdjacencyIndex index) {
        table::Adjacency& adjacency = snapshot.fib->adjacency(index);
        adjacency.mark_used();
        const uint64_t word = adjacency.word.load(std::memory_order_acquire);
        send(packet, origin.account, interfaces[egress.index()], table::Adjacency::mac_of(word),
             turn);
      },
      [&](Packet& packet, NeighbourQueue::Origin origin) { refuse_waiting(packet, origin, turn); });
  flush_to_switch(turn);
}

void Router::stop() {
  queue_.remove([](InterfaceId) { return true; },
                [&](Packet& packet, NeighbourQueue::Origin origin) {
                  egress_.drop(packet, origin.account, PortCounter::drop_neighbour_failed);
                });
}

}  // namespace starocean::dataplane
