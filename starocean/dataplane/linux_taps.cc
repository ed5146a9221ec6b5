#include "starocean/dataplane/linux_taps.h"

#include <algorithm>
#include <utility>

#include "starocean/base/check.h"

namespace starocean::dataplane {
namespace {

// As the kernel leaves it before a received packet (XDP_PACKET_HEADROOM): the room for tags and headers.
constexpr uint16_t kHeadroomBytes = 256;
// Frames of 2048 bytes that hold the longest packet of a device whose MTU is 9000.
constexpr uint32_t kMostBuffers = 6;
constexpr uint32_t kPacketsPerRead = 256;

}  // namespace

void LinuxTaps::add(InterfaceId interface, PortId account, xsk::TapDevice device) {
  const bool added = entries_.try_emplace(interface, Entry{std::move(device), account}).second;
  SO_CHECK(added, "a routed interface has one TAP device");
}

xsk::TapDevice LinuxTaps::take(InterfaceId interface) {
  auto node = entries_.extract(interface);
  SO_CHECK(!node.empty(), "the TAP device is there");
  return std::move(node.mapped().device);
}

void LinuxTaps::write(InterfaceId interface, PortId from, std::span<const iovec> pieces) {
  const auto found = entries_.find(interface);
  if (found == entries_.end()) {  // it has gone meanwhile
    counters_[from.index()].add(PortCounter::drop_egress_down);
    return;
  }
  PortCounters& counters = counters_[found->second.account.index()];
  if (!found->second.device.write(pieces)) {
    counters.add(PortCounter::drop_egress_down);
    return;
  }
  uint64_t bytes = 0;
  for (const iovec& piece : pieces) bytes += piece.iov_len;
  counters.add(PortCounter::tx_packets);
  counters.add(PortCounter::tx_bytes, bytes);
}

void LinuxTaps::read() {
  for (auto& [interface, entry] : entries_) read_from(interface, entry);
}

void LinuxTaps::read_from(InterfaceId interface, Entry& entry) {
  const WorkerId worker(static_cast<uint16_t>(interface.index() % mesh_.workers()));
  HandoffRing& ring = mesh_.from_control(worker);
  uint32_t packets = 0;
  while (packets < kPacketsPerRead && read_packet(interface, entry, ring)) ++packets;
  if (packets != 0) mesh_.doorbell(worker).ring();
}

bool LinuxTaps::read_packet(InterfaceId interface, Entry& entry, HandoffRing& ring) {
  xsk::Umem& umem = pool_.umem();
  std::array<xsk::Frame, kMostBuffers> frames;
  std::array<iovec, kMostBuffers> pieces;
  const uint32_t room_bytes = umem.frame_size() - kHeadroomBytes;
  const uint32_t count = pool_.reserve(kMostBuffers);
  if (count == 0) return false;  // what Linux sent waits in its queue, or is dropped there
  for (uint32_t i = 0; i < count; ++i) {
    frames[i] = pool_.take();
    pieces[i] = {umem.frame_data(frames[i].index()) + kHeadroomBytes, room_bytes};
  }
  const size_t length = entry.device.read({pieces.data(), count});
  std::array<HandoffItem, kMostBuffers> items;
  uint32_t used = 0;
  for (size_t left = length; left != 0; ++used) {
    xsk::Buffer buffer{std::move(frames[used]), kHeadroomBytes,
                       static_cast<uint16_t>(std::min<size_t>(left, room_bytes))};
    left -= buffer.len_bytes;
    items[used] = to_item(buffer, entry.account, Stage::kFromInterface, left != 0,
                          static_cast<uint32_t>(length));
    items[used].interface = interface;
  }
  for (uint32_t i = used; i < count; ++i) pool_.put(std::move(frames[i]));
  if (used == 0) return false;
  PortCounters& counters = counters_[entry.account.index()];
  counters.add(PortCounter::rx_packets);
  counters.add(PortCounter::rx_bytes, length);
  if (ring.room() < used) {
    counters.add(PortCounter::drop_handoff_full);
    for (uint32_t i = 0; i < used; ++i) pool_.put(xsk::Frame::adopt(items[i].frame));
    return true;
  }
  ring.push(std::span<const HandoffItem>(items.data(), used));
  return true;
}

}  // namespace starocean::dataplane
