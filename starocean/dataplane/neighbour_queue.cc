#include "starocean/dataplane/neighbour_queue.h"

namespace starocean::dataplane {

NeighbourQueue::NeighbourQueue(Egress& egress, NeighbourRequestRing& requests)
    : egress_(egress), requests_(requests), store_(kFrames) {
  neighbours_.reserve(kNeighbours);
}

void NeighbourQueue::wait(Packet& packet, Origin origin, InterfaceId egress, uint32_t ifindex,
                          const net::Ipv6Address& address, table::NeighbourState state,
                          uint64_t now_ns) {
  const auto refuse = [&](Packet& refused, Origin of) {
    egress_.drop(refused, of.account, PortCounter::drop_neighbour_full);
  };
  if (store_.used() + packet.buffers() > kFrames) return refuse(packet, origin);
  Neighbour* neighbour = find_or_make(ifindex, address, now_ns);
  if (neighbour == nullptr) return refuse(packet, origin);
  neighbour->egress = egress;
  if (state != table::NeighbourState::kFailed) neighbour->is_asked = true;
  if (neighbour->packets.packets == kPacketsPerNeighbour) {
    Origin of_oldest;
    Packet oldest = take_first(neighbour->packets, of_oldest);
    refuse(oldest, of_oldest);
  }
  const SlotIndex slot = store_.put(packet, now_ns);
  store_[slot].flow = uint32_t{origin.account.value()} << 16 | origin.in.value();
  neighbour->packets.push(store_, slot);
  egress_.counters(origin.account).add(PortCounter::neighbour_waits);
  ask(*neighbour, now_ns);
}

// Null when there are too many.
NeighbourQueue::Neighbour* NeighbourQueue::find_or_make(uint32_t ifindex,
                                                        const net::Ipv6Address& address,
                                                        uint64_t now_ns) {
  for (Neighbour& known : neighbours_) {
    if (known.ifindex == ifindex && known.address == address) return &known;
  }
  if (neighbours_.size() == kNeighbours) return nullptr;
  Neighbour& made = neighbours_.emplace_back();
  made.ifindex = ifindex;
  made.address = address;
  made.since_ns = now_ns;
  return &made;
}

// A full ring is not waited for: the next look asks again.
void NeighbourQueue::ask(Neighbour& neighbour, uint64_t now_ns) {
  const bool is_first = neighbour.asked_ns == 0;
  if (!is_first && now_ns - neighbour.asked_ns < kAskAgainNs) return;
  if (!requests_.push({neighbour.ifindex, neighbour.address})) return;
  neighbour.asked_ns = now_ns;
  egress_.wake_control();
}

Packet NeighbourQueue::take_first(PacketList& packets, Origin& origin) {
  const SlotIndex slot = packets.pop(store_);
  origin = {PortId(static_cast<uint16_t>(store_[slot].flow >> 16)),
            InterfaceId(static_cast<uint16_t>(store_[slot].flow))};
  return store_.take(slot, rest_);
}

}  // namespace starocean::dataplane
