#include "starocean/table/hop_buckets.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

#include "starocean/base/check.h"

namespace starocean::table {
namespace {

constexpr uint32_t kFree = UINT32_MAX;  // no next hop of a new route

struct Share {
  double due;  // buckets
  uint32_t have = 0;

  double lack() const { return due - have; }
  bool may_give() const { return have > 1 && lack() < 0; }
};

// Enough that each unit of weight has some, within limits.
uint32_t bucket_count(std::span<const WeightedHop> hops, size_t old_count) {
  uint32_t divisor = hops.front().weight, sum = 0;
  for (const WeightedHop& hop : hops) divisor = std::gcd(divisor, hop.weight), sum += hop.weight;
  const uint32_t wanted = std::bit_ceil(16 * (sum / divisor));
  return std::max(std::clamp(wanted, kLeastBuckets, kMostBuckets),
                  static_cast<uint32_t>(old_count));
}

bool only_fewer(std::span<const WeightedHop> hops, std::span<const WeightedHop> old_hops) {
  return std::all_of(hops.begin(), hops.end(), [&](const WeightedHop& hop) {
    return std::find(old_hops.begin(), old_hops.end(), hop) != old_hops.end();
  });
}

class Assignment {
 public:
  Assignment(std::span<const WeightedHop> hops, std::span<const uint32_t> old_buckets)
      : hops_(hops), owner_(bucket_count(hops, old_buckets.size()), kFree) {
    double sum = 0;
    for (const WeightedHop& hop : hops) sum += hop.weight;
    for (const WeightedHop& hop : hops) {
      shares_.push_back({hop.weight / sum * static_cast<double>(owner_.size())});
    }
    for (size_t b = 0; b < owner_.size() && !old_buckets.empty(); ++b) {
      keep(b, old_buckets[b * old_buckets.size() / owner_.size()]);
    }
  }
  // To whom lacks most.
  void give_free() {
    for (uint32_t& owner : owner_) {
      if (owner == kFree) give(owner, neediest());
    }
  }
  // From those with more than their due to those with less, until all are within one bucket of it.
  void level() {
    for (;;) {
      const uint32_t to = neediest();
      const uint32_t from = richest();
      if (from == kFree) return;
      if (shares_[to].lack() < 1 && shares_[from].lack() > -1) return;
      // The last one: those of one next hop are spread over all.
      const auto bucket = std::find(owner_.rbegin(), owner_.rend(), from);
      --shares_[from].have;
      give(*bucket, to);
    }
  }
  // Whoever has none gets one, of whoever has most.
  void at_least_one() {
    for (uint32_t hop = 0; hop < shares_.size(); ++hop) {
      if (shares_[hop].have > 0) continue;
      const auto most = std::max_element(shares_.begin(), shares_.end(),
                                         [](auto& a, auto& b) { return a.have < b.have; });
      const auto from = static_cast<uint32_t>(most - shares_.begin());
      --most->have;
      give(*std::find(owner_.begin(), owner_.end(), from), hop);
    }
  }
  std::vector<uint32_t> result() const {
    std::vector<uint32_t> buckets;
    for (const uint32_t owner : owner_) buckets.push_back(hops_[owner].hop);
    return buckets;
  }

 private:
  void keep(size_t bucket, uint32_t hop) {
    for (uint32_t i = 0; i < hops_.size(); ++i) {
      if (hops_[i].hop == hop) return give(owner_[bucket], i);
    }
  }
  void give(uint32_t& owner, uint32_t hop) {
    owner = hop;
    ++shares_[hop].have;
  }
  uint32_t neediest() const {
    const auto found = std::max_element(shares_.begin(), shares_.end(),
                                        [](auto& a, auto& b) { return a.lack() < b.lack(); });
    return static_cast<uint32_t>(found - shares_.begin());
  }
  uint32_t richest() const {
    uint32_t best = kFree;
    for (uint32_t i = 0; i < shares_.size(); ++i) {
      if (shares_[i].may_give() && (best == kFree || shares_[i].lack() < shares_[best].lack())) {
        best = i;
      }
    }
    return best;
  }

  std::span<const WeightedHop> hops_;
  std::vector<Share> shares_;
  std::vector<uint32_t> owner_;  // of each bucket, an index of hops_
};

}  // namespace

std::vector<uint32_t> distribute(std::span<const WeightedHop> hops,
                                 std::span<const uint32_t> old_buckets,
                                 std::span<const WeightedHop> old_hops) {
  SO_CHECK(hops.size() >= 2 && hops.size() <= kMaxNextHops, "several next hops, but not too many");
  Assignment assignment(hops, old_buckets);
  assignment.give_free();
  if (!only_fewer(hops, old_hops)) assignment.level();
  assignment.at_least_one();
  return assignment.result();
}

}  // namespace starocean::table
