// A switch without devices, for tests: the queues of its ports belong to a second worker, so that what it
// sends is found in the ring to that worker, and what is Linux's in the ring to the control thread.
#pragma once

#include <cstring>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "starocean/dataplane/l2_switch.h"
#include "starocean/dataplane/packet_memory_for_test.h"

namespace starocean::dataplane {

// A frame as bytes, put together from its parts.
using Bytes = std::vector<uint8_t>;

inline Bytes operator+(Bytes left, const Bytes& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}
inline Bytes tag(uint16_t type, uint16_t control) {
  return {static_cast<uint8_t>(type >> 8), static_cast<uint8_t>(type),
          static_cast<uint8_t>(control >> 8), static_cast<uint8_t>(control)};
}
inline const Bytes kStationA = {0x02, 0, 0, 0, 0, 0xa}, kStationB = {0x02, 0, 0, 0, 0, 0xb},
                   kEveryone = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
                   kGroup = {0x01, 0x00, 0x5e, 1, 2, 3};
inline const Bytes kPayload = [] {
  Bytes payload = {0x88, 0xb5};  // local experimental EtherType (IEEE 802-2014, 9.2.4)
  for (uint8_t i = 0; i < 50; ++i) payload.push_back(i);
  return payload;
}();

struct Sent {
  PortId port;  // none: to the router
  Bytes bytes;
  InterfaceId interface;  // of what goes to Linux's TAP devices, or to the router
  Stage stage = Stage::kTransmit;
  bool operator==(const Sent&) const = default;
};
inline Sent sent(uint16_t port, Bytes bytes) {
  return {PortId(port), std::move(bytes), InterfaceId::none(), Stage::kTransmit};
}
inline void PrintTo(const Sent& item, std::ostream* out) {
  *out << "port " << item.port.value() << " stage " << static_cast<int>(item.stage) << " interface "
       << item.interface.value() << ":";
  for (const uint8_t byte : item.bytes) *out << ' ' << std::hex << int{byte} << std::dec;
}

class SwitchForTest {
 public:
  static constexpr uint16_t kPorts = 5;
  static constexpr BridgeId kBridge{0};

  explicit SwitchForTest(BridgeRules rules) {
    PacketMemoryForTest memory = make_packet_memory(512);
    umem_ = std::move(memory.umem);
    depot_ = std::move(memory.depot);
    pool_ = std::move(memory.pool);
    mesh_ = std::move(memory.mesh);
    egress_ = std::make_unique<Egress>(WorkerId(0), *pool_, *mesh_, worker_counters_);
    switch_ = std::make_unique<L2Switch>(*egress_, moves_, events_, snooping_);
    auto shared = std::make_shared<BridgeRules>(std::move(rules));
    queues_.resize(kPorts);
    snapshot_.worker_queues.resize(2);
    macs_ = std::make_shared<BridgeMacs>("test", 64);
    Bridge bridge;
    bridge.id = kBridge;
    bridge.macs = macs_;
    bridge.rules = shared;
    for (uint16_t i = 0; i < kPorts; ++i) {
      queues_[i].port = PortId(i);
      queues_[i].owner = WorkerId(1);
      Port& port = snapshot_.ports.emplace_back();
      port.id = PortId(i);
      port.attached = port.up = true;
      port.multi_buffer = true;
      port.can_punt = true;
      port.mtu_bytes = 1500;
      port.mac = 0xfe0000000002 + (uint64_t{i} << 32);
      port.tx_queue = {&queues_[i], &queues_[i]};
      port.member = shared->member(port.id);
      if (port.member == nullptr) continue;
      port.bridge = kBridge;
      bridge.members.push_back(port.id);
    }
    snapshot_.bridges.push_back(std::move(bridge));
    egress_->adopt(&snapshot_);
  }
  // Every frame is somewhere, and every packet counted.
  ~SwitchForTest() {
    drain();
    EXPECT_EQ(depot_->frames() + pool_->frames(), umem_->frames());
    uint64_t in = 0, out = handed_;
    for (uint16_t i = 0; i < kPorts; ++i) {
      const PortCounters& counters = egress_->counters(PortId(i));
      in += counters.get(PortCounter::rx_packets) + counters.get(PortCounter::copies);
      for (size_t c = 0; c < PortCounters::kSize; ++c) {
        const auto counter = static_cast<PortCounter>(c);
        if (is_drop(counter)) out += counters.get(counter);
      }
    }
    EXPECT_EQ(in + entered_, out) << "received + copies = handed over + dropped";
  }

  // One frame in at a port, in pieces if it is to have several buffers; what comes out, in order.
  std::vector<Sent> receive(uint16_t port, const std::vector<Bytes>& pieces) {
    std::vector<xsk::RxBuffer> buffers;
    for (size_t i = 0; i < pieces.size(); ++i) {
      buffers.push_back({buffer_of(pieces[i]), i + 1 < pieces.size()});
    }
    fill_batch(batch_, PortId(port), buffers);
    switch_->process(batch_, snapshot_, *umem_, now_ns, to_router_);
    return drain();
  }
  std::vector<Sent> receive(uint16_t port, const Bytes& frame) {
    return receive(port, std::vector<Bytes>{frame});
  }
  // One frame from Linux or the router.
  std::vector<Sent> enter(InterfaceId interface, const Bytes& frame) {
    Packet packet;
    packet.head = buffer_of(frame);
    packet.len_bytes = packet.head.len_bytes;
    RoutedBatch batch;
    batch.add(packet, interface, PortId(kPorts - 1));
    ++entered_;
    switch_->forward_routed(batch, snapshot_, *umem_, now_ns);
    EXPECT_EQ(batch.count, 0u);
    return drain();
  }
  uint64_t count(uint16_t port, PortCounter counter) {
    return egress_->counters(PortId(port)).get(counter);
  }
  std::vector<GroupEvent> take_events() {
    std::vector<GroupEvent> events(events_.capacity());
    events.resize(events_.pop(events));
    return events;
  }
  void publish(std::unique_ptr<const SnoopingTables> tables) {
    snooping_.publish(std::move(tables));
  }
  // A device of Linux or the router in a VLAN of the bridge.
  InterfaceId add_interface(uint16_t vlan, uint64_t mac, bool routes) {
    RoutedInterface& interface = snapshot_.interfaces.emplace_back();
    interface.id = InterfaceId(static_cast<uint16_t>(snapshot_.interfaces.size() - 1));
    interface.active = true;
    interface.bridge = kBridge;
    interface.vlan = vlan;
    interface.mac = mac;
    interface.is_tap = true;
    interface.vrf = routes ? uint16_t{0} : RoutedInterface::kNoVrf;
    snapshot_.bridges[0].vlan_interfaces.push_back({vlan, interface.id, mac});
    return interface.id;
  }
  BridgeMacs& macs() { return *macs_; }
  Snapshot& snapshot() { return snapshot_; }

  uint64_t now_ns = 1'000'000'000;
  uint16_t headroom_bytes = 256;

 private:
  xsk::Buffer buffer_of(const Bytes& bytes) {
    xsk::Buffer buffer{pool_->take(), headroom_bytes, static_cast<uint16_t>(bytes.size())};
    std::memcpy(umem_->data(buffer), bytes.data(), bytes.size());
    return buffer;
  }
  std::vector<Sent> drain() {
    std::vector<Sent> result;
    for (HandoffRing* ring :
         {&mesh_->between(WorkerId(0), WorkerId(1)), &mesh_->to_control(WorkerId(0))}) {
      HandoffItem item;
      while (ring->pop(item)) {
        Sent& one = result.emplace_back();
        one.port = item.port;
        one.interface = item.interface;
        one.stage = item.stage;
        const uint32_t length = item.packet_bytes;
        take(item, one.bytes);
        while (item.more && ring->pop(item)) take(item, one.bytes);
        EXPECT_EQ(one.bytes.size(), length);
        ++handed_;
      }
    }
    for (RoutedPacket& routed : to_router_.all()) {
      Sent& one = result.emplace_back();
      one.interface = routed.interface;
      HandoffItem item = to_item(routed.packet.head, PortId::none(), Stage::kTransmit, false, 0);
      take(item, one.bytes);
      EXPECT_EQ(one.bytes.size(), routed.packet.len_bytes);
      ++handed_;
    }
    to_router_.clear();
    return result;
  }
  void take(const HandoffItem& item, Bytes& bytes) {
    xsk::Buffer buffer = to_buffer(item);
    const auto* data = reinterpret_cast<const uint8_t*>(umem_->data(buffer));
    bytes.insert(bytes.end(), data, data + buffer.len_bytes);
    pool_->put(std::move(buffer.frame));
  }

  std::unique_ptr<xsk::Umem> umem_;
  std::unique_ptr<xsk::FrameDepot> depot_;
  std::unique_ptr<xsk::FramePool> pool_;
  std::unique_ptr<HandoffMesh> mesh_;
  MacMoveRing moves_{64};
  GroupEventRing events_{64};
  ring::Qsbr qsbr_{1};
  ring::SnapshotPublisher<SnoopingTables> snooping_{qsbr_};
  WorkerCounters worker_counters_;
  std::deque<PortQueue> queues_;
  std::shared_ptr<BridgeMacs> macs_;
  Snapshot snapshot_;
  std::unique_ptr<Egress> egress_;
  std::unique_ptr<L2Switch> switch_;
  Batch batch_;
  RoutedBatch to_router_;
  uint64_t handed_ = 0, entered_ = 0;
};

inline BridgeMember access(uint16_t port, uint16_t vlan) {
  BridgeMember member;
  member.port = PortId(port);
  member.vlans.set(vlan);
  member.untagged = vlan;
  return member;
}
inline BridgeMember trunk(uint16_t port, std::initializer_list<uint16_t> vlans, uint16_t native = 0,
                          uint16_t tag_type = net::kEtherTypeVlan) {
  BridgeMember member;
  member.port = PortId(port);
  for (const uint16_t vlan : vlans) member.vlans.set(vlan);
  member.untagged = native;
  member.tag_type = tag_type;
  return member;
}

}  // namespace starocean::dataplane
