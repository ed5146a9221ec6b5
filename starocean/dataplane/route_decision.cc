#include "starocean/dataplane/route_decision.h"

#include <bit>

#include "starocean/net/forwarding.h"

namespace starocean::dataplane {
namespace {

using enum RouteReason;
using table::Adjacency;
using table::RouteKind;

constexpr uint32_t kLeastIpv6Mtu = 1280;  // RFC 8200, 5

const std::vector<RouteRule>& rules_of(const Vrf& vrf, bool is_v4) {
  return vrf.rules(is_v4 ? net::IpFamily::kIpv4 : net::IpFamily::kIpv6);
}

bool covers(const net::IpPrefix& prefix, const net::Ipv6Address& address) {
  if (prefix.length == 0) return true;
  if (prefix.family == net::IpFamily::kIpv4) {
    return (address.embedded_ipv4() ^ prefix.host4()) >> (32 - prefix.length) == 0;
  }
  const uint32_t whole = prefix.length / 8, bits = prefix.length % 8;
  const auto& want = prefix.address.bytes();
  const auto& have = address.bytes();
  for (uint32_t i = 0; i < whole; ++i) {
    if (want[i] != have[i]) return false;
  }
  return bits == 0 || (want[whole] ^ have[whole]) >> (8 - bits) == 0;
}

bool matches(const RouteRule& rule, InterfaceId in, const net::Ipv6Address& source) {
  return (!rule.in.valid() || rule.in == in) && covers(rule.source, source);
}

bool matches_all(const RouteRule& rule) {
  return !rule.in.valid() && rule.source.length == 0;
}

// Whether the route is an answer, rather than a hint to ask the next rule.
bool settles(const table::Fib& fib, const net::FiveTuple& tuple, RouteLookup& lookup) {
  if (lookup.route == 0) return false;
  lookup.decision = fib.decide(lookup.route, tuple.dst, net::flow_hash(tuple));
  return lookup.decision.kind != RouteKind::kThrow && lookup.decision.kind != RouteKind::kNone;
}

RouteReason reason_of(RouteKind kind) {
  switch (kind) {
    case RouteKind::kForward:
      return kForward;
    case RouteKind::kElsewhere:
      return kElsewhere;
    case RouteKind::kLocal:
      return kLocal;
    case RouteKind::kBroadcast:
      return kBroadcast;
    case RouteKind::kBlackhole:
      return kBlackhole;
    case RouteKind::kUnreachable:
      return kUnreachable;
    case RouteKind::kProhibit:
      return kProhibited;
    case RouteKind::kNone:
    case RouteKind::kThrow:
      break;
  }
  return kNoRoute;
}

// Whether a packet from there may come in here (RFC 3704, 2.2 to 2.4; Linux, net/ipv4/fib_frontend.c,
// __fib_validate_source()): the way back is looked up as for a packet that comes in by the egress.
RouteReason judge_source(const Snapshot& snapshot, const RoutedInterface& in,
                         const RouteQuery& query, InterfaceId egress) {
  const RouteLookup back =
      lookup_route(snapshot, snapshot.vrfs[in.vrf], query.tuple.reversed(), egress);
  const RouteKind kind = back.decision.kind;
  if (kind == RouteKind::kLocal || kind == RouteKind::kBroadcast) return kMartianSource;
  if (kind != RouteKind::kForward && kind != RouteKind::kElsewhere) return kReversePath;
  if (in.reverse_path == ReversePath::kLoose) return kForward;
  return snapshot.fib->leads_over(back.route, in.ifindex) ? kForward : kReversePath;
}

}  // namespace

RouteLookup lookup_route(const Snapshot& snapshot, const Vrf& vrf, const net::FiveTuple& tuple,
                         InterfaceId in) {
  const bool is_v4 = tuple.ip_version == 4;
  const table::Fib& fib = *snapshot.fib;
  for (const RouteRule& rule : rules_of(vrf, is_v4)) {
    RouteLookup lookup;
    lookup.rule = &rule;
    if (!matches(rule, in, tuple.src)) continue;
    if (rule.table == nullptr) {
      lookup.decision.kind = rule.kind;
      return lookup;
    }
    lookup.route = is_v4 ? fib.lookup4(*rule.table, tuple.dst.embedded_ipv4())
                         : fib.lookup6(*rule.table, tuple.dst);
    if (settles(fib, tuple, lookup)) return lookup;
  }
  return {};
}

void lookup_routes(const Snapshot& snapshot, const Vrf& vrf, bool is_v4, uint64_t which,
                   RouteBatch& batch) {
  const table::Fib& fib = *snapshot.fib;
  std::array<uint8_t, kBatchPackets> places;
  std::array<uint32_t, kBatchPackets> addresses4;
  std::array<net::Ipv6Address, kBatchPackets> addresses6;
  std::array<table::RouteIndex, kBatchPackets> routes;
  for (const RouteRule& rule : rules_of(vrf, is_v4)) {
    if (which == 0) return;
    const bool all = matches_all(rule);
    size_t count = 0;
    for (uint64_t left = which; left != 0; left &= left - 1) {
      const auto i = static_cast<uint8_t>(std::countr_zero(left));
      const net::FiveTuple& tuple = batch.queries[i].tuple;
      if (!all && !matches(rule, batch.in[i], tuple.src)) continue;
      if (is_v4) {
        addresses4[count] = tuple.dst.embedded_ipv4();
      } else {
        addresses6[count] = tuple.dst;
      }
      places[count++] = i;
    }
    if (rule.table == nullptr) {
      for (size_t k = 0; k < count; ++k) {
        RouteLookup& lookup = batch.lookups[places[k]] = RouteLookup();
        lookup.decision.kind = rule.kind;
        lookup.rule = &rule;
        which &= ~(uint64_t{1} << places[k]);
      }
      continue;
    }
    if (is_v4) {
      fib.lookup4(*rule.table, {addresses4.data(), count}, {routes.data(), count});
    } else {
      fib.lookup6(*rule.table, {addresses6.data(), count}, {routes.data(), count});
    }
    for (size_t k = 0; k < count; ++k) {
      RouteLookup lookup;
      lookup.route = routes[k];
      lookup.rule = &rule;
      if (!settles(fib, batch.queries[places[k]].tuple, lookup)) continue;
      batch.lookups[places[k]] = lookup;
      which &= ~(uint64_t{1} << places[k]);
    }
  }
  for (; which != 0; which &= which - 1) batch.lookups[std::countr_zero(which)] = {};
}

Verdict judge(const Snapshot& snapshot, const RoutedInterface& in, const RouteQuery& query,
              const RouteLookup& lookup) {
  Verdict verdict;
  verdict.reason = reason_of(lookup.decision.kind);
  if (verdict.reason != kForward) [[unlikely]]
    return verdict;
  if (query.is_v4() && snapshot.own4.contains(net::Ipv4Address(query.tuple.src.embedded_ipv4())))
      [[unlikely]] {
    verdict.reason = kMartianSource;
    return verdict;
  }
  if (in.reverse_path != ReversePath::kNone) [[unlikely]] {
    verdict.reason = judge_source(snapshot, in, query, lookup.decision.interface);
    if (verdict.reason != kForward) return verdict;
  }
  if (query.ttl <= 1) [[unlikely]] {
    verdict.reason = kTtl;
    return verdict;
  }
  if (!query.is_v4()) {
    // Security: these are valid on the link at most (RFC 4291, 2.5.2 and 2.5.6). Back to its own link a link-local
    // packet may go.
    if (query.tuple.src.is_unspecified()) [[unlikely]] {
      verdict.reason = kMartianSource;
      return verdict;
    }
    if (query.tuple.src.is_link_local() && lookup.decision.interface != in.id) [[unlikely]] {
      verdict.reason = kBeyondScope;
      return verdict;
    }
  }
  return judge_own(snapshot, query, lookup);
}

Verdict judge_own(const Snapshot& snapshot, const RouteQuery& query, const RouteLookup& lookup) {
  Verdict verdict;
  const table::Decision& decision = lookup.decision;
  verdict.reason = reason_of(decision.kind);
  if (verdict.reason != kForward) return verdict;
  const size_t index = decision.interface.index();
  // The forwarding information may be newer than the snapshot, or older.
  if (index >= snapshot.interfaces.size() || !snapshot.interfaces[index].active) [[unlikely]] {
    verdict.reason = kEgressGone;
    return verdict;
  }
  verdict.egress = decision.interface;
  verdict.ifindex = decision.ifindex;
  verdict.mtu_bytes = snapshot.interfaces[index].mtu_bytes;
  if (!query.is_v4() && verdict.mtu_bytes < kLeastIpv6Mtu) verdict.mtu_bytes = kLeastIpv6Mtu;
  verdict.adjacency = decision.adjacency;
  if (query.ip_bytes > verdict.mtu_bytes) [[unlikely]] {
    verdict.reason = query.may_fragment ? kCut : kTooBig;
    if (verdict.reason == kTooBig) return verdict;
  }
  if (decision.adjacency != 0) {
    verdict.neighbour_word =
        snapshot.fib->adjacency(decision.adjacency).word.load(std::memory_order_acquire);
  }
  const bool known = decision.adjacency != 0 && Adjacency::state_of(verdict.neighbour_word) ==
                                                    table::NeighbourState::kReachable;
  if (!known) [[unlikely]]
    verdict.reason = kNeighbour;
  return verdict;
}

}  // namespace starocean::dataplane
