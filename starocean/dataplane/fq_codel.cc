#include "starocean/dataplane/fq_codel.h"

#include <algorithm>

namespace starocean::dataplane {

FqCodel::FqCodel(const FqCodelOptions& options)
    : options_(options), flows_(options.fifo ? 1 : std::max(options.flows, 1u)) {}

void FqCodel::append(FlowList& list, uint32_t flow, In in) {
  flows_[flow].next = kNone;
  flows_[flow].in = in;
  if (list.head == kNone) {
    list.head = flow;
  } else {
    flows_[list.tail].next = flow;
  }
  list.tail = flow;
}

uint32_t FqCodel::remove_head(FlowList& list) {
  const uint32_t flow = list.head;
  list.head = flows_[flow].next;
  if (list.head == kNone) list.tail = kNone;
  flows_[flow].next = kNone;
  return flow;
}

void FqCodel::enqueue(PacketStore& store, SlotIndex packet, uint32_t hash) {
  const auto index = static_cast<uint32_t>(uint64_t{hash} * flows_.size() >> 32);
  Flow& flow = flows_[index];
  store[packet].flow = index;
  flow.packets.push(store, packet);
  ++packets_;
  bytes_ += store[packet].len_bytes;
  if (flow.in != In::kNoList) return;
  flow.deficit_bytes = options_.quantum_bytes;
  append(new_flows_, index, In::kNew);
}

SlotIndex FqCodel::pop(PacketStore& store, Flow& flow) {
  const SlotIndex slot = flow.packets.pop(store);
  if (slot == kNoSlot) return slot;
  --packets_;
  bytes_ -= store[slot].len_bytes;
  return slot;
}

FqCodel::Flow& FqCodel::longest() {
  return *std::max_element(flows_.begin(), flows_.end(), [](const Flow& a, const Flow& b) {
    return a.packets.bytes < b.packets.bytes;
  });
}

}  // namespace starocean::dataplane
