// What the switch itself costs per packet, known addresses, no devices: a batch goes in, its descriptors come
// out of the ring to a second worker, and the same frames go in again.

#include <cstring>

#include <benchmark/benchmark.h>

#include "starocean/dataplane/l2_switch.h"
#include "starocean/dataplane/packet_memory_for_test.h"

namespace starocean::dataplane {
namespace {

constexpr uint32_t kFrames = 1024;
constexpr BridgeId kBridge{0};
constexpr uint16_t kVlan = 10;

BridgeMember member(uint16_t port, uint16_t untagged) {
  BridgeMember made;
  made.port = PortId(port);
  made.vlans.set(kVlan);
  made.untagged = untagged;
  return made;
}

class Fixture {
 public:
  explicit Fixture(std::shared_ptr<const BridgeRules> rules, uint16_t tag_vlan)
      : memory_(make_packet_memory(kFrames)),
        egress_(WorkerId(0), *memory_.pool, *memory_.mesh, worker_counters_),
        switch_(egress_, moves_, events_, snooping_),
        tag_vlan_(tag_vlan) {
    Bridge bridge;
    bridge.id = kBridge;
    bridge.macs = std::make_shared<BridgeMacs>("bench", 16384);
    bridge.rules = rules;
    snapshot_.worker_queues.resize(2);
    for (uint16_t i = 0; i < 2; ++i) {
      queues_[i].port = PortId(i);
      queues_[i].owner = WorkerId(1);
      Port& port = snapshot_.ports.emplace_back();
      port.id = PortId(i);
      port.attached = port.up = true;
      port.mtu_bytes = 1500;
      port.bridge = kBridge;
      port.tx_queue = {&queues_[i], &queues_[i]};
      port.member = rules == nullptr ? nullptr : rules->member(port.id);
      bridge.members.push_back(port.id);
    }
    const BridgeId domain = learning_domain(rules.get(), kBridge, kVlan);
    for (uint8_t i = 0; i < kBatchPackets; ++i) {
      bridge.macs->table().add_static(domain, address(1, i).as_u64(), PortId(1));
    }
    snapshot_.bridges.push_back(std::move(bridge));
    egress_.adopt(&snapshot_);
  }
  ~Fixture() {
    HandoffItem item;
    while (memory_.mesh->between(WorkerId(0), WorkerId(1)).pop(item)) {
      memory_.pool->put(xsk::Frame::adopt(item.frame));
    }
  }

  void turn() {
    for (uint8_t i = 0; i < kBatchPackets; ++i) received_[i] = {frame(i), false};
    fill_batch(batch_, PortId(0), received_);
    switch_.process(batch_, snapshot_, *memory_.umem, now_ns_, to_router_);
    HandoffRing& ring = memory_.mesh->between(WorkerId(0), WorkerId(1));
    std::array<HandoffItem, kBatchPackets> items;
    const size_t count = ring.pop(items);
    for (size_t i = 0; i < count; ++i) memory_.pool->put(xsk::Frame::adopt(items[i].frame));
    forwarded_ += count;
    now_ns_ += 10'000;
  }
  uint64_t forwarded() const { return forwarded_; }

 private:
  static net::MacAddress address(uint8_t side, uint8_t number) {
    return net::MacAddress({2, 0, 0, 0, side, number});
  }
  xsk::Buffer frame(uint8_t number) {
    xsk::Buffer buffer{memory_.pool->take(), 256, 64};
    std::byte* data = memory_.umem->data(buffer);
    const net::MacAddress destination = address(1, number), source = address(0, number);
    std::memcpy(data, &destination, sizeof destination);
    std::memcpy(data + 6, &source, sizeof source);
    const be16 rest[] = {be16(tag_vlan_ != 0 ? net::kEtherTypeVlan : net::kEtherTypeIpv4),
                         be16(tag_vlan_), be16(net::kEtherTypeIpv4)};
    std::memcpy(data + 12, rest, sizeof rest);
    return buffer;
  }

  PacketMemoryForTest memory_;
  MacMoveRing moves_{64};
  GroupEventRing events_{64};
  ring::Qsbr qsbr_{1};
  ring::SnapshotPublisher<SnoopingTables> snooping_{qsbr_};
  WorkerCounters worker_counters_;
  std::array<PortQueue, 2> queues_;
  Snapshot snapshot_;
  Egress egress_;
  L2Switch switch_;
  uint16_t tag_vlan_;
  uint64_t now_ns_ = 1'000'000'000;
  uint64_t forwarded_ = 0;
  std::array<xsk::RxBuffer, kBatchPackets> received_;
  Batch batch_;
  RoutedBatch to_router_;
};

void run(benchmark::State& state, std::shared_ptr<const BridgeRules> rules, uint16_t tag_vlan) {
  Fixture fixture(std::move(rules), tag_vlan);
  uint64_t sent = 0;
  for (auto _ : state) {
    fixture.turn();
    sent += kBatchPackets;
  }
  if (fixture.forwarded() != sent) state.SkipWithError("packets were lost");
  state.SetItemsProcessed(static_cast<int64_t>(sent));
}

std::shared_ptr<const BridgeRules> rules(uint16_t in_untagged, uint16_t out_untagged) {
  auto made = std::make_shared<BridgeRules>();
  made->vlan_aware = true;
  made->members = {member(0, in_untagged), member(1, out_untagged)};
  return made;
}

void BM_Plain(benchmark::State& state) {
  run(state, nullptr, 0);
}
void BM_AccessToAccess(benchmark::State& state) {
  run(state, rules(kVlan, kVlan), 0);
}
void BM_AccessToTrunk(benchmark::State& state) {
  run(state, rules(kVlan, 0), 0);
}
void BM_TrunkToAccess(benchmark::State& state) {
  run(state, rules(0, kVlan), kVlan);
}
void BM_TrunkToTrunk(benchmark::State& state) {
  run(state, rules(0, 0), kVlan);
}
BENCHMARK(BM_Plain);
BENCHMARK(BM_AccessToAccess);
BENCHMARK(BM_AccessToTrunk);
BENCHMARK(BM_TrunkToAccess);
BENCHMARK(BM_TrunkToTrunk);

}  // namespace
}  // namespace starocean::dataplane
