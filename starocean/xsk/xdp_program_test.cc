// The XDP program on real devices: what is granted, what is refused, and what is left when a
// process or a device goes. Who gets the traffic is in xdp_program_traffic_test.cc; what is
// claimed, frame by frame, in steering_test.cc.
#include "starocean/xsk/xdp_program.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <gtest/gtest.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <signal.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "starocean/base/check.h"
#include "starocean/base/clock.h"
#include "starocean/xsk/testing/bpf_run.h"
#include "starocean/xsk/testing/frames.h"
#include "starocean/xsk/testing/netns.h"
#include "starocean/xsk/testing/raw_socket.h"
#include "starocean/xsk/testing/xdp_fixture.h"

namespace starocean::xsk {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace): ours, not GoogleTest's

// A child process that does `work`, reports, and then waits to be killed.
class Child {
 public:
  explicit Child(const std::function<bool()>& work) {
    int ends[2];
    SO_CHECK(pipe(ends) == 0, "no pipe");
    pid_ = fork();
    SO_CHECK(pid_ >= 0, "no child process");
    if (pid_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      const char report = work() ? '1' : '0';
      if (write(ends[1], &report, 1) != 1) _exit(1);
      for (;;) pause();
    }
    char report = 0;
    SO_CHECK(read(ends[0], &report, 1) == 1, "the child process says nothing");
    close(ends[0]);
    close(ends[1]);
    succeeded_ = report == '1';
  }
  ~Child() { end(); }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  bool succeeded() const { return succeeded_; }
  void end() {
    if (pid_ == 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

 private:
  pid_t pid_ = 0;
  bool succeeded_ = false;
};

TEST_F(XdpProgramTest, NativeIsPreferredAndTheGrantedModeIsTold) {
  make_pair();
  {
    const XdpProgram program = attach();
    EXPECT_EQ(program.mode(), AttachMode::kNative);
    EXPECT_TRUE(program.attached());
    EXPECT_NE(program.program_id(), 0U);
    EXPECT_EQ(attached_id(veth_.near.ifindex), program.program_id());
  }
  EXPECT_EQ(attached_id(veth_.near.ifindex), 0U);
  auto wanted = options();
  wanted.mode = AttachMode::kGeneric;
  {
    XdpProgram program = attach(wanted);
    EXPECT_EQ(program.mode(), AttachMode::kGeneric);
    TinyXsk xsk(veth_.near.ifindex);
    ASSERT_TRUE(program.set_socket(0, xsk.fd()));
    PacketSocket other_end(veth_.far.ifindex);
    const Bytes frame = datagram(kPort, pattern(100));
    other_end.send(frame);
    EXPECT_EQ(xsk.receive(), frame);
  }
  // The loopback device has no native XDP.
  XdpProgram::Options loopback{.device = "lo", .ifindex = if_nametoindex("lo")};
  EXPECT_EQ(attach(loopback).mode(), AttachMode::kGeneric);
  loopback.mode = AttachMode::kNative;
  const auto refused = XdpProgram::attach(loopback);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), EOPNOTSUPP);
  EXPECT_NE(refused.error().message().find("no native XDP"), std::string::npos)
      << refused.error().message();
}

TEST_F(XdpProgramTest, DetachIsImmediateAndMayBeRepeated) {
  make_pair();
  XdpProgram program = attach();
  TinyXsk xsk(veth_.near.ifindex);
  ASSERT_TRUE(program.set_socket(0, xsk.fd()));
  program.detach();
  EXPECT_FALSE(program.attached());
  EXPECT_EQ(attached_id(veth_.near.ifindex), 0U);
  expect_linux_gets_traffic();
  EXPECT_FALSE(xsk.receive(0));
  program.detach();
  XdpProgram again = attach();
  EXPECT_TRUE(again.attached());
  // Moved, the program stays attached, and goes with its new owner.
  XdpProgram moved = std::move(again);
  EXPECT_TRUE(moved.attached());
  program = std::move(moved);
  EXPECT_TRUE(program.attached());
  EXPECT_EQ(attached_id(veth_.near.ifindex), program.program_id());
}

TEST_F(XdpProgramTest, AProgramOfSomebodyElseIsRefusedAndUntouched) {
  make_pair();
  const int stranger = load_stranger("firewall");
  for (const uint32_t flags : {XDP_FLAGS_DRV_MODE, XDP_FLAGS_SKB_MODE}) {
    ASSERT_EQ(bpf_xdp_attach(static_cast<int>(veth_.near.ifindex), stranger, flags, nullptr), 0);
    const uint32_t id = attached_id(veth_.near.ifindex);
    for (const AttachMode mode : {AttachMode::kAuto, AttachMode::kNative, AttachMode::kGeneric}) {
      auto wanted = options();
      wanted.mode = mode;
      const auto refused = XdpProgram::attach(wanted);
      ASSERT_FALSE(refused);
      const std::string& message = refused.error().message();
      EXPECT_NE(message.find("id " + std::to_string(id)), std::string::npos) << message;
      EXPECT_NE(message.find("'firewall'"), std::string::npos) << message;
      EXPECT_NE(message.find(flags == XDP_FLAGS_DRV_MODE ? "va xdp off" : "va xdpgeneric off"),
                std::string::npos)
          << message;
      EXPECT_EQ(attached_id(veth_.near.ifindex), id);
    }
    ASSERT_EQ(bpf_xdp_detach(static_cast<int>(veth_.near.ifindex), flags, nullptr), 0);
  }
  close(stranger);
  EXPECT_TRUE(attach().attached());
}

TEST_F(XdpProgramTest, AProgramOnSomebodyElsesLinkIsRefusedAndUntouched) {
  make_pair();
  const int stranger = load_stranger("firewall");
  const int link =
      bpf_link_create(stranger, static_cast<int>(veth_.near.ifindex), BPF_XDP, nullptr);
  ASSERT_GE(link, 0);
  const uint32_t id = attached_id(veth_.near.ifindex);
  const auto refused = XdpProgram::attach(options());
  ASSERT_FALSE(refused);
  // Netlink could not detach it; the advice must not say so.
  EXPECT_EQ(refused.error().message().find("xdp off"), std::string::npos)
      << refused.error().message();
  EXPECT_NE(refused.error().message().find("stop the process"), std::string::npos)
      << refused.error().message();
  EXPECT_EQ(attached_id(veth_.near.ifindex), id);
  close(link);
  close(stranger);
}

TEST_F(XdpProgramTest, NobodyCanReplaceOurProgramByAccident) {
  make_pair();
  const XdpProgram program = attach();
  const int stranger = load_stranger("firewall");
  EXPECT_LT(bpf_xdp_attach(static_cast<int>(veth_.near.ifindex), stranger, 0, nullptr), 0);
  EXPECT_LT(bpf_xdp_detach(static_cast<int>(veth_.near.ifindex), 0, nullptr), 0);
  EXPECT_EQ(attached_id(veth_.near.ifindex), program.program_id());
  close(stranger);
}

TEST_F(XdpProgramTest, TheProgramGoesWithTheProcess) {
  make_pair();
  for (int i = 0; i < 5; ++i) {
    Child child([&] {
      static std::optional<XdpProgram> program;
      static std::optional<TinyXsk> xsk;
      program.emplace(attach());
      xsk.emplace(veth_.near.ifindex);
      return program->set_socket(0, xsk->fd()).has_value();
    });
    ASSERT_TRUE(child.succeeded());
    EXPECT_NE(attached_id(veth_.near.ifindex), 0U);
    child.end();
    const uint64_t deadline_ns = monotonic_ns() + 5 * kNsPerSecond;
    while (attached_id(veth_.near.ifindex) != 0 && monotonic_ns() < deadline_ns) usleep(1000);
    EXPECT_EQ(attached_id(veth_.near.ifindex), 0U);
    expect_linux_gets_traffic();
  }
}

TEST_F(XdpProgramTest, AProgramOfOursThatIsStillThereIsWaitedForAndThenNamed) {
  make_pair();
  auto child = std::make_unique<Child>([&] {
    static std::optional<XdpProgram> program;
    program.emplace(attach());
    return program->attached();
  });
  ASSERT_TRUE(child->succeeded());
  const auto refused = XdpProgram::attach(options());
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message().find("another starocean"), std::string::npos)
      << refused.error().message();
  EXPECT_NE(refused.error().message().find("steer_xdp"), std::string::npos)
      << refused.error().message();
  EXPECT_EQ(refused.error().code(), EBUSY);

  // A second process ends the first while we are waiting.
  const pid_t killer = fork();
  if (killer == 0) {
    usleep(300'000);
    child->end();
    _exit(0);
  }
  const auto program = XdpProgram::attach(options());
  EXPECT_TRUE(program) << program.error().message();
  waitpid(killer, nullptr, 0);
}

TEST_F(XdpProgramTest, MtuThatNeedsMultiBufferIsRefusedWithTheLargestThatDoesNot) {
  make_pair({.mtu = 9000});
  const auto refused = XdpProgram::attach(options());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ERANGE);
  const std::string& message = refused.error().message();
  const auto mtu_at = message.find("dev va mtu ");
  ASSERT_NE(mtu_at, std::string::npos) << message;
  const auto largest = static_cast<uint32_t>(std::stoul(message.substr(mtu_at + 11)));
  EXPECT_EQ(attached_id(veth_.near.ifindex), 0U);
  // The advice is right, and not one byte too modest.
  set_link(veth_.far.ifindex, {.mtu = largest + 1});
  EXPECT_FALSE(XdpProgram::attach(options()));
  set_link(veth_.far.ifindex, {.mtu = largest});
  EXPECT_TRUE(XdpProgram::attach(options()));
}

TEST_F(XdpProgramTest, ADeletedDeviceTakesTheProgramOff) {
  make_pair();
  XdpProgram program = attach();
  ASSERT_TRUE(program.attached());
  remove_link(veth_.near.ifindex);
  EXPECT_FALSE(program.attached());
  EXPECT_EQ(program.counters().redirected, 0U);
  program.detach();
  make_pair();
  EXPECT_TRUE(attach().attached());
}

TEST_F(XdpProgramTest, DeviceThatDoesNotExist) {
  for (const uint32_t ifindex : {0U, 4711U}) {
    const auto refused = XdpProgram::attach({.device = "nope", .ifindex = ifindex});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), ENODEV) << refused.error().message();
    EXPECT_NE(refused.error().message().find("'nope'"), std::string::npos);
  }
}

// The header says which privileges are enough, and that after attach() none are needed.
TEST_F(XdpProgramTest, PrivilegesThatAreNeeded) {
  make_pair();
  const auto with = [](std::initializer_list<cap_value_t> values) {
    cap_t capabilities = cap_init();
    for (const cap_flag_t flag : {CAP_PERMITTED, CAP_EFFECTIVE}) {
      cap_set_flag(capabilities, flag, static_cast<int>(values.size()), values.begin(), CAP_SET);
    }
    const bool set = cap_set_proc(capabilities) == 0;
    cap_free(capabilities);
    return set;
  };
  Child enough([&] {
    if (!with({CAP_NET_ADMIN, CAP_BPF, CAP_PERFMON})) return false;
    auto wanted = options();
    wanted.claim = ClaimMode::kByRule;
    auto program = XdpProgram::attach(wanted);
    if (!program || !with({})) return false;
    return program->add_claim(Claim::by_ether_type(0x88cc)).has_value() && program->attached() &&
           program->remove_claim(Claim::by_ether_type(0x88cc)).has_value();
  });
  EXPECT_TRUE(enough.succeeded());
  enough.end();
  Child too_few([&] {
    if (!with({CAP_NET_RAW})) return false;
    const auto refused = XdpProgram::attach(options());
    return !refused && refused.error().message().find("CAP_BPF") != std::string::npos;
  });
  EXPECT_TRUE(too_few.succeeded());
}

}  // namespace
}  // namespace starocean::xsk
