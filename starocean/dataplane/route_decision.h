// Where a packet goes: rules, route, egress and neighbour, and what stands against it. Pure reading of the
// snapshot and of the forwarding information; workers, or the thread that writes that.
//
// The order is Linux's (net/ipv4/route.c, ip_route_input_slow(); ip_forward.c; net/ipv6/ip6_output.c): the route
// first, and the errors that it stands for; then the source; then the hop count; then the MTU.
#pragma once

#include <array>
#include <cstdint>

#include "starocean/dataplane/packet.h"
#include "starocean/dataplane/route_check.h"
#include "starocean/dataplane/route_reason.h"
#include "starocean/dataplane/snapshot.h"
#include "starocean/table/fib.h"

namespace starocean::dataplane {

// What the rules and their tables say.
struct RouteLookup {
  table::Decision decision;
  table::RouteIndex route = 0;      // 0: the rule itself decides, or none did
  const RouteRule* rule = nullptr;  // that decided; null: none
};

// `in`: none for packets of our own, which then only rules for any interface match.
RouteLookup lookup_route(const Snapshot& snapshot, const Vrf& vrf, const net::FiveTuple& tuple,
                         InterfaceId in);

// The same for many: those of the bits set in `which`, of one family and VRF.
struct RouteBatch {
  std::array<RouteQuery, kBatchPackets> queries;
  std::array<InterfaceId, kBatchPackets> in;
  std::array<RouteLookup, kBatchPackets> lookups;
};
static_assert(kBatchPackets <= 64, "a packet is a bit");
void lookup_routes(const Snapshot& snapshot, const Vrf& vrf, bool is_v4, uint64_t which,
                   RouteBatch& batch);

struct Verdict {
  RouteReason reason = RouteReason::kNoRoute;
  // Where it leaves, if it came so far: kForward, kCut, kNeighbour, kTooBig.
  InterfaceId egress;
  uint32_t mtu_bytes = 0;
  uint32_t ifindex = 0;
  table::AdjacencyIndex adjacency = 0;  // 0: a neighbour that nobody has asked for
  uint64_t neighbour_word = 0;          // of the adjacency
};

// For a packet that has come in by `in`.
Verdict judge(const Snapshot& snapshot, const RoutedInterface& in, const RouteQuery& query,
              const RouteLookup& lookup);
// For one of our own: no source or hop count is asked for.
Verdict judge_own(const Snapshot& snapshot, const RouteQuery& query, const RouteLookup& lookup);

}  // namespace starocean::dataplane
