// Receiving, looking up and judging; what is then done is in router_act.cc, errors and waiting in router_errors.cc.

#include "starocean/dataplane/router.h"

#include "starocean/base/cpu.h"
#include "starocean/net/ethernet.h"

namespace starocean::dataplane {
namespace {

constexpr uint32_t kEthernetHeaderBytes = 14;

const VlanInterface* find_vlan(const Port& port, uint16_t vlan) {
  for (const VlanInterface& one : port.vlans) {
    if (one.vlan == vlan) return &one;
  }
  return nullptr;
}

bool is_ip(uint16_t ethertype) {
  return ethertype == net::kEtherTypeIpv4 || ethertype == net::kEtherTypeIpv6;
}

}  // namespace

Router::Job& Router::add(Packet& packet, PortId account) {
  Job& job = jobs_[job_count_++];
  job.packet.head = std::move(packet.head);
  job.packet.rest = packet.rest;
  job.packet.len_bytes = packet.len_bytes;
  job.account = account;
  job.subject = {};
  job.verdict = {};
  return job;
}

void Router::process(Batch& batch, const Snapshot& snapshot, uint64_t now_ns) {
  const Turn turn{snapshot, now_ns};
  const Port& in = snapshot.ports[batch.in_port.index()];
  PortCounters& counters = egress_.counters(in.id);
  uint64_t bytes = 0;
  for (Packet& packet : batch.all()) {
    prefetch_read(umem_.data(packet.head));
    bytes += packet.len_bytes;
  }
  counters.add(PortCounter::rx_packets, batch.count);
  counters.add(PortCounter::rx_bytes, bytes);
  if (in.finish_checksums) {
    if (const uint64_t finished = finish_checksums(batch, umem_); finished != 0) {
      counters.add(PortCounter::checksums_finished, finished);
    }
  }
  for (Packet& packet : batch.all()) {
    if (packet.head.len_bytes < kEthernetHeaderBytes) [[unlikely]] {
      egress_.drop(packet, in.id, PortCounter::drop_runt);
      continue;
    }
    const net::ParsedPacket parsed = net::parse(umem_.bytes(packet.head), packet.len_bytes);
    const VlanInterface* vlan =
        parsed.vlan_count == 0 ? nullptr : find_vlan(in, parsed.vlan[0].id());
    const InterfaceId interface = parsed.vlan_count == 0 ? in.routed
                                  : vlan != nullptr      ? vlan->interface
                                                         : InterfaceId::none();
    if (!interface.valid()) [[unlikely]] {  // it has just ceased to route
      in.can_punt ? egress_.punt(packet, in)
                  : egress_.drop(packet, in.id, PortCounter::drop_no_linux);
      continue;
    }
    Job& job = add(packet, in.id);
    job.parsed = parsed;
    if (!is_for_router(job, snapshot.interfaces[interface.index()], vlan != nullptr ? 1 : 0,
                       turn)) {
      --job_count_;
    }
  }
  look_up_all(turn);
  act_on_all(turn);
}

void Router::process(RoutedBatch& batch, const Snapshot& snapshot, uint64_t now_ns) {
  const Turn turn{snapshot, now_ns};
  for (RoutedPacket& routed : batch.all()) {
    Job& job = add(routed.packet, routed.account);
    job.parsed = net::parse(umem_.bytes(job.packet.head), job.packet.len_bytes);
    if (!is_for_router(job, snapshot.interfaces[routed.interface.index()], 0, turn)) --job_count_;
  }
  look_up_all(turn);
  act_on_all(turn);
  batch.clear();
}

// Otherwise it has gone already: to Linux, or nowhere. More tags than the interface's own are another network's.
bool Router::is_for_router(Job& job, const RoutedInterface& in, uint16_t vlan_tags,
                           const Turn& turn) {
  const net::MacAddress destination = load_mac(umem_.data(job.packet.head));
  const bool routes = in.vrf != RoutedInterface::kNoVrf;
  const bool ours = destination.as_u64() == in.mac;
  if (!ours && !destination.is_multicast()) {
    egress_.drop(job.packet, job.account, PortCounter::drop_not_ours);
    return false;
  }
  if (!ours || !routes || !is_ip(job.parsed.ethertype) || job.parsed.vlan_count != vlan_tags) {
    to_linux(job.packet, job.account, in, turn);
    return false;
  }
  job.verdict = check(umem_.bytes(job.packet.head), job.parsed, in, job.subject);
  job.subject.in = &in;
  return true;
}

// Rule by rule: those packets that it speaks of are looked up in its table together. Mostly there are two rules, for
// the tables local and main, and one interface in the batch.
void Router::look_up_all(const Turn& turn) {
  for (uint32_t first = 0; first < job_count_; ++first) {
    const Job& job = jobs_[first];
    if (job.verdict.fate != Fate::kUndecided) continue;
    look_up(turn, turn.snapshot.vrfs[job.subject.in->vrf], job.subject.family);
  }
}

void Router::look_up(const Turn& turn, const Vrf& vrf, net::IpFamily family) {
  const table::Fib& fib = *turn.snapshot.fib;
  // Which ones: of that family and VRF, without an answer yet.
  std::array<uint8_t, kBatchPackets> open;
  uint32_t open_count = 0;
  for (uint32_t i = 0; i < job_count_; ++i) {
    const Job& job = jobs_[i];
    if (job.verdict.fate != Fate::kUndecided || job.subject.family != family) continue;
    if (&turn.snapshot.vrfs[job.subject.in->vrf] != &vrf) continue;
    open[open_count++] = static_cast<uint8_t>(i);
  }
  for (const RouteRule& rule : vrf.rules(family)) {
    uint32_t wanted = 0;
    for (uint32_t k = 0; k < open_count; ++k) {
      const RouteSubject& subject = jobs_[open[k]].subject;
      if (!matches(rule, subject.in, subject.source)) continue;
      addresses4_[wanted] = subject.destination.embedded_ipv4();
      addresses6_[wanted] = subject.destination;
      wanted_[wanted++] = open[k];
    }
    if (wanted == 0) continue;
    if (rule.table == nullptr) {
      for (uint32_t k = 0; k < wanted; ++k) {
        Job& job = jobs_[wanted_[k]];
        job.verdict = judge(turn.snapshot, job.subject, {.kind = rule.kind});
      }
    } else {
      const std::span<table::RouteIndex> routes{routes_.data(), wanted};
      if (family == net::IpFamily::kIpv4) {
        fib.lookup4(*rule.table, {addresses4_.data(), wanted}, routes);
      } else {
        fib.lookup6(*rule.table, {addresses6_.data(), wanted}, routes);
      }
      for (uint32_t k = 0; k < wanted; ++k) {
        Job& job = jobs_[wanted_[k]];
        const table::Decision decision =
            fib.decide(routes_[k], job.subject.destination, job.subject.flow_hash);
        if (decision.kind == table::RouteKind::kNone || decision.kind == table::RouteKind::kThrow) {
          continue;
        }
        job.verdict = judge(turn.snapshot, job.subject, decision);
      }
    }
    uint32_t left = 0;
    for (uint32_t k = 0; k < open_count; ++k) {
      if (jobs_[open[k]].verdict.fate == Fate::kUndecided) open[left++] = open[k];
    }
    open_count = left;
    if (open_count == 0) return;
  }
  for (uint32_t k = 0; k < open_count; ++k) {
    Job& job = jobs_[open[k]];
    job.verdict = judge(turn.snapshot, job.subject, {});
  }
}

void Router::act_on_all(const Turn& turn) {
  for (uint32_t i = 0; i < job_count_; ++i) {
    const Verdict& verdict = jobs_[i].verdict;
    if (verdict.fate == Fate::kForward && verdict.decision.adjacency != 0) {
      prefetch_read(&turn.snapshot.fib->adjacency(verdict.decision.adjacency));
    }
  }
  for (uint32_t i = 0; i < job_count_; ++i) act(jobs_[i], turn);
  job_count_ = 0;
  flush_to_switch(turn);
}

}  // namespace starocean::dataplane
