// A worker without devices: its sleep, and what others hand to it. The other worker is this test, with an
// Egress of its own.

#include "starocean/dataplane/worker.h"

#include <chrono>
#include <thread>

#include <gtest/gtest.h>

#include "starocean/base/clock.h"
#include "starocean/ring/test_scale.h"

namespace starocean::dataplane {
namespace {

constexpr WorkerId kSleeper{0}, kProducer{1};
constexpr PortId kPort{0};

struct Parts {
  std::unique_ptr<xsk::Umem> umem;
  std::unique_ptr<xsk::FrameDepot> depot;
  std::unique_ptr<xsk::FramePool> sleeper_pool, producer_pool;
  std::unique_ptr<HandoffMesh> mesh;
  MacMoveRing moves{64};
  ring::Qsbr qsbr{2};
  ring::SnapshotPublisher<Snapshot> snapshots{qsbr};
  GroupEventRing group_events{64};
  NeighbourRequestRing neighbour_requests{64};
  ring::SnapshotPublisher<SnoopingTables> snooping{qsbr};
};

void make(Parts& parts) {
  constexpr uint32_t kFrames = 4096;
  auto umem = xsk::Umem::create({.frames = kFrames,
                                 .hugepages = xsk::HugePages::kNone,
                                 .array_bytes = xsk::FrameDepot::array_bytes(kFrames) +
                                                2 * xsk::FramePool::array_bytes() +
                                                HandoffMesh::array_bytes(2)});
  ASSERT_TRUE(umem) << umem.error().message();
  parts.umem = std::move(*umem);
  parts.depot = std::move(*xsk::FrameDepot::create(*parts.umem));
  parts.sleeper_pool = std::move(*xsk::FramePool::create(*parts.depot));
  parts.producer_pool = std::move(*xsk::FramePool::create(*parts.depot));
  parts.mesh = std::move(*HandoffMesh::create(*parts.umem, 2));
}

// What the producer believes: the port is up, and its queue is the sleeper's. The sleeper knows better,
// and drops, so that no device is needed.
void describe_port(Snapshot& snapshot, PortQueue& queue) {
  queue.port = kPort;
  queue.owner = kSleeper;
  snapshot.worker_queues.resize(2);
  Port& port = snapshot.ports.emplace_back();
  port.id = kPort;
  port.attached = port.up = true;
  port.mtu_bytes = 1500;
  port.tx_queue = {&queue, &queue};
}

// Hands over in bursts of 1 … 31 packets, a wake-up each. Before the next one it waits until the last was
// taken, and then a little, more each time: so bursts meet the sleeper at every step of falling asleep; and
// each eighth time until it sleeps again, however slow the machine is. Ends early when the sleeper has
// overslept.
void hand_over(Parts& parts, const Worker& sleeper, const Port& to, Egress& egress,
               uint64_t count) {
  const HandoffRing& ring = parts.mesh->between(kProducer, kSleeper);
  const auto overslept = [&] { return sleeper.counters().get(WorkerCounter::lost_wakeups) != 0; };
  uint64_t handed = 0, sleeps = 0;
  for (uint32_t round = 0; handed < count; ++round) {
    for (uint32_t i = 0; i <= round % 31 && handed < count; ++i, ++handed) {
      Packet packet;
      packet.head.frame = parts.producer_pool->take();
      ASSERT_TRUE(packet.head.frame);
      packet.head.len_bytes = 60;
      packet.len_bytes = 60;
      egress.send(packet, to);
    }
    egress.flush();
    while (ring.size() != 0 && !overslept()) cpu_relax();
    if (overslept()) return;
    for (uint32_t i = 0; i < round % 64; ++i) cpu_relax();
    if (round % 8 != 0) continue;
    const uint64_t before = sleeps;
    const uint64_t deadline_ns = monotonic_ns() + kNsPerSecond;
    while ((sleeps = sleeper.counters().get(WorkerCounter::sleeps)) == before &&
           monotonic_ns() < deadline_ns) {
      std::this_thread::yield();
    }
  }
}

TEST(Worker, AMillionHandoffsToAWorkerThatSleepsAndNoneIsLostOrLeftWaiting) {
  const uint64_t count = scaled("hand-offs", 1'000'000);
  Parts parts;
  make(parts);
  auto nothing = std::make_unique<Snapshot>();
  nothing->generation = 1;
  nothing->worker_queues.resize(2);
  nothing->ports.emplace_back().id = kPort;
  parts.snapshots.publish(std::move(nothing));
  Worker sleeper(kSleeper, -1, PollMode::kInterrupt,
                 SharedState{*parts.mesh, parts.qsbr, parts.snapshots, parts.moves,
                             parts.group_events, parts.snooping, parts.neighbour_requests},
                 *parts.sleeper_pool);
  ASSERT_TRUE(sleeper.start());

  PortQueue queue;
  Snapshot believed;
  describe_port(believed, queue);
  WorkerCounters counters;
  Egress egress(kProducer, *parts.producer_pool, *parts.mesh, counters);
  egress.adopt(&believed);
  hand_over(parts, sleeper, believed.ports[0], egress, count);
  const auto dropped = [&] {
    return sleeper.port_counters(kPort).get(PortCounter::drop_egress_down);
  };
  const auto lost = [&] { return sleeper.counters().get(WorkerCounter::lost_wakeups); };
  for (int i = 0; i < 60'000 && dropped() < count && lost() == 0; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_EQ(dropped(), count);
  EXPECT_EQ(counters.get(WorkerCounter::handoff_out), count);
  EXPECT_EQ(sleeper.counters().get(WorkerCounter::handoff_in), count);
  EXPECT_EQ(egress.counters(kPort).get(PortCounter::drop_handoff_full), 0u);
  EXPECT_GT(sleeper.counters().get(WorkerCounter::sleeps), count / 1000);
  EXPECT_EQ(lost(), 0u);
  sleeper.stop();
  EXPECT_EQ(parts.depot->frames() + parts.sleeper_pool->frames() + parts.producer_pool->frames(),
            parts.umem->frames());
}

}  // namespace
}  // namespace starocean::dataplane
