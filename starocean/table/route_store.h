// The routes that prefixes lead to, each kept once, with a count of the prefixes. Part of the Fib.
//
// A published record never changes. A hop is the index of an adjacency, and whether it is the neighbour itself
// or stands for the networks connected to its device. Routes are equal if configured the same and, with several next hops, their buckets are: those
// depend on what came before (hop_buckets.h).
//
// One writer; readers as in fib.h.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "starocean/base/reserved_memory.h"
#include "starocean/base/result.h"
#include "starocean/ring/qsbr.h"
#include "starocean/table/adjacency_table.h"
#include "starocean/table/grace_list.h"
#include "starocean/table/hop_buckets.h"
#include "starocean/table/route.h"

namespace starocean::table {

class RouteStore {
 public:
  // 256 MiB of address space; less where that is small.
  static constexpr uint32_t kMaxRoutes = sizeof(void*) < 8 ? 1u << 20 : (1u << 24) - 1;
  static constexpr uint32_t kConnected = 1u << 31;  // a flag of a hop

  struct Record {
    RouteKind kind;
    uint8_t log2_buckets;  // 0: `hop` is the only one
    uint32_t hop;
    const uint32_t* buckets;
  };

  // At most `limit`, to kMaxRoutes. `qsbr` and `adjacencies` outlive it.
  static Result<std::unique_ptr<RouteStore>> create(ring::Qsbr& qsbr, AdjacencyTable& adjacencies,
                                                    uint32_t limit);

  // --- Writer ---
  // Finds or makes it. Each acquire() has its release(). `previous`, or 0, is what the prefix had.
  Result<RouteIndex> acquire(const Route& route, RouteIndex previous);
  void release(RouteIndex index);
  const Route& route(RouteIndex index) const { return cold_[index].route; }
  void collect();
  size_t size() const { return live_; }
  size_t memory_bytes() const;

  // --- Readers ---
  const Record& operator[](RouteIndex index) const { return records_[index]; }
  uint32_t hop_of(const Record& record, uint32_t flow_hash) const {
    if (record.log2_buckets == 0) [[likely]]
      return record.hop;
    return record.buckets[bucket_of(flow_hash, record.log2_buckets)];
  }

 private:
  struct Cold {
    Route route;
    uint32_t prefixes = 0;
    std::vector<WeightedHop> hops;  // no hop twice
    std::vector<uint32_t> buckets;
  };
  RouteStore(ring::Qsbr& qsbr, AdjacencyTable& adjacencies, ReservedMemory memory, uint32_t limit);
  static Status check(const Route& route);
  static uint64_t hash_of(const Route& route);
  Result<std::vector<WeightedHop>> resolve(const Route& route);
  void release_hops(const std::vector<WeightedHop>& hops);
  std::vector<uint32_t> buckets_for(const std::vector<WeightedHop>& hops,
                                    RouteIndex previous) const;
  RouteIndex find(const Route& route, uint64_t hash, const std::vector<uint32_t>& buckets) const;
  RouteIndex find_single(const Route& route, uint64_t hash, RouteIndex previous) const;
  RouteIndex take_index();
  void publish(RouteIndex index);

  ring::Qsbr& qsbr_;
  AdjacencyTable& adjacencies_;
  ReservedMemory memory_;
  Record* records_;
  // The writer's.
  uint32_t limit_;
  RouteIndex end_ = 1;  // from here on never used
  size_t live_ = 0;
  std::vector<Cold> cold_;
  std::vector<RouteIndex> free_;
  std::unordered_multimap<uint64_t, RouteIndex> by_hash_;
  GraceList<RouteIndex> retired_;
};

}  // namespace starocean::table
