// Programs that outlive their process: nothing passes meanwhile, and only who noted them replaces them.
#include "starocean/xsk/left_programs.h"

#include <bpf/libbpf.h>
#include <gtest/gtest.h>
#include <linux/if_link.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

#include "starocean/base/check.h"
#include "starocean/xsk/testing/bpf_run.h"
#include "starocean/xsk/testing/xdp_fixture.h"

namespace starocean::xsk {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace): ours, not GoogleTest's

class LeftProgramsTest : public XdpProgramTest {
 protected:
  void SetUp() override {
    std::string name = ::testing::TempDir() + "leftXXXXXX";
    SO_CHECK(mkdtemp(name.data()) != nullptr, "no directory");
    directory_ = name;
    XdpProgramTest::SetUp();
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string path() const { return directory_ + "/left"; }
  std::unique_ptr<LeftPrograms> open() const {
    auto left = LeftPrograms::open(path());
    SO_CHECK(left.has_value(), "the note cannot be read");
    return std::move(*left);
  }
  XdpProgram::Options lasting(LeftPrograms* left) const {
    auto wanted = options();
    wanted.outlives_process = true;
    wanted.left = left;
    wanted.busy_patience_ms = 0;
    return wanted;
  }
  // In a process that ends without a word; returns the id of the program it attached.
  uint32_t attach_and_die(AttachMode mode = AttachMode::kAuto) const {
    const pid_t pid = fork();
    if (pid == 0) {
      auto left = open();
      auto wanted = lasting(left.get());
      wanted.mode = mode;
      const auto program = XdpProgram::attach(wanted);
      _exit(program ? 0 : 1);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    EXPECT_EQ(status, 0);
    return attached_id(veth_.near.ifindex);
  }
  void expect_nothing_passes() const {
    UdpSocket udp_socket(AF_INET, kPort);
    PacketSocket other_end(veth_.far.ifindex);
    other_end.send(datagram(kPort, pattern(100)));
    EXPECT_EQ(udp_socket.receive(kNotComing_ms), std::nullopt);
  }

  std::string directory_;
};

TEST_F(LeftProgramsTest, NothingPassesWhenTheProcessHasEnded) {
  make_pair();
  for (const AttachMode mode : {AttachMode::kNative, AttachMode::kGeneric}) {
    const uint32_t id = attach_and_die(mode);
    ASSERT_NE(id, 0U);
    EXPECT_TRUE(open()->has(veth_.near.ifindex, id));
    expect_nothing_passes();
  }
}

TEST_F(LeftProgramsTest, TheSuccessorReplacesItAndTakesItOff) {
  make_pair();
  const uint32_t before = attach_and_die();
  auto left = open();
  {
    XdpProgram program = attach(lasting(left.get()));
    EXPECT_TRUE(program.attached());
    EXPECT_EQ(attached_id(veth_.near.ifindex), program.program_id());
    EXPECT_NE(program.program_id(), before);
    EXPECT_FALSE(left->has(veth_.near.ifindex, before));
    TinyXsk xsk(veth_.near.ifindex);
    ASSERT_TRUE(program.set_socket(0, xsk.fd()));
    PacketSocket other_end(veth_.far.ifindex);
    const Bytes frame = datagram(kPort, pattern(100));
    other_end.send(frame);
    EXPECT_EQ(xsk.receive(), frame);
  }
  EXPECT_EQ(attached_id(veth_.near.ifindex), 0U);
  EXPECT_FALSE(std::filesystem::exists(path()));
  expect_linux_gets_traffic();
}

TEST_F(LeftProgramsTest, LeftOnPurposeItDropsFromThenOn) {
  make_pair();
  auto left = open();
  uint32_t id = 0;
  {
    XdpProgram program = attach(lasting(left.get()));
    TinyXsk xsk(veth_.near.ifindex);
    ASSERT_TRUE(program.set_socket(0, xsk.fd()));
    id = program.program_id();
    program.leave();
    expect_nothing_passes();
    EXPECT_FALSE(xsk.receive(0));
  }
  EXPECT_EQ(attached_id(veth_.near.ifindex), id);
  expect_nothing_passes();
}

TEST_F(LeftProgramsTest, OneThatIsNotToLastTakesItsPlaceToo) {
  make_pair();
  attach_and_die();
  auto left = open();
  auto wanted = options();
  wanted.left = left.get();
  { const XdpProgram program = attach(wanted); }
  EXPECT_EQ(attached_id(veth_.near.ifindex), 0U);
  expect_linux_gets_traffic();
}

TEST_F(LeftProgramsTest, AModeThatIsWantedIsHad) {
  make_pair();
  attach_and_die(AttachMode::kGeneric);
  auto left = open();
  auto wanted = lasting(left.get());
  wanted.mode = AttachMode::kNative;
  EXPECT_EQ(attach(wanted).mode(), AttachMode::kNative);
}

TEST_F(LeftProgramsTest, WhatIsNotNotedIsNotTouched) {
  make_pair();
  const uint32_t id = attach_and_die();
  std::filesystem::remove(path());
  auto left = open();
  for (const bool lasts : {true, false}) {
    auto wanted = lasting(left.get());
    wanted.outlives_process = lasts;
    const auto refused = XdpProgram::attach(wanted);
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().message().find("ip link set dev va xdp off"), std::string::npos)
        << refused.error().message();
    EXPECT_EQ(attached_id(veth_.near.ifindex), id);
  }
  EXPECT_FALSE(std::filesystem::exists(path()));
}

TEST_F(LeftProgramsTest, OthersAreTakenOffAndStrangersAreNot) {
  make_pair();
  attach_and_die();
  auto left = open();
  const std::array<uint32_t, 1> kept{veth_.near.ifindex};
  EXPECT_EQ(left->take_off_others(kept).value(), 0U);
  EXPECT_NE(attached_id(veth_.near.ifindex), 0U);
  EXPECT_EQ(left->take_off_others({}).value(), 1U);
  EXPECT_EQ(attached_id(veth_.near.ifindex), 0U);
  expect_linux_gets_traffic();

  attach_and_die();
  ASSERT_EQ(bpf_xdp_detach(static_cast<int>(veth_.near.ifindex), XDP_FLAGS_DRV_MODE, nullptr), 0);
  const int stranger = load_stranger("firewall");
  ASSERT_EQ(
      bpf_xdp_attach(static_cast<int>(veth_.near.ifindex), stranger, XDP_FLAGS_DRV_MODE, nullptr),
      0);
  const uint32_t id = attached_id(veth_.near.ifindex);
  EXPECT_EQ(open()->take_off_others({}).value(), 0U);
  EXPECT_EQ(attached_id(veth_.near.ifindex), id);
  close(stranger);
}

TEST_F(LeftProgramsTest, TheNoteIsReadAsItWasWritten) {
  std::ofstream(path()) << "no numbers\n1 2\n1 2 3 4\n-\n";
  auto left = open();
  EXPECT_FALSE(left->has(2, 3));
  ASSERT_TRUE(left->add(7, 8));
  EXPECT_TRUE(open()->has(7, 8));
  EXPECT_FALSE(open()->has(8, 7));
  ASSERT_TRUE(left->add(7, 9));
  ASSERT_TRUE(left->remove(7, 8));
  EXPECT_FALSE(open()->has(7, 8));
  EXPECT_TRUE(open()->has(7, 9));
  ASSERT_TRUE(left->remove(7, 9));
  EXPECT_FALSE(std::filesystem::exists(path()));
  // A place that cannot be written to says so.
  const auto nowhere = LeftPrograms::open(directory_ + "/none/left");
  ASSERT_TRUE(nowhere);
  EXPECT_FALSE((*nowhere)->add(1, 2));
  EXPECT_FALSE((*nowhere)->has(1, 2));
}

}  // namespace
}  // namespace starocean::xsk
