// Which next hop each bucket of a multipath route leads to. A flow's hash chooses the bucket.
//
// Every next hop has as many buckets as its weight is due, give or take one, and at least one. Coming from the
// buckets of the route before, as few as can be change: those of a next hop that goes, and no other; for one that
// comes or weighs more, what it is due. (The aim of Linux's resilient next-hop groups,
// Documentation/networking/nexthop-group-resilient.rst.) A route with more buckets than its predecessor has each
// of them split, so that the flows stay.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace starocean::table {

inline constexpr uint32_t kMaxNextHops = 256;
inline constexpr uint32_t kLeastBuckets = 64;
inline constexpr uint32_t kMostBuckets = 1024;

// The bucket, of `1 << log2_buckets`, of a flow. Its high bits count, of a product that all bits of the hash
// reach (Knuth, The Art of Computer Programming 3, 6.4): a poor hash does no harm.
constexpr uint32_t bucket_of(uint32_t flow_hash, uint32_t log2_buckets) {
  return static_cast<uint32_t>(uint64_t{flow_hash * 0x9e3779b1u} << log2_buckets >> 32);
}

struct WeightedHop {
  uint32_t hop = 0;     // what to write into its buckets
  uint32_t weight = 1;  // 1 to 256
  bool operator==(const WeightedHop&) const = default;
};

// A power of two of buckets. `hops`: 2 to kMaxNextHops, no hop twice. `old_buckets`, a power of two or none, are
// those before, of `old_hops`.
std::vector<uint32_t> distribute(std::span<const WeightedHop> hops,
                                 std::span<const uint32_t> old_buckets,
                                 std::span<const WeightedHop> old_hops);

}  // namespace starocean::table
