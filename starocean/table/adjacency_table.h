// Neighbours on devices: an array of adjacencies, and a hash from (device, address) to them. Part of the Fib.
//
// An adjacency exists while Linux knows the neighbour or a route leads through it; then its place is used again
// after a grace period. One more for each device stands for the networks connected to it (others call it glean):
// it has no address, and is not found. Readers go through the array by index, or find() one: the hash is open addressing over
// words of 24 bits index and 8 bits of the hash, so that a look-up reads a line of words and the adjacency, which
// is read next anyway. A hash that grows too full is replaced by another as a whole. It is seeded at random:
// whoever can make up neighbours (a /64 of IPv6 addresses) cannot make them collide.
//
// One writer; readers as in fib.h.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "starocean/base/ids.h"
#include "starocean/base/reserved_memory.h"
#include "starocean/base/result.h"
#include "starocean/net/mac_address.h"
#include "starocean/ring/qsbr.h"
#include "starocean/table/adjacency.h"
#include "starocean/table/grace_list.h"

namespace starocean::table {

class AdjacencyTable {
 public:
  // 1 GiB of address space; less where that is small.
  static constexpr uint32_t kMaxAdjacencies = sizeof(void*) < 8 ? 1u << 20 : (1u << 24) - 1;

  // At most `limit`, to kMaxAdjacencies. `qsbr` outlives it.
  static Result<std::unique_ptr<AdjacencyTable>> create(ring::Qsbr& qsbr, uint32_t limit);
  ~AdjacencyTable();

  // --- Writer ---
  // Finds or makes it, for a route. Each acquire() has its release().
  Result<AdjacencyIndex> acquire(uint32_t ifindex, const net::Ipv6Address& address);
  Result<AdjacencyIndex> acquire_connected(uint32_t ifindex);
  void release(AdjacencyIndex index);
  Status set_neighbour(uint32_t ifindex, const net::Ipv6Address& address, NeighbourState state,
                       net::MacAddress mac);
  void remove_neighbour(uint32_t ifindex, const net::Ipv6Address& address);
  // Of all on that device, and those to come.
  void set_interface(uint32_t ifindex, InterfaceId interface);
  template <class F>
  void take_used(F&& f) {
    for (AdjacencyIndex i = 1; i < end_; ++i) {
      Adjacency& adjacency = adjacencies_[i];
      if (cold_[i].live() && adjacency.used.load(std::memory_order_relaxed) != 0 &&
          adjacency.used.exchange(0, std::memory_order_relaxed) != 0) {
        f(static_cast<const Adjacency&>(adjacency));
      }
    }
  }
  // Calls f(const Adjacency&) for each neighbour; not for what stands for connected networks.
  template <class F>
  void for_each(F&& f) const {
    for (AdjacencyIndex i = 1; i < end_; ++i) {
      if (cold_[i].live() && !adjacencies_[i].address.is_unspecified()) {
        f(static_cast<const Adjacency&>(adjacencies_[i]));
      }
    }
  }
  void collect();
  size_t size() const { return live_; }
  size_t memory_bytes() const;

  // --- Readers ---
  Adjacency& operator[](AdjacencyIndex index) const { return adjacencies_[index]; }
  // 0: none.
  AdjacencyIndex find(uint32_t ifindex, const net::Ipv6Address& address) const;

 private:
  struct Cold {
    uint32_t routes = 0;
    bool neighbour = false;
    bool connected = false;  // not of an address
    bool live() const { return routes != 0 || neighbour; }
  };
  struct Hash;
  AdjacencyTable(ring::Qsbr& qsbr, ReservedMemory memory, uint32_t limit);
  uint64_t hash_of(uint32_t ifindex, const net::Ipv6Address& address) const;
  Result<AdjacencyIndex> find_or_make(uint32_t ifindex, const net::Ipv6Address& address);
  Result<AdjacencyIndex> make(uint32_t ifindex, const net::Ipv6Address& address);
  AdjacencyIndex take_index();
  void forget(const Adjacency& adjacency, AdjacencyIndex index);
  void remove_if_unused(AdjacencyIndex index);
  void insert(uint64_t hash, AdjacencyIndex index);
  void make_room();

  ring::Qsbr& qsbr_;
  ReservedMemory memory_;
  Adjacency* adjacencies_;
  uint64_t seed_;
  std::atomic<Hash*> hash_;
  // The writer's.
  std::unique_ptr<Hash> owned_hash_;
  uint32_t limit_;
  AdjacencyIndex end_ = 1;  // from here on never used
  size_t live_ = 0;
  std::vector<Cold> cold_;
  std::vector<AdjacencyIndex> free_;
  std::unordered_map<uint32_t, AdjacencyIndex> connected_;  // by ifindex
  std::unordered_map<uint32_t, InterfaceId> interfaces_;
  GraceList<AdjacencyIndex> retired_;
  GraceList<std::unique_ptr<Hash>> old_hashes_;
};

}  // namespace starocean::table
