// The engine without devices, hence without root: workers, snapshots, memory. With devices, see lab/.

#include "starocean/dataplane/engine.h"

#include <chrono>
#include <thread>

#include <gtest/gtest.h>

namespace starocean::dataplane {
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

// Bounded, but no verdict by time: a worker without work has nothing else to do than to fall asleep.
void await_sleep(const Engine& engine) {
  for (int i = 0; i < 60'000 && !all_sleep(engine); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  ASSERT_TRUE(all_sleep(engine));
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

TEST(Engine, ABridgeKeepsItsAddressesThroughAReloadAndForgetsThoseOfPortsThatLeft) {
  auto engine = make_engine(1);
  const PortId left = *engine->add_port({.name = "left", .device = "left"});
  const PortId right = *engine->add_port({.name = "right", .device = "right"});
  engine->set_bridges({{.name = "b", .members = {left, right}}});
  table::MacTable& macs = engine->bridges()[0].macs->table();
  macs.learn(BridgeId(0), 0x02, left, 0, 300'000);
  macs.learn(BridgeId(0), 0x04, right, 0, 300'000);
  engine->set_bridges({{.name = "b", .members = {left}}});
  ASSERT_EQ(&engine->bridges()[0].macs->table(), &macs);
  EXPECT_TRUE(macs.lookup(BridgeId(0), 0x02, 0, 300'000).found);
  EXPECT_FALSE(macs.lookup(BridgeId(0), 0x04, 0, 300'000).found);
  engine->set_bridges({{.name = "other", .members = {left}}});
  EXPECT_EQ(engine->bridges()[0].macs->table().size(), 0u);
}

TEST(Engine, StaticAddressesFollowTheConfiguration) {
  auto engine = make_engine(1);
  const PortId port = *engine->add_port({.name = "p", .device = "p"});
  engine->set_bridges({{.name = "b", .members = {port}, .static_macs = {{0x02, port}}}});
  EXPECT_TRUE(engine->bridges()[0].macs->table().lookup(BridgeId(0), 0x02, 0, 1).is_static);
  engine->set_bridges({{.name = "b", .members = {port}}});
  EXPECT_FALSE(engine->bridges()[0].macs->table().lookup(BridgeId(0), 0x02, 0, 1).found);
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
