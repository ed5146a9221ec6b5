// Packets that wait: slots for their buffers, in lists. All memory is taken when it is made. One thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <vector>

#include "starocean/base/check.h"
#include "starocean/dataplane/packet.h"

namespace starocean::dataplane {

// The number of a packet in a store: that of its first slot.
using SlotIndex = uint32_t;
inline constexpr SlotIndex kNoSlot = UINT32_MAX;

class PacketStore {
 public:
  struct Slot {
    xsk::Buffer buffer;
    uint32_t len_bytes = 0;    // of the packet; in its first slot, like what follows
    uint32_t flow = 0;         // for the queue that it is in
    uint64_t since_ns = 0;     // when it came
    SlotIndex next = kNoSlot;  // packet in the same list; or free slot
    SlotIndex rest = kNoSlot;  // further buffers
  };

  explicit PacketStore(uint32_t slots) : slots_(slots) {
    for (uint32_t i = 0; i < slots; ++i) slots_[i].next = i + 1 < slots ? i + 1 : kNoSlot;
    free_ = slots == 0 ? kNoSlot : 0;
  }

  // Takes the packet's buffers; kNoSlot, with the packet unchanged, when there are too few slots.
  SlotIndex put(Packet& packet, uint64_t now_ns) {
    if (slots_.size() - used() < packet.buffers()) return kNoSlot;
    const SlotIndex first = take_slot(std::move(packet.head));
    SlotIndex last = first;
    for (xsk::Buffer& buffer : packet.rest) {
      const SlotIndex next = take_slot(std::move(buffer));
      slots_[last].rest = next;
      last = next;
    }
    slots_[first].len_bytes = packet.len_bytes;
    slots_[first].since_ns = now_ns;
    return first;
  }

  // Gives the buffers back, those behind the first in `rest`, which must have room for kMaxBuffers.
  Packet take(SlotIndex first, std::span<xsk::Buffer> rest) {
    Packet packet;
    packet.len_bytes = slots_[first].len_bytes;
    size_t count = 0;
    SlotIndex more = slots_[first].rest;
    packet.head = free_slot(first);
    while (more != kNoSlot) {
      const SlotIndex next = slots_[more].rest;
      rest[count++] = free_slot(more);
      more = next;
    }
    packet.rest = rest.first(count);
    return packet;
  }

  Slot& operator[](SlotIndex slot) { return slots_[slot]; }
  const Slot& operator[](SlotIndex slot) const { return slots_[slot]; }
  // Frames inside. Any thread.
  uint32_t used() const { return used_.load(std::memory_order_relaxed); }
  uint32_t capacity() const { return static_cast<uint32_t>(slots_.size()); }

 private:
  SlotIndex take_slot(xsk::Buffer buffer) {
    const SlotIndex slot = free_;
    free_ = slots_[slot].next;
    used_.store(used() + 1, std::memory_order_relaxed);
    slots_[slot].buffer = std::move(buffer);
    slots_[slot].next = kNoSlot;
    slots_[slot].rest = kNoSlot;
    return slot;
  }
  xsk::Buffer free_slot(SlotIndex slot) {
    xsk::Buffer buffer = std::move(slots_[slot].buffer);
    slots_[slot].next = free_;
    free_ = slot;
    used_.store(used() - 1, std::memory_order_relaxed);
    return buffer;
  }

  std::vector<Slot> slots_;
  SlotIndex free_ = kNoSlot;
  std::atomic<uint32_t> used_{0};
};

// First in, first out, through the slots' `next`.
struct PacketList {
  SlotIndex head = kNoSlot;
  SlotIndex tail = kNoSlot;
  uint32_t packets = 0;
  uint64_t bytes = 0;

  bool empty() const { return head == kNoSlot; }
  void push(PacketStore& store, SlotIndex slot) {
    if (empty()) {
      head = slot;
    } else {
      store[tail].next = slot;
    }
    tail = slot;
    ++packets;
    bytes += store[slot].len_bytes;
  }
  SlotIndex pop(PacketStore& store) {
    const SlotIndex slot = head;
    if (slot == kNoSlot) return kNoSlot;
    head = store[slot].next;
    store[slot].next = kNoSlot;
    if (head == kNoSlot) tail = kNoSlot;
    --packets;
    bytes -= store[slot].len_bytes;
    return slot;
  }
};

}  // namespace starocean::dataplane
