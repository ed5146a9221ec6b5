#include "starocean/table/adjacency_table.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <new>
#include <random>
#include <string>
#include <utility>

#include "starocean/base/check.h"

namespace starocean::table {

// Slots: 0 never used, kGone was used (probing goes on), else 8 bits of the hash and the index.
struct AdjacencyTable::Hash {
  static constexpr uint32_t kGone = 0xff000000;
  static constexpr size_t kLeastSlots = 64;

  explicit Hash(size_t count)
      : slots(std::make_unique<std::atomic<uint32_t>[]>(count)), mask(count - 1) {}
  static uint32_t slot_of(uint64_t hash, AdjacencyIndex index) {
    return static_cast<uint32_t>(hash >> 56) << 24 | index;
  }

  std::unique_ptr<std::atomic<uint32_t>[]> slots;
  size_t mask;
  size_t taken = 0;  // never to be 0 again: used and gone ones
};

Result<std::unique_ptr<AdjacencyTable>> AdjacencyTable::create(ring::Qsbr& qsbr, uint32_t limit) {
  limit = std::min(limit, kMaxAdjacencies);
  auto memory =
      ReservedMemory::map((size_t{limit} + 1) * sizeof(Adjacency), "the adjacencies of the router");
  if (!memory) return fail(memory.error());
  return std::unique_ptr<AdjacencyTable>(new AdjacencyTable(qsbr, std::move(*memory), limit));
}

AdjacencyTable::AdjacencyTable(ring::Qsbr& qsbr, ReservedMemory memory, uint32_t limit)
    : qsbr_(qsbr),
      memory_(std::move(memory)),
      adjacencies_(memory_.as<Adjacency>()),
      hash_(nullptr),
      owned_hash_(std::make_unique<Hash>(Hash::kLeastSlots)),
      limit_(limit),
      cold_(1) {
  std::random_device device;
  seed_ = uint64_t{device()} << 32 | device();
  hash_.store(owned_hash_.get(), std::memory_order_release);
}

AdjacencyTable::~AdjacencyTable() = default;

uint64_t AdjacencyTable::hash_of(uint32_t ifindex, const net::Ipv6Address& address) const {
  std::array<uint64_t, 2> words;
  std::memcpy(words.data(), address.bytes().data(), sizeof(words));
  uint64_t hash = (words[0] ^ seed_) * 0x9e3779b97f4a7c15u;
  hash = (hash ^ hash >> 32 ^ words[1]) * 0xd6e8feb86659fd93u;
  hash = (hash ^ hash >> 32 ^ ifindex) * 0x9e3779b97f4a7c15u;
  return hash ^ hash >> 32;
}

AdjacencyIndex AdjacencyTable::find(uint32_t ifindex, const net::Ipv6Address& address) const {
  const Hash& table = *hash_.load(std::memory_order_acquire);
  const uint64_t hash = hash_of(ifindex, address);
  const uint32_t tag = Hash::slot_of(hash, 0);
  for (size_t i = static_cast<size_t>(hash) & table.mask;; i = (i + 1) & table.mask) {
    const uint32_t slot = table.slots[i].load(std::memory_order_acquire);
    if (slot == 0) return 0;
    if ((slot & 0xff000000) != tag || slot == Hash::kGone) continue;
    const AdjacencyIndex index = slot & 0xffffff;
    const Adjacency& adjacency = adjacencies_[index];
    if (adjacency.ifindex == ifindex && adjacency.address == address) return index;
  }
}

AdjacencyIndex AdjacencyTable::take_index() {
  if (free_.empty()) collect();
  if (!free_.empty()) {
    const AdjacencyIndex index = free_.back();
    free_.pop_back();
    return index;
  }
  if (end_ > limit_) return 0;
  cold_.emplace_back();
  return end_++;
}

// Nobody can find it yet.
Result<AdjacencyIndex> AdjacencyTable::make(uint32_t ifindex, const net::Ipv6Address& address) {
  const AdjacencyIndex index = take_index();
  if (index == 0) {
    return fail("cannot take another neighbour",
                std::to_string(limit_) + " are there already, as many as there may be",
                "lower Linux's limit (net.ipv4.neigh.default.gc_thresh3, and that of ipv6)");
  }
  auto* adjacency = new (&adjacencies_[index]) Adjacency;
  adjacency->ifindex = ifindex;
  adjacency->address = address;
  const auto bound = interfaces_.find(ifindex);
  if (bound != interfaces_.end()) {
    adjacency->interface.store(bound->second.value(), std::memory_order_relaxed);
  }
  cold_[index] = {};
  ++live_;
  return index;
}

Result<AdjacencyIndex> AdjacencyTable::find_or_make(uint32_t ifindex,
                                                    const net::Ipv6Address& address) {
  if (const AdjacencyIndex known = find(ifindex, address); known != 0) return known;
  auto index = make(ifindex, address);
  if (!index) return index;
  make_room();
  insert(hash_of(ifindex, address), *index);
  return index;
}

void AdjacencyTable::insert(uint64_t hash, AdjacencyIndex index) {
  Hash& table = *owned_hash_;
  size_t i = static_cast<size_t>(hash) & table.mask;
  for (;; i = (i + 1) & table.mask) {
    const uint32_t slot = table.slots[i].load(std::memory_order_relaxed);
    if (slot == 0) ++table.taken;
    if (slot == 0 || slot == Hash::kGone) break;
  }
  table.slots[i].store(Hash::slot_of(hash, index), std::memory_order_release);
}

// A new hash when half of the slots are taken: of a size that leaves three quarters free.
void AdjacencyTable::make_room() {
  if ((owned_hash_->taken + 1) * 2 <= owned_hash_->mask + 1) return;
  auto old = std::exchange(owned_hash_, std::make_unique<Hash>(std::max(
                                            Hash::kLeastSlots, std::bit_ceil(live_ + 1) * 4)));
  for (size_t i = 0; i <= old->mask; ++i) {
    const uint32_t slot = old->slots[i].load(std::memory_order_relaxed);
    if (slot == 0 || slot == Hash::kGone) continue;
    const AdjacencyIndex index = slot & 0xffffff;
    insert(hash_of(adjacencies_[index].ifindex, adjacencies_[index].address), index);
  }
  hash_.store(owned_hash_.get(), std::memory_order_release);
  old_hashes_.retire(std::move(old));
}

Result<AdjacencyIndex> AdjacencyTable::acquire(uint32_t ifindex, const net::Ipv6Address& address) {
  auto index = find_or_make(ifindex, address);
  if (index) ++cold_[*index].routes;
  return index;
}

Result<AdjacencyIndex> AdjacencyTable::acquire_connected(uint32_t ifindex) {
  AdjacencyIndex& known = connected_[ifindex];
  if (known == 0) {
    auto index = make(ifindex, {});
    if (!index) {
      connected_.erase(ifindex);
      return index;
    }
    known = *index;
    cold_[known].connected = true;
  }
  ++cold_[known].routes;
  return known;
}

void AdjacencyTable::release(AdjacencyIndex index) {
  SO_CHECK(cold_[index].routes > 0, "an adjacency is released as often as acquired");
  --cold_[index].routes;
  remove_if_unused(index);
}

Status AdjacencyTable::set_neighbour(uint32_t ifindex, const net::Ipv6Address& address,
                                     NeighbourState state, net::MacAddress mac) {
  auto index = find_or_make(ifindex, address);
  if (!index) return fail(index.error());
  cold_[*index].neighbour = true;
  const bool has_mac = state == NeighbourState::kReachable;
  adjacencies_[*index].word.store(Adjacency::make_word(state, has_mac ? mac : net::MacAddress()),
                                  std::memory_order_release);
  return {};
}

void AdjacencyTable::remove_neighbour(uint32_t ifindex, const net::Ipv6Address& address) {
  const AdjacencyIndex index = find(ifindex, address);
  if (index == 0) return;
  cold_[index].neighbour = false;
  adjacencies_[index].word.store(Adjacency::make_word(NeighbourState::kUnresolved, {}),
                                 std::memory_order_release);
  remove_if_unused(index);
}

void AdjacencyTable::remove_if_unused(AdjacencyIndex index) {
  if (cold_[index].live()) return;
  if (cold_[index].connected) {
    connected_.erase(adjacencies_[index].ifindex);
  } else {
    forget(adjacencies_[index], index);
  }
  --live_;
  retired_.retire(index);
}

void AdjacencyTable::forget(const Adjacency& adjacency, AdjacencyIndex index) {
  const uint64_t hash = hash_of(adjacency.ifindex, adjacency.address);
  Hash& table = *owned_hash_;
  size_t i = static_cast<size_t>(hash) & table.mask;
  while ((table.slots[i].load(std::memory_order_relaxed) & 0xffffff) != index) {
    i = (i + 1) & table.mask;
  }
  table.slots[i].store(Hash::kGone, std::memory_order_release);
}

void AdjacencyTable::set_interface(uint32_t ifindex, InterfaceId interface) {
  if (interface.valid()) {
    interfaces_[ifindex] = interface;
  } else {
    interfaces_.erase(ifindex);
  }
  for (AdjacencyIndex i = 1; i < end_; ++i) {
    if (cold_[i].live() && adjacencies_[i].ifindex == ifindex) {
      adjacencies_[i].interface.store(interface.value(), std::memory_order_release);
    }
  }
}

void AdjacencyTable::collect() {
  retired_.collect(qsbr_, [this](AdjacencyIndex index) { free_.push_back(index); });
  old_hashes_.collect(qsbr_, [](std::unique_ptr<Hash>) {});
}

size_t AdjacencyTable::memory_bytes() const {
  return end_ * (sizeof(Adjacency) + sizeof(Cold)) + (owned_hash_->mask + 1) * sizeof(uint32_t);
}

}  // namespace starocean::table
