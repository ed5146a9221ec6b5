// XskSocket on real devices: what the kernel grants, and packets in and out.

#include <gtest/gtest.h>
#include <poll.h>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "starocean/xsk/frame_pool.h"
#include "starocean/xsk/socket.h"
#include "starocean/xsk/testing/frames.h"
#include "starocean/xsk/testing/netns.h"
#include "starocean/xsk/testing/raw_socket.h"
#include "starocean/xsk/xdp_program.h"

namespace starocean::xsk {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace): ours, not GoogleTest's

class XskVethTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const auto reason = why_no_namespaces(); !reason.empty()) GTEST_SKIP() << reason;
    netns_.emplace();
    veth_ = make_veth("va", "vb", {.queues = 2, .one_queue_at_far_end = true});
    umem_ = Umem::create({.frames = 2048, .hugepages = HugePages::kNone}).value();
    depot_ = FrameDepot::create(*umem_).value();
    pool_ = FramePool::create(*depot_).value();
  }

  std::unique_ptr<XskSocket> open(const XskOptions& options) {
    auto socket = XskSocket::open(*umem_, options);
    EXPECT_TRUE(socket) << socket.error().message();
    return socket ? std::move(*socket) : nullptr;
  }
  XdpProgram attach(uint32_t ifindex, uint32_t queues) {
    auto program = XdpProgram::attach({.device = "va", .ifindex = ifindex, .queues = queues});
    EXPECT_TRUE(program) << program.error().message();
    return std::move(*program);
  }
  uint64_t free_frames() const { return depot_->frames() + pool_->frames(); }
  Bytes bytes(const Buffer& buffer) const {
    const auto view = umem_->bytes(buffer);
    return {reinterpret_cast<const uint8_t*>(view.data()), view.size()};
  }

  // The next packet of the socket; nothing if none comes.
  std::optional<Buffer> receive(XskSocket& socket) {
    std::array<RxBuffer, 32> received;
    for (int tries = 0; tries < 2000; ++tries) {
      if (socket.receive(received) != 0) return std::move(received[0].buffer);
      pollfd watched{.fd = socket.fd(), .events = POLLIN, .revents = 0};
      poll(&watched, 1, 1);
    }
    return std::nullopt;
  }
  // Of `sent` packets of pattern(50, 0), pattern(50, 1) ... the first arrive, and the kernel has counted the others as
  // dropped, since it counted `dropped_before`. Returns how many arrived.
  uint32_t take_first_of(uint32_t sent, XskSocket& socket, uint64_t dropped_before) {
    std::array<RxBuffer, 32> buffers;
    uint32_t received = 0;
    const auto missing = [&] {
      return sent - received - (socket.kernel_statistics().rx_dropped - dropped_before);
    };
    for (int tries = 0; tries < 2000 && missing() != 0; ++tries) {
      for (uint32_t count = socket.receive(buffers); count != 0; count = socket.receive(buffers)) {
        for (uint32_t i = 0; i < count; ++i, ++received) {
          EXPECT_EQ(bytes(buffers[i].buffer), eth(0x88b5) + pattern(50, received)) << "in order";
          pool_->put(std::move(buffers[i].buffer.frame));
        }
      }
      pollfd watched{.fd = socket.fd(), .events = POLLIN, .revents = 0};
      poll(&watched, 1, 1);
    }
    EXPECT_EQ(missing(), 0u);
    return received;
  }
  // Frames in at the far end come out of `socket`, and go back through it to the far end.
  void expect_both_ways(XskSocket& socket, PacketSocket& far, const Bytes& frame) {
    far.send(frame);
    auto buffer = receive(socket);
    ASSERT_TRUE(buffer);
    EXPECT_EQ(bytes(*buffer), frame);
    ASSERT_TRUE(socket.can_transmit(1));
    socket.transmit(std::move(*buffer));
    for (int tries = 0; tries < 2000 && !socket.flush(*pool_); ++tries) {
    }
    const auto seen = far.receive();
    ASSERT_TRUE(seen);
    EXPECT_EQ(seen->frame, frame);
  }

  std::optional<Netns> netns_;
  Veth veth_;
  std::unique_ptr<Umem> umem_;
  std::unique_ptr<FrameDepot> depot_;
  std::unique_ptr<FramePool> pool_;
};

TEST_F(XskVethTest, ForwardsWithAndWithoutNeedWakeup) {
  PacketSocket far(veth_.far.ifindex);
  for (const bool need_wakeup : {true, false}) {
    auto socket = open({.device = "va", .need_wakeup = need_wakeup});
    ASSERT_TRUE(socket);
    socket->refill(*pool_);
    XdpProgram program = attach(veth_.near.ifindex, 2);
    ASSERT_TRUE(program.set_socket(0, socket->fd()));
    for (uint32_t i = 0; i < 100; ++i) {
      SCOPED_TRACE(i);
      expect_both_ways(*socket, far, eth(0x88b5) + pattern(46 + i * 14, i));
      if (HasFatalFailure()) return;
    }
    program.detach();
    socket->close(*pool_);
    EXPECT_EQ(free_frames(), umem_->frames())
        << "each frame came back, need_wakeup " << need_wakeup;
  }
}

TEST_F(XskVethTest, RingsHaveTheSizesAskedFor) {
  const XskOptions options{
      .device = "va", .rx_size = 256, .tx_size = 64, .fill_size = 512, .completion_size = 128};
  auto socket = open(options);
  ASSERT_TRUE(socket);
  socket->refill(*pool_);
  EXPECT_EQ(socket->frames_in_receive(), 512U);
  EXPECT_TRUE(socket->can_transmit(64));
  EXPECT_FALSE(socket->can_transmit(65));
  socket->close(*pool_);
  EXPECT_EQ(free_frames(), umem_->frames());
  const auto refused = XskSocket::open(*umem_, {.device = "va", .rx_size = 100});
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message().find("ring size 100"), std::string::npos)
      << refused.error().message();
}

// What the kernel receives while nobody looks is what the fill level allows; it is topped up to the level, old or new.
TEST_F(XskVethTest, FillLevelIsWhatArrivesBetweenTwoLooks) {
  auto socket = open({.device = "va", .fill_size = 512, .fill_level = 128});
  ASSERT_TRUE(socket);
  XdpProgram program = attach(veth_.near.ifindex, 2);
  ASSERT_TRUE(program.set_socket(0, socket->fd()));
  PacketSocket far(veth_.far.ifindex);
  const auto received_of = [&](uint32_t sent) {
    const uint64_t dropped_before = socket->kernel_statistics().rx_dropped;
    for (uint32_t i = 0; i < sent; ++i) far.send(eth(0x88b5) + pattern(50, i));
    return take_first_of(sent, *socket, dropped_before);
  };
  // The kernel shows what it has received a moment before it shows which frames it took for that.
  const auto eventually = [](const auto& condition) {
    for (int tries = 0; tries < 2000 && !condition(); ++tries) poll(nullptr, 0, 1);
    return condition();
  };
  // Whole slabs at a time: it may stay less than one below the level.
  const auto filled_to = [&](uint32_t level) {
    EXPECT_TRUE(eventually([&] {
      socket->refill(*pool_);
      return socket->frames_in_receive() + kSlabFrames > level;
    }));
    EXPECT_LE(socket->frames_in_receive(), level);
    return socket->frames_in_receive();
  };
  for (int i = 0; i < 2; ++i) {
    const uint32_t there = filled_to(128);
    EXPECT_EQ(received_of(200), there);
    EXPECT_TRUE(eventually([&] { return socket->fill_is_empty(); }));
  }
  socket->set_fill_level(512);
  const uint32_t there = filled_to(512);
  EXPECT_FALSE(socket->fill_is_empty());
  EXPECT_EQ(received_of(150), 150u);
  socket->set_fill_level(256);
  socket->refill(*pool_);
  EXPECT_EQ(socket->frames_in_receive(), there - 150) << "it is above its level";
  EXPECT_EQ(received_of(200), 200u);
  filled_to(256);
  program.detach();
  socket->close(*pool_);
  EXPECT_EQ(free_frames(), umem_->frames());
}

// A receiver that looks at nothing, and refills all the same, holds no more frames than its level, and one slab.
TEST_F(XskVethTest, WhatWaitsToBeTakenCountsToTheLevel) {
  constexpr uint32_t kLevel = 128;
  auto socket = open({.device = "va", .fill_size = 512, .fill_level = kLevel});
  ASSERT_TRUE(socket);
  XdpProgram program = attach(veth_.near.ifindex, 2);
  ASSERT_TRUE(program.set_socket(0, socket->fd()));
  PacketSocket far(veth_.far.ifindex);
  for (uint32_t i = 0; i < 500; ++i) {
    socket->refill(*pool_);
    ASSERT_LE(socket->frames_in_receive(), kLevel + kSlabFrames);
    far.send(eth(0x88b5) + pattern(50, i));
  }
  const uint32_t received = take_first_of(500, *socket, 0);
  EXPECT_LE(received, kLevel + kSlabFrames);
  EXPECT_GE(received, kLevel);
  program.detach();
  socket->close(*pool_);
  EXPECT_EQ(free_frames(), umem_->frames());
}

// veth has no zero-copy. What is granted is told, and what must be and cannot is refused.
TEST_F(XskVethTest, ZeroCopyIsReportedNotAssumed) {
  auto automatic = open({.device = "va", .zero_copy = ZeroCopy::kAuto});
  ASSERT_TRUE(automatic);
  EXPECT_FALSE(automatic->zero_copy());
  automatic->close(*pool_);
  const auto required = XskSocket::open(*umem_, {.device = "va", .zero_copy = ZeroCopy::kRequire});
  ASSERT_FALSE(required);
  EXPECT_NE(required.error().message().find("cannot bind in zero-copy mode"), std::string::npos)
      << required.error().message();
  EXPECT_EQ(free_frames(), umem_->frames());
}

TEST_F(XskVethTest, QueuesAndDevicesShareOneUmem) {
  const Veth second = make_veth("vc", "vd");
  auto first = open({.device = "va", .queue = 0});
  auto other_queue = open({.device = "va", .queue = 1});
  auto other_device = open({.device = "vc", .queue = 0});
  ASSERT_TRUE(first && other_queue && other_device);
  EXPECT_FALSE(first->shares_umem()) << "the first registers it";
  EXPECT_TRUE(other_queue->shares_umem());
  EXPECT_TRUE(other_device->shares_umem());
  // A frame received on one device leaves through the other, in the same memory.
  first->refill(*pool_);
  XdpProgram program = attach(veth_.near.ifindex, 2);
  ASSERT_TRUE(program.set_socket(0, first->fd()));
  PacketSocket in(veth_.far.ifindex);
  PacketSocket out(second.far.ifindex);
  const Bytes frame = eth(0x88b5) + pattern(200);
  in.send(frame);
  auto buffer = receive(*first);
  ASSERT_TRUE(buffer);
  other_device->transmit(std::move(*buffer));
  for (int tries = 0; tries < 2000 && !other_device->flush(*pool_); ++tries) {
  }
  const auto seen = out.receive();
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->frame, frame);
  program.detach();
  for (auto* socket : {first.get(), other_queue.get(), other_device.get()}) socket->close(*pool_);
  EXPECT_EQ(free_frames(), umem_->frames());
}

TEST_F(XskVethTest, RefusalsAreSentences) {
  const auto no_device = XskSocket::open(*umem_, {.device = "nope"});
  ASSERT_FALSE(no_device);
  EXPECT_NE(no_device.error().message().find("no such interface"), std::string::npos)
      << no_device.error().message();
  const auto no_queue = XskSocket::open(*umem_, {.device = "va", .queue = 7});
  ASSERT_FALSE(no_queue);
  EXPECT_NE(no_queue.error().message().find("ethtool -l"), std::string::npos)
      << no_queue.error().message();
}

}  // namespace
}  // namespace starocean::xsk
