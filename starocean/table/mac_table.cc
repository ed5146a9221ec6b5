#include "starocean/table/mac_table.h"

#include <algorithm>
#include <random>

#include "starocean/base/check.h"

namespace starocean::table {

using mac::Bucket;
using mac::kSlotsPerBucket;

namespace {

// The two hashes of a key never name the same bucket; a few spare ones even out the luck of tiny
// tables.
constexpr size_t kSpareBuckets = 8;

size_t buckets_for(size_t capacity) {
  SO_CHECK(capacity <= MacTable::kMaxCapacity, "a MAC table has at most 2^30 entries");
  return (capacity + MacTable::kEntriesPerBucket - 1) / MacTable::kEntriesPerBucket + kSpareBuckets;
}

std::byte* allocate(size_t bytes) {
  return static_cast<std::byte*>(::operator new (bytes, std::align_val_t{kNoSharing}));
}

}  // namespace

MacTable::MacTable(size_t capacity, uint64_t seed)
    : MacTable({allocate(bytes_needed(capacity)), bytes_needed(capacity)}, capacity, seed) {
  owned_.reset(reinterpret_cast<std::byte*>(buckets_));
}

MacTable::MacTable(std::span<std::byte> memory, size_t capacity, uint64_t seed)
    : capacity_(capacity),
      bucket_count_(static_cast<uint32_t>(buckets_for(capacity))),
      seed_(seed) {
  SO_CHECK(memory.size() >= bytes_needed(capacity), "a MAC table is given bytes_needed() bytes");
  SO_CHECK(reinterpret_cast<uintptr_t>(memory.data()) % kCacheLine == 0,
           "a MAC table begins on a cache line");
  buckets_ = reinterpret_cast<Bucket*>(memory.data());
  for (size_t b = 0; b < bucket_count_; ++b) new (&buckets_[b]) Bucket{};
}

size_t MacTable::bytes_needed(size_t capacity) {
  return buckets_for(capacity) * sizeof(Bucket);
}

uint64_t MacTable::random_seed() {
  std::random_device device;
  return uint64_t{device()} << 32 | device();
}

// ---- Insertion ----

bool MacTable::insert(uint64_t key, Home home, uint64_t payload, Expiry expiry) {
  Place place;
  if (!claim(home, expiry, place)) return false;
  publish(place, key, payload);
  remove_duplicates(key, home);
  return true;
}

// Takes a slot for a new entry: a free one, or one made free by moving another entry away.
bool MacTable::claim(Home home, Expiry expiry, Place& place) {
  return claim_in(home.first, expiry, place) || claim_in(home.second, expiry, place) ||
         make_room(home.first, expiry, place) || make_room(home.second, expiry, place);
}

bool MacTable::claim_in(uint32_t bucket, Expiry expiry, Place& place) {
  for (uint32_t i = 0; i < kSlotsPerBucket; ++i) {
    place = {&buckets_[bucket], i};
    uint64_t word = place.word().load(std::memory_order_acquire);
    const uint64_t key = place.bucket->keys[i].load(std::memory_order_acquire);
    const bool expired = mac::bridge_of(key) == expiry.bridge &&
                         mac::is_expired(word, expiry.now_ms, expiry.aging_ms);
    if (mac::state_of(word) != mac::kFree && !expired) continue;
    // Release: who sees the key that is written next sees that the slot is busy.
    if (!place.word().compare_exchange_strong(word, mac::claimed(word),
                                              std::memory_order_acq_rel)) {
      continue;
    }
    if (expired) {
      count(mac::port_of(word), kOneLess);
    } else {
      size_.fetch_add(1, std::memory_order_relaxed);
    }
    return true;
  }
  return false;
}

uint64_t MacTable::publish(Place place, uint64_t key, uint64_t payload) {
  const uint64_t busy = place.word().load(std::memory_order_relaxed);
  place.bucket->keys[place.slot].store(key, std::memory_order_release);
  // Sequentially consistent, as are the loads in remove_duplicates(): of two threads that publish
  // the same key, at least the later one sees both entries.
  const uint64_t word = payload | (busy & mac::kGenerationMask);
  place.word().store(word, std::memory_order_seq_cst);
  count(mac::port_of(word), 1);
  return word;
}

void MacTable::remove_duplicates(uint64_t key, Home home) {
  constexpr uint32_t kSlots = 2 * kSlotsPerBucket;
  for (;;) {
    Place places[kSlots];
    uint64_t words[kSlots];
    uint32_t count = 0;
    uint32_t winner = 0;
    for (uint32_t i = 0; i < kSlots; ++i) {
      const Place place{&buckets_[i < kSlotsPerBucket ? home.first : home.second],
                        i % kSlotsPerBucket};
      if (!mac::is_live(place.word().load(std::memory_order_seq_cst))) continue;
      uint64_t word = 0;
      if (!place.bucket->read(place.slot, key, word)) continue;
      const bool first_static = mac::state_of(word) == mac::kStatic &&
                                (count == 0 || mac::state_of(words[winner]) != mac::kStatic);
      if (first_static) winner = count;
      places[count] = place;
      words[count++] = word;
    }
    if (count < 2) return;
    // Two static entries are one on its way to its other bucket: its mover sees to them.
    uint32_t left = 0;
    for (uint32_t i = 0; i < count; ++i) {
      if (i == winner || mac::state_of(words[i]) == mac::kStatic) {
        ++left;
      } else if (!release(places[i], words[i])) {
        break;  // it has changed: judge anew
      }
    }
    if (left == count) return;
  }
}

bool MacTable::release(Place place, uint64_t word) {
  const uint64_t busy = mac::claimed(word);
  if (!place.word().compare_exchange_strong(word, busy, std::memory_order_acq_rel)) return false;
  place.bucket->keys[place.slot].store(mac::kNoKey, std::memory_order_release);
  place.word().store(mac::freed(busy), std::memory_order_release);
  size_.fetch_sub(1, std::memory_order_relaxed);
  count(mac::port_of(word), kOneLess);
  return true;
}

// ---- Displacement ----

// Moves one entry of a full bucket to that entry's other bucket and keeps its slot, busy, in
// `place`.
bool MacTable::make_room(uint32_t bucket, Expiry expiry, Place& place) {
  for (uint32_t i = 0; i < kSlotsPerBucket; ++i) {
    place = {&buckets_[bucket], i};
    if (move_away(place, bucket, expiry)) return true;
  }
  return false;
}

bool MacTable::move_away(Place from, uint32_t bucket, Expiry expiry) {
  const uint64_t key = from.bucket->keys[from.slot].load(std::memory_order_acquire);
  uint64_t word = 0;
  if (!from.bucket->read(from.slot, key, word)) return false;
  const Home home = home_of(key);
  Place to;
  if (!claim_in(home.first == bucket ? home.second : home.first, expiry, to)) return false;
  const uint64_t copy = publish(to, key, word & ~mac::kGenerationMask);
  moves_.fetch_add(1, std::memory_order_seq_cst);
  uint64_t expected = word;
  if (from.word().compare_exchange_strong(expected, mac::claimed(word),
                                          std::memory_order_acq_rel)) {
    count(mac::port_of(word), kOneLess);
    // Who inserted the key anew meanwhile may have looked for others before the copy was there.
    remove_duplicates(key, home);
    return true;
  }
  // Meanwhile refreshed, moved to another port or removed: the copy is out of date.
  if (!release(to, copy)) remove_duplicates(key, home);
  return false;
}

// ---- Control ----

bool MacTable::add_static(BridgeId bridge, uint64_t mac, PortId port) {
  const uint64_t key = mac::make_key(bridge, mac);
  const Home home = home_of(key);
  size_t moves = 0;
  // Again, if the entry may have been on its way from one bucket to the other.
  do {
    moves = moves_.load(std::memory_order_seq_cst);
    Place place;
    uint64_t word = 0;
    while (find(key, home, place, word)) {
      const uint64_t next = mac::make_word(word, 0, port, mac::kStatic);
      if (place.word().compare_exchange_strong(word, next, std::memory_order_seq_cst)) {
        count_move(mac::port_of(word), port);
        remove_duplicates(key, home);
        return true;
      }
    }
  } while (moves_.load(std::memory_order_seq_cst) != moves);
  return insert(key, home, mac::make_word(0, 0, port, mac::kStatic), {bridge, 0, UINT32_MAX});
}

template <class Predicate>
size_t MacTable::remove_everywhere(Predicate&& predicate) {
  size_t removed = 0;
  size_t moves = 0;
  // Again, if an entry may have moved from a bucket not yet visited to one already visited.
  do {
    moves = moves_.load(std::memory_order_seq_cst);
    removed += remove_if(0, bucket_count_, predicate);
  } while (moves_.load(std::memory_order_seq_cst) != moves);
  return removed;
}

bool MacTable::remove(BridgeId bridge, uint64_t mac) {
  const uint64_t key = mac::make_key(bridge, mac);
  const Home home = home_of(key);
  bool removed = false;
  size_t moves = 0;
  do {
    moves = moves_.load(std::memory_order_seq_cst);
    Place place;
    uint64_t word = 0;
    while (find(key, home, place, word)) removed |= release(place, word);
  } while (moves_.load(std::memory_order_seq_cst) != moves);
  return removed;
}

size_t MacTable::flush_port(PortId port, Flush what) {
  return remove_everywhere([=](uint64_t, uint64_t word) {
    return mac::port_of(word) == port &&
           (what == Flush::kAll || mac::state_of(word) == mac::kDynamic);
  });
}

size_t MacTable::flush_bridge(BridgeId bridge, Flush what) {
  return remove_everywhere([=](uint64_t key, uint64_t word) {
    return mac::bridge_of(key) == bridge &&
           (what == Flush::kAll || mac::state_of(word) == mac::kDynamic);
  });
}

}  // namespace starocean::table
