// All routes of one family that Linux has, those too that another of a better metric stands in front of: 24 bytes
// each for IPv4, 36 for IPv6. Control thread.
//
// A route stays where it is in memory until it is erased, so that a walk in pieces (slots() and at()) passes each once,
// whatever is inserted and erased meanwhile. Routes of one prefix are found by hash; there may be several.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "starocean/net/ip_prefix.h"

namespace starocean::control {

template <class Address>
struct StoredRoute {
  static constexpr uint8_t kInstalled = 1;  // the one that forwarding follows
  static constexpr uint8_t kByNews = 2;     // in this generation told by news, not by the list
  static constexpr uint8_t kReplaced = 4;   // … which replaced another
  static constexpr uint8_t kTombstone =
      8;  // … which said that it is gone: the list may still say otherwise
  static constexpr uint8_t kMissed = 16;    // was not in the last list
  static constexpr uint8_t kRankShift = 5;  // the upper three bits: order among equal metrics
  static constexpr uint8_t kMaxRank = 7;

  Address address{};
  uint32_t metric = 0;
  uint32_t value = 0;  // ValueIndex; 0: a free slot
  uint32_t next = 0;   // in its bucket, or in the list of free slots
  uint8_t table = 0;
  uint8_t length = 0;
  uint8_t generation = 0;
  uint8_t bits = 0;

  bool has(uint8_t bit) const { return (bits & bit) != 0; }
  void set(uint8_t bit) { bits = static_cast<uint8_t>(bits | bit); }
  void clear(uint8_t bit) { bits = static_cast<uint8_t>(bits & ~bit); }
  uint8_t rank() const { return static_cast<uint8_t>(bits >> kRankShift); }
  void set_rank(uint32_t rank) {
    const uint32_t capped = rank > kMaxRank ? kMaxRank : rank;
    bits = static_cast<uint8_t>((bits & ((1u << kRankShift) - 1)) | capped << kRankShift);
  }
};

template <class Address>
struct RouteKey {
  uint8_t table = 0;
  uint8_t length = 0;
  Address address{};
};

template <class Address>
class StoredRoutes {
 public:
  using Route = StoredRoute<Address>;
  using Key = RouteKey<Address>;
  using Slot = uint32_t;  // 0: none

  StoredRoutes() : buckets_(kFirstBuckets) { grow_arena(); }

  Route& at(Slot slot) { return chunks_[slot / kChunk][slot % kChunk]; }
  const Route& at(Slot slot) const { return chunks_[slot / kChunk][slot % kChunk]; }
  // Slots are 1 to slots() - 1; a free one has the value 0.
  Slot slots() const { return used_; }
  size_t size() const { return size_; }

  // Calls visit(slot) for each route of the prefix; it may erase that one.
  template <class Visit>
  void each_of(const Key& key, Visit visit) const {
    for (Slot slot = buckets_[bucket_of(key)]; slot != 0;) {
      const Route& route = at(slot);
      const Slot next = route.next;
      if (is_of(route, key)) visit(slot);
      slot = next;
    }
  }

  Slot insert(const Key& key, uint32_t metric, uint32_t value) {
    if (size_ >= buckets_.size()) grow_buckets();
    const Slot slot = take_slot();
    Route& route = at(slot);
    route = Route{.address = key.address, .metric = metric, .value = value};
    route.table = key.table;
    route.length = key.length;
    Slot& head = buckets_[bucket_of(key)];
    route.next = head;
    head = slot;
    ++size_;
    return slot;
  }

  void erase(Slot slot) {
    Route& route = at(slot);
    Slot* link = &buckets_[bucket_of(key_of(route))];
    while (*link != slot) link = &at(*link).next;
    *link = route.next;
    route = Route();
    route.next = free_;
    free_ = slot;
    --size_;
  }

  static Key key_of(const Route& route) { return {route.table, route.length, route.address}; }
  size_t memory_bytes() const {
    return buckets_.capacity() * sizeof(Slot) + chunks_.size() * kChunk * sizeof(Route);
  }

 private:
  static constexpr size_t kChunk = 16384;
  static constexpr size_t kFirstBuckets = 1024;

  static bool is_of(const Route& route, const Key& key) {
    return route.length == key.length && route.table == key.table && route.address == key.address;
  }

  size_t bucket_of(const Key& key) const {
    uint64_t hash = uint64_t{key.table} << 8 | key.length;
    if constexpr (sizeof(Address) == 4) {
      hash = hash << 32 | key.address;
    } else {
      const auto words = std::bit_cast<std::array<uint64_t, 2>>(key.address.bytes());
      hash = (hash ^ words[0]) * kMultiplier;
      hash = (hash ^ hash >> 32) + words[1];
    }
    hash *= kMultiplier;
    return (hash ^ hash >> 32) * kMultiplier >> shift_;
  }

  void grow_buckets() {
    std::vector<Slot> old(buckets_.size() * 2);
    old.swap(buckets_);
    --shift_;
    for (Slot head : old) {
      while (head != 0) {
        Route& route = at(head);
        const Slot next = route.next;
        Slot& bucket = buckets_[bucket_of(key_of(route))];
        route.next = bucket;
        bucket = head;
        head = next;
      }
    }
  }

  Slot take_slot() {
    if (free_ != 0) {
      const Slot slot = free_;
      free_ = at(slot).next;
      return slot;
    }
    if (used_ == chunks_.size() * kChunk) grow_arena();
    return used_++;
  }
  void grow_arena() { chunks_.push_back(std::make_unique<Route[]>(kChunk)); }

  static constexpr uint64_t kMultiplier = 0x9e3779b97f4a7c15u;  // 2^64 / golden ratio

  std::vector<Slot> buckets_;
  uint32_t shift_ = 64 - static_cast<uint32_t>(std::countr_zero(kFirstBuckets));
  std::vector<std::unique_ptr<Route[]>> chunks_;
  Slot used_ = 1;  // slot 0 is none
  Slot free_ = 0;
  size_t size_ = 0;
};

}  // namespace starocean::control
