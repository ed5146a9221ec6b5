// The MAC table of all bridges: which port a station was last heard on. One table, shared by all
// workers; every worker learns, looks up and ages in place, without locks and without allocation.
//
// Shape. An entry is two 64-bit words: key (bridge, MAC) and value (port, stamp, static or not).
// Four entries fill a cache line, a bucket. A key has two buckets, chosen by two hashes: it lies
// in the first, or, if that was full when it came, in the second. So a look-up mostly reads one
// line and never more than two, and there is no probing, so deletion leaves no tombstones. If
// both buckets of a new key are full, one of their eight entries is moved to its other bucket
// (cuckoo hashing with buckets: Dietzfelbinger and Weidling, Theor. Comput. Sci. 380, 2007, cut
// to one step). Provisioned are two entries per bucket, 32 bytes each: filling a table so far
// displaces one entry for 270 learned, and a table takes the number of random MACs that it was
// made for. kFull means more than that, or MACs chosen to collide; the hashes are seeded at
// random against the latter.
//
// Concurrency. Any thread may call anything at any time, but for construction and destruction, and
// for static entries: add_static(), remove() and Flush::kAll are for one control thread at a time.
// Each transition of an entry is one compare-and-swap (mac_slot.h), so that an update either
// applies to the entry it was meant for or is retried. What follows for callers:
//  - Two threads that learn the same new MAC at the same moment may both insert it. Each then looks
//    for the other (both publish first, in one total order, so at least the later one finds both)
//    and all but the first in bucket order are removed, a static entry winning over any dynamic
//    one. When all calls of learn() have returned, one entry is left, with the port of one of them.
//  - Every answer is one that was true at some moment during the call, with one exception: a
//    look-up that coincides with the moving of that very entry (see above: rare) may not find it;
//    the frame is flooded, as for any unknown address. Likewise a dynamic entry that is inserted
//    anew while it is being moved may be forgotten, and is learned again from the next frame.
//  - A learn() in flight during flush_port() may insert just after the flush has passed. Who takes
//    a port down stops its traffic first, or flushes again after a grace period.
//
// Time. `now_ms` is any millisecond clock that wraps at 2^32 (49.7 days); differences are taken
// modulo 2^32 as signed numbers, a stamp slightly ahead of `now_ms` counting as age 0. Therefore
// aging_ms ≤ kNeverMs = 2^31 - 1 (24.8 days), which stands for "never"; and age() must come by each
// bucket at least once in 2^31 ms less aging_ms, or an entry long expired looks young again.
// aging_ms 0: every entry is expired at once (a hub, as in Linux's bridge). A stamp is renewed only
// when it is kRefreshMs old (a quarter of aging_ms, if that is less), so that traffic of known
// stations leaves the line clean and shared; entries may expire that much early.
//
// MAC addresses are integers of 48 bits, the first octet on the wire the most significant. The
// caller does not learn group addresses or 00:00:00:00:00:00; the table does not look.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <type_traits>

#include "starocean/base/cpu.h"
#include "starocean/base/ids.h"
#include "starocean/table/mac_slot.h"

namespace starocean::table {

struct MacLookup {
  PortId port;  // none() when not found
  bool found = false;
  bool is_static = false;
};

struct LearnResult {
  enum Kind : uint8_t {
    kKnown,      // as before; nothing written
    kRefreshed,  // as before; the stamp renewed
    kLearned,    // a new entry, or an expired one revived
    kMoved,      // was on `previous` until now
    kStatic,     // a static entry says `previous`, another port; unchanged
    kFull,       // no room; not learned
  };
  Kind kind;
  PortId previous = PortId::none();
};

struct MacEntry {
  BridgeId bridge;
  uint64_t mac;
  PortId port;
  bool is_static;
  uint32_t stamp_ms;  // when last refreshed; meaningless for static entries
};

class MacTable {
 public:
  static constexpr uint32_t kNeverMs = INT32_MAX;
  static constexpr uint32_t kRefreshMs = 1000;
  static constexpr uint32_t kEntriesPerBucket = 2;  // provisioned; a bucket has room for twice that
  enum class Flush { kDynamic, kAll };

  // For `capacity` entries (at most kMaxCapacity), in memory of its own. All of it is written here,
  // so that no page fault comes later.
  static constexpr size_t kMaxCapacity = size_t{1} << 30;
  explicit MacTable(size_t capacity, uint64_t seed = random_seed());
  // In the caller's memory, which must outlive the table, be aligned to kCacheLine and have
  // bytes_needed(capacity) bytes; what it held is overwritten. SO_CHECK otherwise.
  MacTable(std::span<std::byte> memory, size_t capacity, uint64_t seed = random_seed());
  MacTable(const MacTable&) = delete;
  MacTable& operator=(const MacTable&) = delete;

  static size_t bytes_needed(size_t capacity);
  static uint64_t random_seed();

  // The port of `mac`, if there is an entry that has not expired.
  MacLookup lookup(BridgeId bridge, uint64_t mac, uint32_t now_ms, uint32_t aging_ms) const;

  // "`mac` was heard on `port` just now." An expired entry of the same bridge
  // may have to give up its place.
  LearnResult learn(BridgeId bridge, uint64_t mac, PortId port, uint32_t now_ms, uint32_t aging_ms);

  // Starts loading the lines that learn() and lookup() will read.
  void prefetch(BridgeId bridge, uint64_t mac) const;

  // Makes or changes an entry that neither ages nor moves. False when there is no room.
  bool add_static(BridgeId bridge, uint64_t mac, PortId port);
  // Removes the entry, dynamic or static. False when there is none.
  bool remove(BridgeId bridge, uint64_t mac);
  // Remove all entries of a port or bridge; by default the dynamic ones only. They return how many.
  size_t flush_port(PortId port, Flush what = Flush::kDynamic);
  size_t flush_bridge(BridgeId bridge, Flush what = Flush::kDynamic);

  // Removes expired entries from buckets [bucket_begin, bucket_end), cut to bucket_count(); returns
  // how many. Call it for a part of the table at a time: 1000 buckets take some microseconds.
  // `aging_ms_of(BridgeId)` gives the aging time of a bridge.
  template <class AgingOf>
  requires std::is_invocable_r_v<uint32_t, AgingOf, BridgeId> size_t age(uint32_t now_ms,
                                                                         AgingOf&& aging_ms_of,
                                                                         size_t bucket_begin,
                                                                         size_t bucket_end) {
    return remove_if(bucket_begin, bucket_end, [&](uint64_t key, uint64_t word) {
      return mac::is_expired(word, now_ms, never_capped(aging_ms_of(mac::bridge_of(key))));
    });
  }
  size_t age(uint32_t now_ms, uint32_t aging_ms, size_t bucket_begin, size_t bucket_end) {
    return age(
        now_ms, [aging_ms](BridgeId) { return aging_ms; }, bucket_begin, bucket_end);
  }

  // Calls `callback(const MacEntry&)` for each entry, expired or not, in no order. Entries that
  // come or go meanwhile may be missed, one that moves within the table may be seen twice or not.
  template <class Callback>
  void for_each(Callback&& callback) const {
    for (size_t b = 0; b < bucket_count_; ++b) {
      for (uint32_t i = 0; i < mac::kSlotsPerBucket; ++i) {
        const uint64_t key = buckets_[b].keys[i].load(std::memory_order_acquire);
        uint64_t word = 0;
        if (!buckets_[b].read(i, key, word)) continue;
        callback(MacEntry{mac::bridge_of(key), mac::mac_of(key), mac::port_of(word),
                          mac::state_of(word) == mac::kStatic, mac::stamp_of(word)});
      }
    }
  }

  // From now on `counts[port]` is the number of entries of each port that it has room for, expired and static
  // ones included; off by the operations in flight. The table must be empty, and not yet shared; `counts` are
  // zero, and outlive the table.
  void count_ports(std::span<std::atomic<uint32_t>> counts) { port_counts_ = counts; }
  // Entries, expired ones included; off by the operations in flight.
  size_t size() const { return size_.load(std::memory_order_relaxed); }
  size_t capacity() const { return capacity_; }
  size_t bucket_count() const { return bucket_count_; }
  // How often an entry was moved to its other bucket to make room.
  size_t displacements() const { return moves_.load(std::memory_order_relaxed); }

 private:
  static constexpr uint32_t kOneLess = UINT32_MAX;  // modulo 2^32

  struct Home {
    uint32_t first, second;  // bucket numbers, always different
  };
  // Whose places a new entry may take: expired ones of its own bridge, whose aging time is known.
  struct Expiry {
    BridgeId bridge;
    uint32_t now_ms, aging_ms;
  };
  struct Place {
    mac::Bucket* bucket = nullptr;
    uint32_t slot = 0;
    std::atomic<uint64_t>& word() const { return bucket->words[slot]; }
  };
  struct FreeMemory {
    void operator()(std::byte* memory) const {
      ::operator delete (memory, std::align_val_t{kNoSharing});
    }
  };

  static constexpr uint32_t never_capped(uint32_t aging_ms) {
    return aging_ms >= kNeverMs ? UINT32_MAX : aging_ms;
  }
  static constexpr int32_t refresh_after(uint32_t aging_ms) {
    const uint32_t quarter = aging_ms / 4 + 1;
    return static_cast<int32_t>(quarter < kRefreshMs ? quarter : kRefreshMs);
  }

  Home home_of(uint64_t key) const;
  bool find(uint64_t key, Home home, Place& place, uint64_t& word) const;
  // `payload` is a value word without generation. False when there is no room.
  bool insert(uint64_t key, Home home, uint64_t payload, Expiry expiry);
  bool claim(Home home, Expiry expiry, Place& place);
  bool claim_in(uint32_t bucket, Expiry expiry, Place& place);
  bool make_room(uint32_t bucket, Expiry expiry, Place& place);
  bool move_away(Place from, uint32_t bucket, Expiry expiry);
  // Fills a slot held busy; returns the value word that it now has.
  uint64_t publish(Place place, uint64_t key, uint64_t payload);
  void remove_duplicates(uint64_t key, Home home);
  // Frees the slot if its value is still `word`.
  bool release(Place place, uint64_t word);
  void count(PortId port, uint32_t change) {
    if (port.index() < port_counts_.size()) {
      port_counts_[port.index()].fetch_add(change, std::memory_order_relaxed);
    }
  }
  void count_move(PortId from, PortId to) {
    if (from == to) return;
    count(from, kOneLess);
    count(to, 1);
  }
  template <class Predicate>
  size_t remove_if(size_t bucket_begin, size_t bucket_end, Predicate&& predicate);
  template <class Predicate>
  size_t remove_everywhere(Predicate&& predicate);

  // Read by all, written by none.
  const size_t capacity_;
  const uint32_t bucket_count_;
  const uint64_t seed_;
  std::unique_ptr<std::byte, FreeMemory> owned_;
  mac::Bucket* buckets_;
  std::span<std::atomic<uint32_t>> port_counts_;
  alignas(kNoSharing) std::atomic<size_t> size_{0};
  std::atomic<size_t> moves_{0};
};

// ---- The hot path ----

inline MacTable::Home MacTable::home_of(uint64_t key) const {
  // Two rounds of multiply and fold; both halves of the result depend on all bits of the key.
  uint64_t hash = (key ^ seed_) * 0x9e3779b97f4a7c15u;
  hash ^= hash >> 32;
  hash *= 0xd6e8feb86659fd93u;
  hash ^= hash >> 32;
  const uint64_t high = hash >> 32;
  const uint64_t low = static_cast<uint32_t>(hash);
  const auto first = static_cast<uint32_t>(high * bucket_count_ >> 32);
  uint32_t second = first + 1 + static_cast<uint32_t>(low * (bucket_count_ - 1) >> 32);
  second -= second >= bucket_count_ ? bucket_count_ : 0;
  return {first, second};
}

inline bool MacTable::find(uint64_t key, Home home, Place& place, uint64_t& word) const {
  // The second bucket only if need be: most entries lie in the first, and the branch learns that.
  for (const uint32_t bucket : {home.first, home.second}) {
    place.bucket = &buckets_[bucket];
    uint32_t candidates = place.bucket->candidates(key);
    // More than one bit is set only while an entry is coming or going.
    for (; candidates != 0; candidates &= candidates - 1) {
      place.slot = static_cast<uint32_t>(__builtin_ctz(candidates));
      if (place.bucket->read(place.slot, key, word)) [[likely]]
        return true;
    }
  }
  return false;
}

// Inlined always, and the builtin used directly: GCC 12 takes a function that only prefetches for
// one without effect, and drops calls of it that it has not inlined early.
[[gnu::always_inline]] inline void MacTable::prefetch(BridgeId bridge, uint64_t mac) const {
  const Home home = home_of(mac::make_key(bridge, mac));
  __builtin_prefetch(&buckets_[home.first]);
  __builtin_prefetch(&buckets_[home.second]);
}

inline MacLookup MacTable::lookup(BridgeId bridge, uint64_t mac, uint32_t now_ms,
                                  uint32_t aging_ms) const {
  const uint64_t key = mac::make_key(bridge, mac);
  Place place;
  uint64_t word = 0;
  if (!find(key, home_of(key), place, word)) return {};
  if (mac::is_expired(word, now_ms, never_capped(aging_ms))) return {};
  return {mac::port_of(word), true, mac::state_of(word) == mac::kStatic};
}

inline LearnResult MacTable::learn(BridgeId bridge, uint64_t mac, PortId port, uint32_t now_ms,
                                   uint32_t aging_ms) {
  const uint64_t key = mac::make_key(bridge, mac);
  const Home home = home_of(key);
  Place place;
  uint64_t word = 0;
  while (find(key, home, place, word)) {
    const PortId previous = mac::port_of(word);
    if (mac::state_of(word) == mac::kStatic) {
      if (previous == port) return {LearnResult::kKnown};
      return {LearnResult::kStatic, previous};
    }
    const bool expired = mac::is_expired(word, now_ms, never_capped(aging_ms));
    if (previous == port && !expired && mac::age_of(word, now_ms) < refresh_after(aging_ms))
        [[likely]] {
      return {LearnResult::kKnown};
    }
    const uint64_t next = mac::make_word(word, now_ms, port, mac::kDynamic);
    if (!place.word().compare_exchange_strong(word, next, std::memory_order_acq_rel)) continue;
    if (previous != port) [[unlikely]]
      count_move(previous, port);
    if (expired) return {LearnResult::kLearned};
    if (previous == port) return {LearnResult::kRefreshed};
    return {LearnResult::kMoved, previous};
  }
  const uint64_t payload = mac::make_word(0, now_ms, port, mac::kDynamic);
  const bool done = insert(key, home, payload, {bridge, now_ms, never_capped(aging_ms)});
  return {done ? LearnResult::kLearned : LearnResult::kFull};
}

template <class Predicate>
size_t MacTable::remove_if(size_t bucket_begin, size_t bucket_end, Predicate&& predicate) {
  size_t removed = 0;
  for (size_t b = bucket_begin; b < bucket_end && b < bucket_count_; ++b) {
    for (uint32_t i = 0; i < mac::kSlotsPerBucket; ++i) {
      const Place place{&buckets_[b], i};
      for (;;) {
        const uint64_t key = buckets_[b].keys[i].load(std::memory_order_acquire);
        uint64_t word = 0;
        if (!buckets_[b].read(i, key, word) || !predicate(key, word)) break;
        if (!release(place, word)) continue;
        ++removed;
        break;
      }
    }
  }
  return removed;
}

}  // namespace starocean::table
