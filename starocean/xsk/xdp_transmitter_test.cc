// XdpTransmitter on a veth whose other end is an AF_XDP socket: every frame arrives, whole, once and in order.

#include "starocean/xsk/xdp_transmitter.h"

#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "starocean/xsk/frame_pool.h"
#include "starocean/xsk/netdev_family.h"
#include "starocean/xsk/socket.h"
#include "starocean/xsk/testing/netns.h"
#include "starocean/xsk/xdp_program.h"

namespace starocean::xsk {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace): ours, not GoogleTest's

constexpr uint32_t kShortest = 18, kLongest = 1514;

uint32_t length_of(uint32_t number) {
  return kShortest + number * 37 % (kLongest - kShortest + 1);
}

// A broadcast frame that tells its number and is different in each byte from its neighbours.
std::vector<std::byte> make_frame(uint32_t number) {
  std::vector<std::byte> frame(length_of(number));
  for (size_t i = 0; i < frame.size(); ++i) frame[i] = static_cast<std::byte>(number + i * 7);
  std::memset(frame.data(), 0xff, 6);
  std::memcpy(frame.data() + 14, &number, sizeof(number));
  return frame;
}

class XdpTransmitterTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const auto reason = why_no_namespaces(); !reason.empty()) GTEST_SKIP() << reason;
    netns_.emplace();
    veth_ = make_veth("va", "vb");
    umem_ = Umem::create({.frames = 8192, .hugepages = HugePages::kNone}).value();
    depot_ = FrameDepot::create(*umem_).value();
    pool_ = FramePool::create(*depot_).value();
  }
  void TearDown() override {
    transmitter_.reset();
    program_.reset();
    if (socket_) socket_->close(*pool_);
  }

  void receive_at_far_end() {
    auto socket = XskSocket::open(
        *umem_, {.device = "vb", .rx_size = 4096, .fill_size = 4096, .zero_copy = ZeroCopy::kOff},
        pool_.get());
    ASSERT_TRUE(socket) << socket.error().message();
    socket_ = std::move(*socket);
    auto program = XdpProgram::attach({.device = "vb", .ifindex = veth_.far.ifindex, .queues = 1});
    ASSERT_TRUE(program) << program.error().message();
    program_.emplace(std::move(*program));
    ASSERT_TRUE(program_->set_socket(0, socket_->fd()));
  }
  // A mount of sysfs shows the namespace that it was made in.
  static void receive_in_thread() {
    std::string directory = ::testing::TempDir() + "starocean-sysfs-XXXXXX";
    ASSERT_NE(mkdtemp(directory.data()), nullptr);
    ASSERT_EQ(mount("sysfs", directory.c_str(), "sysfs", 0, nullptr), 0) << std::strerror(errno);
    std::ofstream(directory + "/class/net/vb/threaded") << "1";
    int threaded = 0;
    std::ifstream(directory + "/class/net/vb/threaded") >> threaded;
    umount(directory.c_str());
    rmdir(directory.c_str());
    ASSERT_EQ(threaded, 1);
  }
  void make_transmitter(uint32_t runs_per_call = XdpTransmitter::kMostRuns) {
    auto made = XdpTransmitter::create({.runs_per_call = runs_per_call});
    ASSERT_TRUE(made) << made.error().message();
    transmitter_ = std::move(*made);
    auto lane = transmitter_->add_lane(veth_.near.ifindex);
    ASSERT_TRUE(lane) << lane.error().message();
    lane_ = *lane;
    transmitter_->begin();
  }
  void end() const {
    for (int i = 0; i < 5000 && !transmitter_->at_rest(); ++i) {
      transmitter_->end();
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    ASSERT_TRUE(transmitter_->at_rest());
  }
  void await_running() const {
    for (int i = 0; i < 5000 && !transmitter_->running(); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    ASSERT_TRUE(transmitter_->running());
  }
  // Patiently: other programs may use the CPUs.
  bool wait() const {
    for (int i = 0; i < 5000; ++i) {
      if (transmitter_->wait()) return true;
    }
    return false;
  }
  void push(uint32_t count) {
    for (uint32_t i = 0; i < count; ++i) lane_->push(make_frame(pushed_++));
    lane_->publish();
  }
  // What has arrived; each frame is the next one.
  void receive() {
    std::array<RxBuffer, 64> buffers;
    while (const uint32_t count = socket_->receive(buffers)) {
      for (uint32_t i = 0; i < count; ++i) {
        check(umem_->bytes(buffers[i].buffer));
        pool_->put(std::move(buffers[i].buffer.frame));
      }
      socket_->refill(*pool_);
    }
  }
  void check(std::span<const std::byte> bytes) {
    const auto expected = make_frame(seen_++);
    ASSERT_EQ(bytes.size(), expected.size()) << "frame " << seen_ - 1;
    ASSERT_EQ(std::memcmp(bytes.data(), expected.data(), bytes.size()), 0) << "frame " << seen_ - 1;
  }
  bool take_back() {
    return lane_->take_back([&](std::span<const std::byte> bytes) {
      check(bytes);
      return true;
    });
  }
  void receive_all() {
    for (int i = 0; i < 5000 && seen_ != pushed_; ++i) {
      transmitter_->wait();
      receive();
    }
    EXPECT_EQ(seen_, pushed_);
    EXPECT_EQ(lane_->unsent(), 0u);
  }

  std::optional<Netns> netns_;
  Veth veth_;
  std::unique_ptr<Umem> umem_;
  std::unique_ptr<FrameDepot> depot_;
  std::unique_ptr<FramePool> pool_;
  std::unique_ptr<XskSocket> socket_;
  std::optional<XdpProgram> program_;
  std::unique_ptr<XdpTransmitter> transmitter_;
  TransmitLane* lane_ = nullptr;
  uint32_t pushed_ = 0, seen_ = 0;
};

TEST_F(XdpTransmitterTest, EveryFrameArrivesWholeAndInOrder) {
  receive_at_far_end();
  make_transmitter();
  await_running();
  while (pushed_ < 50'000) {
    push(std::min(lane_->room(), 1 + pushed_ % 700));
    ASSERT_TRUE(wait());
    receive();
  }
  receive_all();
}

// The other end is emptied by a thread that has to share its CPU: its ring is full again and again.
TEST_F(XdpTransmitterTest, NothingIsLostOrOvertakenWhenTheDeviceIsFull) {
  receive_at_far_end();
  receive_in_thread();
  make_transmitter();
  await_running();
  while (pushed_ < 50'000) {
    push(lane_->room());
    transmitter_->wait();
    receive();
  }
  receive_all();
  RecordProperty("retries", std::to_string(lane_->retries()));
}

TEST_F(XdpTransmitterTest, CallsOfTheKernelThatEndLoseNothing) {
  receive_at_far_end();
  make_transmitter(TRANSMIT_BATCH * 200);
  while (pushed_ < 5'000) {
    push(std::min(lane_->room(), 100u));
    transmitter_->wait();
    receive();
  }
  receive_all();
}

TEST_F(XdpTransmitterTest, StopsAndGoesOn) {
  receive_at_far_end();
  make_transmitter();
  await_running();
  for (int round = 0; round < 20; ++round) {
    push(100);
    end();
    EXPECT_FALSE(transmitter_->running());
    const uint32_t unsent = lane_->unsent();
    push(200);
    EXPECT_EQ(lane_->unsent(), unsent + 200);
    transmitter_->begin();
    receive_all();
  }
}

// Of two that are to hang on the same device one does; both work.
TEST_F(XdpTransmitterTest, WorksWithAndWithoutAHolder) {
  receive_at_far_end();
  const auto quiet = make_veth("qa", "qb");
  std::vector<std::unique_ptr<XdpTransmitter>> both;
  for (int i = 0; i < 2; ++i) {
    auto made = XdpTransmitter::create({.holder_ifindex = quiet.near.ifindex});
    ASSERT_TRUE(made) << made.error().message();
    both.push_back(std::move(*made));
  }
  for (int i = 0; i < 2; ++i) {
    transmitter_ = std::move(both[static_cast<size_t>(i)]);
    lane_ = *transmitter_->add_lane(veth_.near.ifindex);
    transmitter_->begin();
    push(500);
    receive_all();
  }
}

TEST_F(XdpTransmitterTest, WhatADeviceDoesNotTakeComesBack) {
  // Its other end has neither a program nor GRO.
  const auto report = xdp_report(veth_.near.ifindex);
  ASSERT_TRUE(report) << report.error().message();
  if (*report) {
    EXPECT_FALSE((*report)->has(kXdpActTransmit));
  }
  make_transmitter();
  await_running();
  push(300);
  ASSERT_TRUE(wait());
  EXPECT_NE(lane_->refused(), 0u);
  EXPECT_EQ(lane_->unsent(), 300u);
  lane_->close();
  ASSERT_TRUE(wait());
  const auto first_hundred = [&](std::span<const std::byte> bytes) {
    if (seen_ == 100) return false;
    check(bytes);
    return true;
  };
  EXPECT_FALSE(lane_->take_back(first_hundred));
  EXPECT_EQ(lane_->unsent(), 200u);
  EXPECT_TRUE(take_back());
  EXPECT_EQ(seen_, 300u);
  EXPECT_EQ(lane_->unsent(), 0u);
  EXPECT_EQ(lane_->room(), TransmitLane::kFrames);
}

TEST_F(XdpTransmitterTest, AClosedLaneSendsNothingMore) {
  receive_at_far_end();
  make_transmitter();
  await_running();
  for (int round = 0; round < 50; ++round) {
    push(700);
    lane_->close();
    ASSERT_TRUE(wait());
    receive();
    const uint32_t unsent = lane_->unsent(), arrived = seen_;
    EXPECT_TRUE(take_back());
    EXPECT_EQ(seen_ - arrived, unsent);
    ASSERT_EQ(seen_, pushed_);
    lane_->open();
  }
}

TEST_F(XdpTransmitterTest, ALaneOfADeviceThatIsGoneServesAnother) {
  receive_at_far_end();
  make_transmitter();
  await_running();
  push(10);
  receive_all();
  const auto other = make_veth("wa", "wb");
  auto second = transmitter_->add_lane(other.near.ifindex);
  ASSERT_TRUE(second) << second.error().message();
  for (uint32_t i = 0; i < 5; ++i) (*second)->push(make_frame(i));
  (*second)->publish();
  ASSERT_TRUE(wait());
  EXPECT_EQ((*second)->unsent(), 5u);  // nobody is there
  transmitter_->remove_lane(*second);
  remove_link(other.near.ifindex);
  const auto third = transmitter_->add_lane(veth_.near.ifindex);
  ASSERT_TRUE(third);
  EXPECT_EQ(*third, *second);  // the same place
  EXPECT_EQ((*third)->unsent(), 0u);
  push(10);
  receive_all();
  EXPECT_FALSE(transmitter_->add_lane(1'000'000));
}

TEST(XdpTransmitterLimits, FramesThatALaneTakes) {
  EXPECT_FALSE(TransmitLane::takes(13));
  EXPECT_TRUE(TransmitLane::takes(14));
  EXPECT_TRUE(TransmitLane::takes(2040));
  EXPECT_FALSE(TransmitLane::takes(2041));
}

}  // namespace
}  // namespace starocean::xsk
