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
// Limits: kMaxTables tables, 2^24 - 1 routes and adjacencies; set_*() return an error beyond, and change
// nothing.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "starocean/base/ids.h"
#include "starocean/base/result.h"
#include "starocean/net/ip_prefix.h"
#include "starocean/net/mac_address.h"
#include "starocean/ring/qsbr.h"

namespace starocean::table {

// What becomes of a packet (include/uapi/linux/rtnetlink.h, RTN_*).
enum class RouteKind : uint8_t {
  kNone,         // no route
  kForward,      // to a neighbour on an interface of ours
  kElsewhere,    // Linux knows a way, over a device that is not ours: let Linux go it
  kLocal,        // an address of this machine: Linux (RTN_LOCAL, RTN_ANYCAST)
  kBroadcast,    // of a subnet: RTN_BROADCAST
  kBlackhole,    // drop in silence
  kUnreachable,  // drop with ICMP host unreachable
  kProhibit,     // drop with ICMP administratively prohibited
  kThrow,        // as if this table had no route: the next rule decides
};

struct NextHop {
  uint32_t ifindex = 0;
  std::optional<net::Ipv6Address>
      gateway;          // IPv4 mapped (an IPv4 route may have an IPv6 gateway); none: connected
  uint32_t weight = 1;  // 1 to 256, as rtnh_hops + 1
  bool operator==(const NextHop&) const = default;
};

// As configured. kForward needs next hops that are alive (the caller leaves out the dead); all else has none.
// kElsewhere is never set: it is what kForward becomes while its device is not bound.
struct Route {
  RouteKind kind = RouteKind::kForward;
  std::vector<NextHop> next_hops;
  bool operator==(const Route&) const = default;
};

using RouteIndex = uint32_t;      // 0: none
using AdjacencyIndex = uint32_t;  // 0: none

// As Linux has it (NUD_*), reduced to what forwarding asks.
enum class NeighbourState : uint8_t {
  kUnresolved,  // asked for, no answer yet: packets wait, briefly
  kReachable,   // has a MAC address: also stale, delay, probe, permanent, noarp
  kFailed,      // nobody answered: host unreachable
};

// One cache line; immutable but for the atomics.
struct alignas(64) Adjacency {
  // MAC address as MacAddress::as_u64() gives it, shifted left by 16; NeighbourState in the low byte.
  std::atomic<uint64_t> word{0};
  std::atomic<uint16_t> interface { 0xffff };  // InterfaceId, none while the device is not bound
  // Set by the data path when it uses the adjacency, taken by the control thread, which keeps neighbours in
  // use alive. Written only when it is not set already.
  std::atomic<uint8_t> used{0};
  uint32_t ifindex = 0;
  net::Ipv6Address address;

  NeighbourState state() const { return state_of(word.load(std::memory_order_acquire)); }
  static NeighbourState state_of(uint64_t word) { return static_cast<NeighbourState>(word & 0xff); }
  static uint64_t mac_of(uint64_t word) { return word >> 16; }
  InterfaceId interface_id() const {
    return InterfaceId(interface.load(std::memory_order_relaxed));
  }
  void mark_used() {
    if (used.load(std::memory_order_relaxed) == 0) used.store(1, std::memory_order_relaxed);
  }
};

struct Decision {
  RouteKind kind = RouteKind::kNone;
  // kForward: the interface that it leaves by, and the neighbour; adjacency 0: a connected network whose
  // neighbour nobody has asked for yet (ask for `address` of the packet on `ifindex`).
  AdjacencyIndex adjacency = 0;
  InterfaceId interface;
  uint32_t ifindex = 0;
};

class Fib {
 public:
  static constexpr uint32_t kMaxTables = 64;

  // `qsbr` outlives it.
  explicit Fib(ring::Qsbr& qsbr);
  ~Fib();
  Fib(const Fib&) = delete;
  Fib& operator=(const Fib&) = delete;

  // A routing table of Linux (its number), both families. Pointers stay valid until remove_table().
  class Table;
  Result<Table*> add_table(uint32_t linux_table);
  Table* find_table(uint32_t linux_table);
  void remove_table(uint32_t linux_table);  // waits for a grace period

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
  void take_used(F&& f);
  // Frees what no worker can use any more. Call it now and then.
  void collect();
  // For `show route`: the stored route of exactly that prefix; and the longest match with its prefix.
  std::optional<Route> route_of(const Table& table, const net::IpPrefix& prefix) const;
  std::optional<std::pair<net::IpPrefix, Route>> longest_match(
      const Table& table, const net::Ipv6Address& address) const;
  size_t memory_bytes() const;

  // --- Workers ---
  RouteIndex lookup4(const Table& table, uint32_t address_host) const;
  RouteIndex lookup6(const Table& table, const net::Ipv6Address& address) const;
  // Many at once, with the memory accesses overlapped. Equal lengths, at most a batch.
  void lookup4(const Table& table, std::span<const uint32_t> addresses_host,
               std::span<RouteIndex> routes) const;
  void lookup6(const Table& table, std::span<const net::Ipv6Address> addresses,
               std::span<RouteIndex> routes) const;
  // `destination` (IPv4 mapped) finds the neighbour of a connected network; `flow_hash` chooses among several
  // next hops: equal hashes go the same way. Any route index, 0 included.
  Decision decide(RouteIndex route, const net::Ipv6Address& destination, uint32_t flow_hash) const;
  Adjacency& adjacency(AdjacencyIndex index) const;
};

}  // namespace starocean::table
