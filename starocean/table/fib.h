// The forwarding information of the router: what Linux's routing tables, next hops and neighbours say, in the
// form that packets are looked up in. It is not part of the snapshot: a full BGP feed changes all the
// time, and is updated in place.
//
//   control thread (one)                            workers (any number, without locks)
//   set_route(), remove_route()                     route = table.lookup(address)      longest prefix
//   set_neighbour(), remove_neighbour()             decision = fib.decide(route, address, flow hash)
//   bind_interface(), unbind_interface()            adjacency = fib.adjacency(decision.adjacency)
//
// Shape. A route table maps an address to a RouteIndex; equal routes (same kind, same next hops) share one.
// A route is a kind and, where it forwards, buckets of adjacencies. An adjacency is a neighbour on a device:
// its MAC address and state are one 64-bit word, so that a neighbour that changes is one store, whatever
// number of routes lead through it. A route to a directly connected network has no adjacency of its own: the
// destination itself is the neighbour, found by hash.
//
// Buckets are resilient (as Linux's resilient next-hop groups, Documentation/networking/nexthop-group-resilient.rst):
// when a next hop goes, only its buckets move; when one comes or a weight changes, only as many as its due.
//
// Concurrency. Readers are workers that are online in the Qsbr and hold no RouteIndex, decision or adjacency
// across a quiescent state. Every change is one or several single-word stores, ordered so that a reader sees
// for each address the route before or after, never none in between; what was replaced is used again only
// after a grace period. The writer is the thread that owns the Qsbr.
//
// Limits: kMaxTables tables; 2^24 - 1 different routes and adjacencies, 2^24 cache lines of nodes, on a CPU of
// 64 bits (FibLimits; 2^20 of each on 32). set_*() return an error beyond, and change nothing. IPv4 mapped into
// IPv6 is IPv4 wherever an address stands alone; lookup6() and prefixes of IPv6 take any address as it is.
//
// Parts: lpm4.h and lpm6.h (longest prefix match), route_store.h, hop_buckets.h, adjacency_table.h.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <utility>

#include "starocean/base/ids.h"
#include "starocean/base/result.h"
#include "starocean/net/ip_prefix.h"
#include "starocean/net/mac_address.h"
#include "starocean/ring/qsbr.h"
#include "starocean/table/adjacency.h"
#include "starocean/table/adjacency_table.h"
#include "starocean/table/lpm4.h"
#include "starocean/table/lpm6.h"
#include "starocean/table/route.h"
#include "starocean/table/route_store.h"

namespace starocean::table {

struct Decision {
  RouteKind kind = RouteKind::kNone;
  // kForward: the interface that it leaves by, and the neighbour; adjacency 0: a connected network whose
  // neighbour nobody has asked for yet (ask for `address` of the packet on `ifindex`). kElsewhere: the device.
  AdjacencyIndex adjacency = 0;
  InterfaceId interface = {};
  uint32_t ifindex = 0;
};

// Less than what there is room for: for tests.
struct FibLimits {
  uint32_t routes = RouteStore::kMaxRoutes;
  uint32_t adjacencies = AdjacencyTable::kMaxAdjacencies;
  uint32_t node_lines = lpm::Arena::kMaxLines;
};

class Fib {
 public:
  static constexpr uint32_t kMaxTables = 64;

  // `qsbr` outlives it. Throws std::bad_alloc when there is no address space for it (2.3 GiB are reserved, and
  // used as needed; with each table 160 MiB more).
  explicit Fib(ring::Qsbr& qsbr, FibLimits limits = {});
  ~Fib();  // no reader uses it any more
  Fib(const Fib&) = delete;
  Fib& operator=(const Fib&) = delete;

  // A routing table of Linux (its number), both families. Pointers stay valid until remove_table().
  class Table;
  // Finds or makes it.
  Result<Table*> add_table(uint32_t linux_table);
  Table* find_table(uint32_t linux_table);  // null when there is none
  // Waits for a grace period. Whoever looks up in the table has been told before.
  void remove_table(uint32_t linux_table);

  // --- Control thread ---
  // Adds or replaces. A prefix with host bits set is an error.
  Status set_route(Table& table, const net::IpPrefix& prefix, const Route& route);
  // False when there was none.
  bool remove_route(Table& table, const net::IpPrefix& prefix);
  size_t route_count(const Table& table, net::IpFamily family) const;

  Status set_neighbour(uint32_t ifindex, const net::Ipv6Address& address, NeighbourState state,
                       net::MacAddress mac);
  // Routes may go on leading through it: then it is unresolved.
  void remove_neighbour(uint32_t ifindex, const net::Ipv6Address& address);
  // The device is, or is no longer, an interface of ours.
  void bind_interface(uint32_t ifindex, InterfaceId interface);
  void unbind_interface(uint32_t ifindex);
  // Calls f(const Adjacency&) for each neighbour used since the last call.
  template <class F>
  void take_used(F&& f) {
    adjacencies_->take_used(std::forward<F>(f));
  }
  // Calls f(const Adjacency&) for each neighbour that is known or waited for.
  template <class F>
  void for_each_neighbour(F&& f) const {
    adjacencies_->for_each(std::forward<F>(f));
  }
  // Frees what no worker can use any more. Call it now and then; changes of routes do so too.
  void collect();
  // For `show route`: the stored route of exactly that prefix; and the longest match with its prefix.
  std::optional<Route> route_of(const Table& table, const net::IpPrefix& prefix) const;
  std::optional<std::pair<net::IpPrefix, Route>> longest_match(
      const Table& table, const net::Ipv6Address& address) const;
  // Calls f(const net::IpPrefix&, const Route&) for each route, in no order. f changes nothing here.
  template <class F>
  void for_each_route(const Table& table, net::IpFamily family, F&& f) const;
  // Of all tables, in memory now. Looks at all pages: not for every second.
  size_t memory_bytes() const;

  // --- Workers ---
  RouteIndex lookup4(const Table& table, uint32_t address_host) const;
  RouteIndex lookup6(const Table& table, const net::Ipv6Address& address) const;
  // Many at once, with the memory accesses overlapped. Equal lengths.
  void lookup4(const Table& table, std::span<const uint32_t> addresses_host,
               std::span<RouteIndex> routes) const;
  void lookup6(const Table& table, std::span<const net::Ipv6Address> addresses,
               std::span<RouteIndex> routes) const;
  // `destination` (IPv4 mapped) finds the neighbour of a connected network; `flow_hash` chooses among several
  // next hops: equal hashes go the same way. Any route index, 0 included.
  Decision decide(RouteIndex route, const net::Ipv6Address& destination, uint32_t flow_hash) const;
  // The neighbour of that address, resolved or not; 0: nobody has asked for it.
  AdjacencyIndex neighbour(uint32_t ifindex, const net::Ipv6Address& address) const {
    return adjacencies_->find(ifindex, address);
  }
  Adjacency& adjacency(AdjacencyIndex index) const { return (*adjacencies_)[index]; }
  // Whether any next hop of a route that forwards is on that device.
  bool leads_over(RouteIndex route, uint32_t ifindex) const;

 private:
  // A prefix as the tables take it.
  struct Key {
    bool v4 = false;
    lpm::Bits128 bits;
    uint32_t length = 0;
  };
  // Grace periods are begun for so many changes at a time.
  static constexpr uint32_t kChangesPerCollect = 256;

  static Key key_of(const net::IpPrefix& prefix);
  static net::IpPrefix prefix_of(net::IpFamily family, const lpm::PrefixMatch& match);
  void count_change();

  ring::Qsbr& qsbr_;
  std::unique_ptr<AdjacencyTable> adjacencies_;
  std::unique_ptr<RouteStore> routes_;
  std::unique_ptr<lpm::Arena> arena_;
  std::unordered_map<uint32_t, std::unique_ptr<Table>> tables_;
  uint32_t changes_ = 0;
};

class Fib::Table {
 public:
  uint32_t linux_table() const { return linux_table_; }

 private:
  friend class Fib;
  Table(uint32_t linux_table, Lpm4 v4, Lpm6 v6)
      : linux_table_(linux_table), v4_(std::move(v4)), v6_(std::move(v6)) {}

  template <class F>
  auto with(bool v4, F&& f) {
    return v4 ? f(v4_) : f(v6_);
  }
  template <class F>
  auto with(bool v4, F&& f) const {
    return v4 ? f(v4_) : f(v6_);
  }

  uint32_t linux_table_;
  Lpm4 v4_;
  Lpm6 v6_;
};

template <class F>
void Fib::for_each_route(const Table& table, net::IpFamily family, F&& f) const {
  table.with(family == net::IpFamily::kIpv4, [&](const auto& lpm) {
    lpm.for_each([&](const lpm::PrefixMatch& match) {
      f(prefix_of(family, match), routes_->route(match.value));
    });
  });
}

// ---- The hot path ----

inline RouteIndex Fib::lookup4(const Table& table, uint32_t address_host) const {
  return table.v4_.lookup(address_host);
}
inline RouteIndex Fib::lookup6(const Table& table, const net::Ipv6Address& address) const {
  return table.v6_.lookup(address);
}
inline void Fib::lookup4(const Table& table, std::span<const uint32_t> addresses_host,
                         std::span<RouteIndex> routes) const {
  table.v4_.lookup(addresses_host, routes);
}
inline void Fib::lookup6(const Table& table, std::span<const net::Ipv6Address> addresses,
                         std::span<RouteIndex> routes) const {
  table.v6_.lookup(addresses, routes);
}

inline Decision Fib::decide(RouteIndex route, const net::Ipv6Address& destination,
                            uint32_t flow_hash) const {
  const RouteStore::Record& record = (*routes_)[route];
  Decision decision;
  decision.kind = record.kind;
  if (record.kind != RouteKind::kForward) return decision;
  const uint32_t hop = routes_->hop_of(record, flow_hash);
  const bool connected = (hop & RouteStore::kConnected) != 0;
  const Adjacency& next = (*adjacencies_)[hop & ~RouteStore::kConnected];
  decision.ifindex = next.ifindex;
  decision.interface = next.interface_id();
  if (!decision.interface.valid()) [[unlikely]] {
    decision.kind = RouteKind::kElsewhere;
    return decision;
  }
  decision.adjacency = connected ? adjacencies_->find(next.ifindex, destination) : hop;
  return decision;
}

inline bool Fib::leads_over(RouteIndex route, uint32_t ifindex) const {
  const RouteStore::Record& record = (*routes_)[route];
  if (record.kind != RouteKind::kForward) return false;
  const auto is_on = [&](uint32_t hop) {
    return (*adjacencies_)[hop & ~RouteStore::kConnected].ifindex == ifindex;
  };
  if (record.log2_buckets == 0) return is_on(record.hop);
  const uint32_t* const end = record.buckets + (size_t{1} << record.log2_buckets);
  return std::any_of(record.buckets, end, is_on);
}

}  // namespace starocean::table
