// FQ-CoDel (RFC 8290): flows take turns by bytes, each with a CoDel of its own, and a flow that sends little goes
// first. A bulk transfer then delays nobody but itself.
//
// Flows are told apart by a hash; two that share a queue share its fate, one in 1024 (RFC 8290, 4.1.3). When
// the whole is full, packets leave from the head of the longest queue, a few at once (4.1.3, 6.2). With
// `fifo` there is one queue and no CoDel: what comes when it is full is dropped.
//
// Pure but for the frames that the store holds; no allocation after construction; one thread.
#pragma once

#include <cstdint>
#include <vector>

#include "starocean/dataplane/codel.h"
#include "starocean/dataplane/packet_store.h"

namespace starocean::dataplane {

struct FqCodelOptions {
  bool fifo = false;
  bool ecn = true;
  uint32_t flows = 1024;          // RFC 8290, 5.2.4
  uint32_t quantum_bytes = 1514;  // RFC 8290, 5.2.3: a full packet
  uint32_t limit_packets = 1024;
  CodelParameters codel = {};

  bool operator==(const FqCodelOptions&) const = default;
};

class FqCodel {
 public:
  explicit FqCodel(const FqCodelOptions& options);

  bool empty() const { return packets_ == 0; }
  bool full() const { return packets_ >= options_.limit_packets; }
  uint32_t packets() const { return packets_; }
  uint64_t bytes() const { return bytes_; }

  // The packet has its place in the store already. Only when not full().
  void enqueue(PacketStore& store, SlotIndex packet, uint32_t hash);

  // Makes room: `drop(slot)` gets some packets from the head of the longest queue. Nothing with `fifo`.
  template <class Drop>
  void make_room(PacketStore& store, Drop&& drop) {
    if (options_.fifo || empty()) return;
    Flow& flow = longest();
    // Half of it, and not too many at once (RFC 8290, 6.2): to find it has cost a look at all.
    const uint64_t until_bytes = flow.packets.bytes / 2;
    for (uint32_t i = 0; i < kMostEvicted && !flow.packets.empty(); ++i) {
      drop(pop(store, flow));
      if (flow.packets.bytes <= until_bytes) break;
    }
  }

  // Everything, in no particular order.
  template <class Drop>
  void clear(PacketStore& store, Drop&& drop) {
    for (Flow& flow : flows_) {
      while (!flow.packets.empty()) drop(pop(store, flow));
    }
  }

  // The next packet to send. `mark(slot)` sets the congestion-experienced bit and returns true, or returns
  // false for a packet that cannot be marked; `drop(slot)` gets each packet that CoDel gives up.
  template <class Mark, class Drop>
  SlotIndex dequeue(PacketStore& store, uint64_t now_ns, Mark&& mark, Drop&& drop);

 private:
  static constexpr uint32_t kNone = UINT32_MAX;
  static constexpr uint32_t kMostEvicted = 32;
  enum class In : uint8_t { kNoList, kNew, kOld };

  struct Flow {
    PacketList packets;
    Codel codel;
    int64_t deficit_bytes = 0;
    uint32_t next = kNone;  // in the list of flows
    In in = In::kNoList;
  };
  struct FlowList {
    uint32_t head = kNone;
    uint32_t tail = kNone;
  };

  void append(FlowList& list, uint32_t flow, In in);
  uint32_t remove_head(FlowList& list);
  SlotIndex pop(PacketStore& store, Flow& flow);
  Flow& longest();

  FqCodelOptions options_;
  std::vector<Flow> flows_;
  FlowList new_flows_, old_flows_;
  uint32_t packets_ = 0;
  uint64_t bytes_ = 0;
};

template <class Mark, class Drop>
SlotIndex FqCodel::dequeue(PacketStore& store, uint64_t now_ns, Mark&& mark, Drop&& drop) {
  struct Taken {  // what CoDel handles: tests true when there is a packet
    SlotIndex slot;
    explicit operator bool() const { return slot != kNoSlot; }
  };
  for (;;) {
    const bool from_new = new_flows_.head != kNone;
    FlowList& list = from_new ? new_flows_ : old_flows_;
    const uint32_t index = list.head;
    if (index == kNone) return kNoSlot;
    Flow& flow = flows_[index];
    if (flow.deficit_bytes <= 0) {
      flow.deficit_bytes += options_.quantum_bytes;
      remove_head(list);
      append(old_flows_, index, In::kOld);
      continue;
    }
    Taken taken{kNoSlot};
    if (options_.fifo) {
      taken.slot = pop(store, flow);
    } else {
      taken = flow.codel.dequeue(
          now_ns, options_.codel, [&] { return Taken{pop(store, flow)}; },
          [&](Taken packet) {
            const uint64_t since_ns = store[packet.slot].since_ns;
            return now_ns > since_ns ? now_ns - since_ns : 0;
          },
          [&] { return flow.packets.bytes <= options_.quantum_bytes; },
          [&](Taken packet) {
            if (options_.ecn && mark(packet.slot)) return true;
            drop(packet.slot);
            return false;
          });
    }
    if (taken) {
      flow.deficit_bytes -= store[taken.slot].len_bytes;
      return taken.slot;
    }
    // Empty. A new flow must wait a turn among the old before it may be new again (RFC 8290, 4.2).
    remove_head(list);
    if (from_new && old_flows_.head != kNone) {
      append(old_flows_, index, In::kOld);
    } else {
      flow.in = In::kNoList;
    }
  }
}

}  // namespace starocean::dataplane
