// An AF_XDP socket on a real device (veth, so in copy mode): the books of its frames when it opens, is
// refused and closes. Traffic through sockets is for the labs.
#include "starocean/xsk/socket.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
#include <optional>
#include <thread>

#include "starocean/xsk/queue_probe.h"
#include "starocean/xsk/testing/netns.h"

namespace starocean::xsk {
namespace {

constexpr uint32_t kFrames = 1024;
constexpr uint32_t kFillSize = 512;

class XskSocketTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const auto reason = testing::why_no_namespaces(); !reason.empty()) GTEST_SKIP() << reason;
    netns_.emplace();
    veth_ = testing::make_veth("va", "vb");
    umem_ = std::move(*Umem::create({.frames = kFrames, .hugepages = HugePages::kNone}));
    depot_ = std::move(*FrameDepot::create(*umem_));
    pool_ = std::move(*FramePool::create(*depot_));
  }

  static XskOptions options() { return {.device = "va", .fill_size = kFillSize}; }
  uint64_t free_frames() const { return depot_->frames() + pool_->frames(); }

  std::optional<testing::Netns> netns_;
  testing::Veth veth_;
  std::unique_ptr<Umem> umem_;
  std::unique_ptr<FrameDepot> depot_;
  std::unique_ptr<FramePool> pool_;
};

TEST_F(XskSocketTest, GivenAPoolHasFramesToReceiveIntoAtOnce) {
  auto socket = XskSocket::open(*umem_, options(), pool_.get());
  ASSERT_TRUE(socket) << socket.error().message();
  EXPECT_EQ((*socket)->frames_in_receive(), kFillSize);
  EXPECT_EQ(free_frames(), kFrames - kFillSize);
  EXPECT_EQ((*socket)->refill(*pool_), 0u);
  EXPECT_EQ((*socket)->frames_in_receive(), kFillSize);
  (*socket)->close(*pool_);
  EXPECT_EQ(free_frames(), kFrames);
}

TEST_F(XskSocketTest, WithoutAPoolGetsThemFromRefill) {
  auto socket = XskSocket::open(*umem_, options());
  ASSERT_TRUE(socket) << socket.error().message();
  EXPECT_EQ((*socket)->frames_in_receive(), 0u);
  EXPECT_EQ((*socket)->refill(*pool_), 0u);
  EXPECT_EQ((*socket)->frames_in_receive(), kFillSize);
  (*socket)->close(*pool_);
  EXPECT_EQ(free_frames(), kFrames);
}

TEST_F(XskSocketTest, FallsBackToCopyModeWithTheSameFrames) {
  XskOptions wanted = options();
  wanted.zero_copy = ZeroCopy::kAuto;
  auto socket = XskSocket::open(*umem_, wanted, pool_.get());
  ASSERT_TRUE(socket) << socket.error().message();
  EXPECT_FALSE((*socket)->zero_copy());
  EXPECT_EQ((*socket)->frames_in_receive(), kFillSize);
  EXPECT_EQ(free_frames(), kFrames - kFillSize);
  (*socket)->close(*pool_);
  EXPECT_EQ(free_frames(), kFrames);
}

TEST_F(XskSocketTest, KeepsTheFillRingAtItsLevel) {
  XskOptions wanted = options();
  wanted.fill_level = 128;
  auto socket = XskSocket::open(*umem_, wanted, pool_.get());
  ASSERT_TRUE(socket) << socket.error().message();
  XskSocket& low = **socket;
  EXPECT_EQ(low.fill_level(), 128u);
  EXPECT_EQ(low.frames_in_receive(), 128u);
  EXPECT_EQ(low.refill(*pool_), 0u) << "it has what it wants";
  EXPECT_EQ(low.frames_in_receive(), 128u);
  low.set_fill_level(kFillSize);
  EXPECT_EQ(low.refill(*pool_), 0u);
  EXPECT_EQ(low.frames_in_receive(), kFillSize);
  // What is above the level stays until the kernel has used it.
  low.set_fill_level(64);
  EXPECT_EQ(low.refill(*pool_), 0u);
  EXPECT_EQ(low.frames_in_receive(), kFillSize);
  EXPECT_FALSE(low.fill_is_empty());
  low.close(*pool_);
  EXPECT_EQ(free_frames(), kFrames);
}

TEST_F(XskSocketTest, RefusedGivesAllFramesBack) {
  XskOptions zero_copy = options();
  zero_copy.zero_copy = ZeroCopy::kRequire;
  XskOptions no_queue = options();
  no_queue.queue = 7;
  XskOptions no_device = options();
  no_device.device = "vz";
  for (const XskOptions& wanted : {zero_copy, no_queue, no_device}) {
    EXPECT_FALSE(XskSocket::open(*umem_, wanted, pool_.get()));
    EXPECT_EQ(free_frames(), kFrames);
  }
}

TEST_F(XskSocketTest, QueueIsTakenUntilTheKernelHasLetGo) {
  const uint32_t ifindex = veth_.near.ifindex;
  EXPECT_FALSE(queue_is_taken(ifindex, 0));
  // The probe itself may still be leaving: open() waits for that.
  auto socket = XskSocket::open(*umem_, options(), pool_.get());
  ASSERT_TRUE(socket) << socket.error().message();
  EXPECT_TRUE(queue_is_taken(ifindex, 0));
  EXPECT_FALSE(queue_is_taken(ifindex, 7));
  EXPECT_FALSE(queue_is_taken(ifindex + 1000, 0));
  (*socket)->close(*pool_);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  bool taken = true;
  while ((taken = queue_is_taken(ifindex, 0)) && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_FALSE(taken) << "ten seconds after the socket was closed";
}

}  // namespace
}  // namespace starocean::xsk
