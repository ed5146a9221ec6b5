#include "starocean/table/route_store.h"

#include <algorithm>
#include <bit>
#include <functional>
#include <string>
#include <utility>

#include "starocean/base/check.h"

namespace starocean::table {

Result<std::unique_ptr<RouteStore>> RouteStore::create(ring::Qsbr& qsbr,
                                                       AdjacencyTable& adjacencies,
                                                       uint32_t limit) {
  limit = std::min(limit, kMaxRoutes);
  auto memory = ReservedMemory::map((size_t{limit} + 1) * sizeof(Record), "the router's routes");
  if (!memory) return fail(memory.error());
  return std::unique_ptr<RouteStore>(new RouteStore(qsbr, adjacencies, std::move(*memory), limit));
}

RouteStore::RouteStore(ring::Qsbr& qsbr, AdjacencyTable& adjacencies, ReservedMemory memory,
                       uint32_t limit)
    : qsbr_(qsbr),
      adjacencies_(adjacencies),
      memory_(std::move(memory)),
      records_(memory_.as<Record>()),
      limit_(limit),
      cold_(1) {}

Status RouteStore::check(const Route& route) {
  const auto refuse = [](const std::string& cause) {
    return fail("cannot set a route", cause, "this is an error of the caller");
  };
  if (route.kind == RouteKind::kNone || route.kind == RouteKind::kElsewhere) {
    return refuse("'none' and 'elsewhere' are no kinds to set");
  }
  if (route.kind != RouteKind::kForward) {
    if (!route.next_hops.empty()) return refuse("only a route that forwards has next hops");
    return {};
  }
  if (route.next_hops.empty()) return refuse("it forwards, and has no next hop");
  if (route.next_hops.size() > kMaxNextHops) {
    return fail("cannot set a route",
                std::to_string(route.next_hops.size()) + " next hops are too many",
                std::to_string(kMaxNextHops) + " are possible");
  }
  for (const NextHop& hop : route.next_hops) {
    if (hop.weight < 1 || hop.weight > 256) return refuse("a weight is not within 1 to 256");
  }
  return {};
}

uint64_t RouteStore::hash_of(const Route& route) {
  uint64_t hash = static_cast<uint64_t>(route.kind);
  const auto add = [&](uint64_t value) {
    hash = (hash ^ hash >> 32 ^ value) * 0x9e3779b97f4a7c15u;
  };
  for (const NextHop& hop : route.next_hops) {
    add(hop.ifindex);
    add(hop.weight);
    if (hop.gateway) add(std::hash<net::Ipv6Address>()(*hop.gateway));
  }
  return hash;
}

Result<RouteIndex> RouteStore::acquire(const Route& route, RouteIndex previous) {
  const uint64_t hash = hash_of(route);
  if (const RouteIndex known = find_single(route, hash, previous); known != 0) {
    ++cold_[known].prefixes;
    return known;
  }
  if (auto good = check(route); !good) return fail(good.error());
  auto hops = resolve(route);
  if (!hops) return fail(hops.error());
  std::vector<uint32_t> buckets = buckets_for(*hops, previous);
  if (const RouteIndex known = find(route, hash, buckets); known != 0) {
    release_hops(*hops);
    ++cold_[known].prefixes;
    return known;
  }
  const RouteIndex index = take_index();
  if (index == 0) {
    release_hops(*hops);
    return fail("cannot take another route",
                std::to_string(limit_) + " different ones are there, as many as there may be",
                "use fewer next hops");
  }
  cold_[index] = {route, 1, std::move(*hops), std::move(buckets)};
  publish(index);
  by_hash_.emplace(hash, index);
  ++live_;
  return index;
}

// Without a choice of buckets: what the prefix had, or any equal route of a single way.
RouteIndex RouteStore::find_single(const Route& route, uint64_t hash, RouteIndex previous) const {
  if (previous != 0 && cold_[previous].route == route) return previous;
  const auto [begin, end] = by_hash_.equal_range(hash);
  for (auto at = begin; at != end; ++at) {
    const Cold& cold = cold_[at->second];
    if (cold.buckets.empty() && cold.route == route) return at->second;
  }
  return 0;
}

RouteIndex RouteStore::find(const Route& route, uint64_t hash,
                            const std::vector<uint32_t>& buckets) const {
  const auto [begin, end] = by_hash_.equal_range(hash);
  for (auto at = begin; at != end; ++at) {
    const Cold& cold = cold_[at->second];
    if (cold.route == route && cold.buckets == buckets) return at->second;
  }
  return 0;
}

// The next hops' adjacencies, each with a reference. Equal next hops become one, with the sum of weights.
Result<std::vector<WeightedHop>> RouteStore::resolve(const Route& route) {
  std::vector<WeightedHop> hops;
  for (const NextHop& next : route.next_hops) {
    const auto index = next.gateway ? adjacencies_.acquire(next.ifindex, *next.gateway)
                                    : adjacencies_.acquire_connected(next.ifindex);
    if (!index) {
      release_hops(hops);
      return fail(index.error());
    }
    const uint32_t hop = *index | (next.gateway ? 0 : kConnected);
    const auto same = std::find_if(hops.begin(), hops.end(),
                                   [&](const WeightedHop& known) { return known.hop == hop; });
    if (same == hops.end()) {
      hops.push_back({hop, next.weight});
      continue;
    }
    same->weight += next.weight;
    adjacencies_.release(*index);
  }
  return hops;
}

void RouteStore::release_hops(const std::vector<WeightedHop>& hops) {
  for (const WeightedHop& hop : hops) adjacencies_.release(hop.hop & ~kConnected);
}

std::vector<uint32_t> RouteStore::buckets_for(const std::vector<WeightedHop>& hops,
                                              RouteIndex previous) const {
  if (hops.size() < 2) return {};
  if (previous == 0 || cold_[previous].hops.empty()) return distribute(hops, {}, {});
  const Cold& old = cold_[previous];
  if (!old.buckets.empty()) return distribute(hops, old.buckets, old.hops);
  // All of a single way's flows were in one bucket, so to speak.
  return distribute(hops, std::span(&old.hops.front().hop, 1), old.hops);
}

RouteIndex RouteStore::take_index() {
  if (free_.empty()) collect();
  if (!free_.empty()) {
    const RouteIndex index = free_.back();
    free_.pop_back();
    return index;
  }
  if (end_ > limit_) return 0;
  cold_.emplace_back();
  return end_++;
}

void RouteStore::publish(RouteIndex index) {
  const Cold& cold = cold_[index];
  Record& record = records_[index];
  record.kind = cold.route.kind;
  record.hop = cold.hops.empty() ? 0 : cold.hops.front().hop;
  record.log2_buckets = cold.buckets.empty()
                            ? uint8_t{0}
                            : static_cast<uint8_t>(std::countr_zero(cold.buckets.size()));
  record.buckets = cold.buckets.data();
}

void RouteStore::release(RouteIndex index) {
  Cold& cold = cold_[index];
  SO_CHECK(cold.prefixes > 0, "a route is released as often as acquired");
  if (--cold.prefixes != 0) return;
  const auto [begin, end] = by_hash_.equal_range(hash_of(cold.route));
  by_hash_.erase(
      std::find_if(begin, end, [&](const auto& entry) { return entry.second == index; }));
  --live_;
  // Its adjacencies are retired now too, and its buckets freed with it: readers may be at them.
  release_hops(cold.hops);
  cold.hops.clear();
  retired_.retire(index);
}

void RouteStore::collect() {
  retired_.collect(qsbr_, [this](RouteIndex index) {
    cold_[index] = {};
    free_.push_back(index);
  });
}

size_t RouteStore::memory_bytes() const {
  size_t bytes = end_ * (sizeof(Record) + sizeof(Cold));
  for (const Cold& cold : cold_) {
    bytes += cold.buckets.capacity() * sizeof(uint32_t) +
             cold.hops.capacity() * sizeof(WeightedHop) +
             cold.route.next_hops.capacity() * sizeof(NextHop);
  }
  return bytes;
}

}  // namespace starocean::table
