// EgressLanes with a real transmitter and a real socket, on a veth; the clock is the test's.

#include "starocean/dataplane/egress_lanes.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <thread>

#include "starocean/dataplane/packet_memory_for_test.h"
#include "starocean/xsk/socket.h"
#include "starocean/xsk/testing/netns.h"

namespace starocean::dataplane {
namespace {

using namespace xsk::testing;  // NOLINT(google-build-using-namespace): ours, not GoogleTest's

constexpr uint32_t kFullTurn = TransmitPolicy::kFullTurn;
constexpr int kPatience = 5000;  // of a millisecond each

class EgressLanesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const auto reason = why_no_namespaces(); !reason.empty()) GTEST_SKIP() << reason;
    netns_.emplace();
    const Veth veth = make_veth("va", "vb");
    memory_ = make_packet_memory(4096);
    queue_.socket =
        xsk::XskSocket::open(*memory_.umem, {.device = "va", .zero_copy = xsk::ZeroCopy::kOff},
                             memory_.pool.get())
            .value();
    queue_.delivers_at_once = true;
    transmitter_ = xsk::XdpTransmitter::create({}).value();
    queue_.offered_lane = transmitter_->add_lane(veth.near.ifindex).value();
    lanes_.emplace(*memory_.pool, counters_);
    lanes_->set_transmitter(transmitter_.get());
    lanes_->adopt({&queue_});
  }
  void TearDown() override {
    if (lanes_) lanes_->stop();
    transmitter_.reset();
    if (queue_.socket) queue_.socket->close(*memory_.pool);
  }

  void turns(uint32_t count, uint32_t packets, uint64_t turn_ns) {
    for (uint32_t i = 0; i < count; ++i) {
      now_ns_ += turn_ns;
      lanes_->begin_turn(now_ns_, packets);
    }
  }
  void overload() { turns(TransmitPolicy::kFullTurns, kFullTurn, kNsPerMs / 2); }
  // As long as nothing else uses its CPU.
  void await(bool in_use) {
    for (int i = 0; i < kPatience && lanes_->in_use() != in_use; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      turns(1, in_use ? kFullTurn : 0, TransmitPolicy::kWindowNs);
    }
    ASSERT_EQ(lanes_->in_use(), in_use);
  }

  std::optional<Netns> netns_;
  PacketMemoryForTest memory_;
  PortQueue queue_;
  WorkerCounters counters_;
  std::unique_ptr<xsk::XdpTransmitter> transmitter_;
  std::optional<EgressLanes> lanes_;
  uint64_t now_ns_ = kNsPerSecond;
};

TEST_F(EgressLanesTest, TheTransmitterRestsAfterTheLoad) {
  overload();
  await(true);
  EXPECT_TRUE(transmitter_->running());
  await(false);
  for (int i = 0; i < kPatience && lanes_->active(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    turns(1, 0, 10 * kNsPerMs);
  }
  EXPECT_FALSE(lanes_->active());
  EXPECT_TRUE(transmitter_->at_rest());
}

// It takes a while until the transmitting thread has come out of the kernel.
TEST_F(EgressLanesTest, LoadThatComesBackWhileTheTransmitterEndsIsRedirectedToo) {
  uint32_t while_ending = 0;
  for (int round = 0; round < 5; ++round) {
    overload();
    await(true);
    await(false);
    while_ending += lanes_->active();
  }
  EXPECT_NE(while_ending, 0u);
}

}  // namespace
}  // namespace starocean::dataplane
