// The engine without devices, hence without root: workers, snapshots, memory. With devices, see lab/.

#include "starocean/dataplane/engine.h"

#include <atomic>
#include <chrono>
#include <thread>

#include <gtest/gtest.h>

namespace starocean::dataplane {

// What a worker does to the engine's rings.
struct EngineTestAccess {
  static MacMoveRing& moves(Engine& engine) { return *engine.mac_moves_; }
  static HandoffRing& ring(Engine& engine, uint16_t from, uint16_t to) {
    return engine.mesh_->between(WorkerId(from), WorkerId(to));
  }
  static xsk::FramePool& pool(Engine& engine, size_t worker) { return *engine.pools_[worker]; }
};

namespace {

std::unique_ptr<Engine> make_engine(size_t workers, PollMode poll = PollMode::kAdaptive) {
  EngineOptions options;
  options.memory.frames = 1024;
  options.memory.hugepages = xsk::HugePages::kNone;
  options.cpus.assign(workers, -1);
  options.poll = poll;
  auto engine = Engine::create(options);
  EXPECT_TRUE(engine) << engine.error().message();
  return engine ? std::move(*engine) : nullptr;
}

bool all_sleep(const Engine& engine) {
  for (const auto& worker : engine.workers()) {
    if (!worker->sleeping()) return false;
  }
  return true;
}

// Bounded, but no verdict by time: a worker without work has nothing else to do than to fall asleep. Seen
// once is enough: each wakes for a moment when its longest sleep ends.
void await_sleep(const Engine& engine) {
  for (int i = 0; i < 60'000; ++i) {
    if (all_sleep(engine)) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  FAIL() << "the workers never slept at the same time";
}

TEST(Engine, AReloadWhileAllWorkersSleepReturnsAndWakesThem) {
  auto engine = make_engine(3);
  ASSERT_TRUE(engine->start_workers());
  for (int round = 0; round < 50; ++round) {
    await_sleep(*engine);
    const uint64_t before = engine->generation();
    engine->set_bridges({{.name = "b"}});
    EXPECT_GT(engine->generation(), before);
    for (const auto& worker : engine->workers()) {
      // Each publication reaches each worker, at the latest when it wakes.
      for (int i = 0; i < 60'000; ++i) {
        if (worker->counters().get(WorkerCounter::snapshots) > static_cast<uint64_t>(round)) break;
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
      EXPECT_GT(worker->counters().get(WorkerCounter::snapshots), static_cast<uint64_t>(round));
    }
  }
}

TEST(Engine, AReloadWhileWorkersSpinReturns) {
  auto engine = make_engine(2, PollMode::kBusy);
  ASSERT_TRUE(engine->start_workers());
  for (int round = 0; round < 20; ++round) engine->set_bridges({{.name = "b"}});
  EXPECT_FALSE(all_sleep(*engine));
}

TEST(Engine, EveryFrameIsAccountedForFromStartToEnd) {
  auto engine = make_engine(2);
  const auto adds_up = [&] {
    const FrameCensus census = engine->census();
    return census.total == census.depot + census.pools + census.in_rx + census.in_tx +
                               census.in_flight + census.punting;
  };
  EXPECT_TRUE(adds_up());
  ASSERT_TRUE(engine->start_workers());
  engine->service(1);
  engine->drain();
  engine->shut_down();
  EXPECT_TRUE(adds_up());
}

// What a worker hands over to one that has ended already is dropped by name, by the packet, and its frames
// come back. A removed port's part in the sums stays, and a port of the same name goes on with it.
TEST(Engine, WhatIsHandedToAWorkerThatHasEndedIsDroppedByName) {
  auto engine = make_engine(3);
  const PortId port = *engine->add_port({.name = "p", .device = "p"});
  for (int i = 0; i < 10; ++i) {
    xsk::Buffer buffer{EngineTestAccess::pool(*engine, 2).take(), 256, 60};
    const bool more = i % 2 == 0;
    const HandoffItem item = to_item(buffer, port, Stage::kTransmit, more, 120);
    ASSERT_TRUE(EngineTestAccess::ring(*engine, 2, 0).push(item));
  }
  EXPECT_EQ(engine->census().in_flight, 10u);
  engine->shut_down();
  const FrameCensus census = engine->census();
  EXPECT_EQ(census.in_flight, 0u);
  EXPECT_EQ(census.total, census.depot + census.pools);
  constexpr auto kDrop = static_cast<size_t>(PortCounter::drop_egress_down);
  EXPECT_EQ(engine->ports()[0].counters[kDrop], 5u);
  engine->remove_port(port);
  EXPECT_EQ(engine->removed_counters()[kDrop], 5u);
  EXPECT_NE(*engine->add_port({.name = "q", .device = "p"}), port);
  EXPECT_EQ(*engine->add_port({.name = "p", .device = "q"}), port);
  EXPECT_EQ(engine->removed_counters()[kDrop], 0u);
  EXPECT_EQ(engine->ports()[0].counters[kDrop], 5u);
}

TEST(Engine, ABridgeKeepsItsAddressesThroughAReloadAndForgetsThoseOfPortsThatLeft) {
  auto engine = make_engine(1);
  const PortId left = *engine->add_port({.name = "left", .device = "left"});
  const PortId right = *engine->add_port({.name = "right", .device = "right"});
  engine->set_bridges({{.name = "b", .members = {left, right}}});
  table::MacTable& macs = engine->bridges().at(BridgeId(0)).macs->table();
  macs.learn(BridgeId(0), 0x02, left, 0, 300'000);
  macs.learn(BridgeId(0), 0x04, right, 0, 300'000);
  engine->set_bridges({{.name = "b", .members = {left}}});
  ASSERT_EQ(&engine->bridges().at(BridgeId(0)).macs->table(), &macs);
  EXPECT_TRUE(macs.lookup(BridgeId(0), 0x02, 0, 300'000).found);
  EXPECT_FALSE(macs.lookup(BridgeId(0), 0x04, 0, 300'000).found);
  engine->set_bridges({{.name = "other", .members = {left}}});
  ASSERT_EQ(engine->bridges().size(), 1u);
  EXPECT_EQ(engine->bridges().begin()->second.macs->table().size(), 0u);
}

TEST(Engine, StaticAddressesFollowTheConfiguration) {
  auto engine = make_engine(1);
  const PortId port = *engine->add_port({.name = "p", .device = "p"});
  engine->set_bridges({{.name = "b", .members = {port}, .static_macs = {{0x02, port}}}});
  EXPECT_TRUE(
      engine->bridges().at(BridgeId(0)).macs->table().lookup(BridgeId(0), 0x02, 0, 1).is_static);
  engine->set_bridges({{.name = "b", .members = {port}}});
  EXPECT_FALSE(
      engine->bridges().at(BridgeId(0)).macs->table().lookup(BridgeId(0), 0x02, 0, 1).found);
}

TEST(Engine, ABridgeKeepsItsAddressesWhenOthersComeAndGoBeforeIt) {
  auto engine = make_engine(1);
  const PortId port = *engine->add_port({.name = "p", .device = "p"});
  const BridgeOptions stays{.name = "m", .members = {port}, .static_macs = {{0x04, port}}};
  engine->set_bridges({stays});
  const BridgeId id = engine->ports()[0].bridge;
  table::MacTable& macs = engine->bridges().at(id).macs->table();
  macs.learn(id, 0x02, port, 0, 300'000);
  for (const auto& bridges :
       {std::vector<BridgeOptions>{{.name = "a"}, stays, {.name = "z"}},
        std::vector<BridgeOptions>{{.name = "z"}, stays}, std::vector<BridgeOptions>{stays}}) {
    engine->set_bridges(bridges);
    EXPECT_EQ(engine->bridges().size(), bridges.size());
    ASSERT_EQ(engine->ports()[0].bridge, id);
    ASSERT_EQ(&engine->bridges().at(id).macs->table(), &macs);
    EXPECT_EQ(engine->bridge_name(id), "m");
    EXPECT_TRUE(macs.lookup(id, 0x02, 0, 300'000).found);
    EXPECT_TRUE(macs.lookup(id, 0x04, 0, 300'000).is_static);
  }
}

// A worker that looks up an address without pause sees a static entry that stays, or the one that takes
// its place, at every moment of a reload.
TEST(Engine, AStaticAddressThatStaysIsFoundAllTheTime) {
  auto engine = make_engine(1);
  const PortId left = *engine->add_port({.name = "l", .device = "l"});
  const PortId right = *engine->add_port({.name = "r", .device = "r"});
  BridgeOptions bridge{.name = "b", .members = {left, right}};
  for (uint64_t mac = 0; mac < 100; ++mac) bridge.static_macs.push_back({0x0200 + mac, left});
  engine->set_bridges({bridge});
  const table::MacTable& macs = engine->bridges().begin()->second.macs->table();
  std::atomic<bool> end{false};
  std::atomic<uint64_t> looked{0}, missed{0};
  std::thread worker([&] {
    for (; !end; ++looked) missed += macs.lookup(BridgeId(0), 0x0200, 0, 1).found ? 0 : 1;
  });
  for (int round = 0; round < 1'000 || looked < 100'000; ++round) {
    for (StaticStation& station : bridge.static_macs) {
      station.port = round % 2 == 0 ? right : left;
    }
    engine->set_bridges({bridge});
  }
  end = true;
  worker.join();
  EXPECT_EQ(missed, 0u);
}

TEST(Engine, MovesReportedBeforeAReloadNameNoBridgeAfterIt) {
  auto engine = make_engine(1);
  const PortId left = *engine->add_port({.name = "l", .device = "l"});
  const PortId right = *engine->add_port({.name = "r", .device = "r"});
  std::vector<std::string> told;
  engine->on_loop = [&](const LoopDetector::Loop& loop) {
    told.push_back(engine->bridge_name(loop.bridge));
  };
  const BridgeOptions office{.name = "office"}, ring{.name = "ring", .members = {left, right}};
  const auto loops = [&](BridgeId bridge, uint64_t mac) {
    for (uint32_t i = 0; i < LoopDetector::kMovesForLoop; ++i) {
      ASSERT_TRUE(EngineTestAccess::moves(*engine).push({mac, bridge, left, right}));
    }
  };
  engine->set_bridges({office, ring});
  const BridgeId gone = engine->ports()[0].bridge;
  loops(gone, 0x02);
  engine->service(1);
  ASSERT_EQ(told, std::vector<std::string>{"ring"});
  loops(gone, 0x04);
  engine->set_bridges({office});
  engine->service(2);
  EXPECT_EQ(told.size(), 1u);
  EXPECT_TRUE(engine->loops().empty());
  EXPECT_EQ(engine->bridge_name(gone), "");
}

TEST(Engine, ADeviceWithTooFewQueuesIsRefusedWithARemedy) {
  auto engine = make_engine(1);
  const PortId port = *engine->add_port({.name = "p", .device = "p0", .queues = 4});
  const Status attached = engine->attach(port, {.ifindex = 1, .up = true, .rx_queues = 2});
  ASSERT_FALSE(attached);
  EXPECT_EQ(attached.error().message(),
            "cannot take 4 queues of interface 'p0': it has 2; set `queues: all`, or give it more "
            "with `ethtool -L p0 combined 4`");
}

}  // namespace
}  // namespace starocean::dataplane
