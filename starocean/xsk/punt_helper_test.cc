// The helper veth and what the punt path needs: its life, its silence, privileges.

#include <gtest/gtest.h>
#include <net/if.h>
#include <signal.h>
#include <sys/capability.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "starocean/xsk/punt.h"
#include "starocean/xsk/testing/punt_fixture.h"

namespace starocean::xsk {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace): ours, not GoogleTest's

class PuntHelperTest : public PuntTest {};

TEST_F(PuntHelperTest, OnlyInjectedFramesPassTheHelper) {
  Punt punt = make_punt();
  PacketSocket tap(veth_.near.ifindex);
  PacketSocket intruder(if_nametoindex(punt.helper_device().c_str()));
  UdpSocket udp_socket(AF_INET, 7000);
  intruder.send(eth(0x0800, near_mac()) + ip4({}, udp(1, 7000, pattern(20))));
  EXPECT_FALSE(tap.receive(50));
  EXPECT_FALSE(udp_socket.receive(0));
}

// Nothing on the helper that we did not send: no router solicitation, no MLD, no ARP.
TEST_F(PuntHelperTest, HelperIsSilent) {
  Punt punt = make_punt();
  std::string far = punt.helper_device();
  far.back() = 'b';
  PacketSocket near_tap(if_nametoindex(punt.helper_device().c_str()));
  PacketSocket far_tap(if_nametoindex(far.c_str()));
  EXPECT_FALSE(far_tap.receive(1500));
  EXPECT_FALSE(near_tap.receive(0));
}

TEST_F(PuntHelperTest, HelperIsRemovedAtCloseAndSeveralLiveSideBySide) {
  {
    Punt first = make_punt();
    Punt second = make_punt();
    EXPECT_EQ(helper_devices(),
              (std::vector<std::string>{"sopunt0a", "sopunt0b", "sopunt1a", "sopunt1b"}));
    Punt moved = std::move(first);
    EXPECT_EQ(inject(moved, eth(0x88b5) + pattern(20)), 1U);
  }
  EXPECT_TRUE(helper_devices().empty());
}

TEST_F(PuntHelperTest, HelperOfADeadProcessIsRemovedAndOfALivingOneIsNot) {
  int pipe_ends[2];
  ASSERT_EQ(pipe(pipe_ends), 0);
  const pid_t child = fork();
  if (child == 0) {
    auto punt = Punt::create();
    const char done = punt ? '1' : '0';
    if (write(pipe_ends[1], &done, 1) != 1) _exit(1);
    for (;;) pause();
  }
  char done = 0;
  ASSERT_EQ(read(pipe_ends[0], &done, 1), 1);
  ASSERT_EQ(done, '1');
  {
    Punt punt = make_punt();
    EXPECT_EQ(punt.helper_device(), "sopunt1a");
  }
  EXPECT_EQ(helper_devices(), (std::vector<std::string>{"sopunt0a", "sopunt0b"}));
  kill(child, SIGKILL);
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  EXPECT_EQ(helper_devices().size(), 2U);
  {
    Punt punt = make_punt();
    EXPECT_EQ(helper_devices(), (std::vector<std::string>{"sopunt0a", "sopunt0b"}));
    EXPECT_EQ(inject(punt, eth(0x88b5) + pattern(20)), 1U);
  }
  EXPECT_TRUE(helper_devices().empty());
  close(pipe_ends[0]);
  close(pipe_ends[1]);
}

TEST_F(PuntHelperTest, SomebodyElsesDeviceOfOurNameIsLeftAlone) {
  make_veth("sopunt0a", "stranger");
  {
    Punt punt = make_punt();
    EXPECT_EQ(punt.helper_device(), "sopunt1a");
  }
  EXPECT_EQ(helper_devices(), std::vector<std::string>{"sopunt0a"});
}

// The header says which privileges are enough, and that inject() needs none.
TEST_F(PuntHelperTest, PrivilegesThatAreNeeded) {
  const auto with = [](std::initializer_list<cap_value_t> values) {
    cap_t capabilities = cap_init();
    for (const cap_flag_t flag : {CAP_PERMITTED, CAP_EFFECTIVE}) {
      cap_set_flag(capabilities, flag, static_cast<int>(values.size()), values.begin(), CAP_SET);
    }
    const bool set = cap_set_proc(capabilities) == 0;
    cap_free(capabilities);
    return set;
  };
  PacketSocket tap(veth_.near.ifindex);
  const Bytes frame = eth(0x88b5) + pattern(40);
  const pid_t child = fork();
  if (child == 0) {
    if (!with({CAP_NET_ADMIN, CAP_BPF, CAP_NET_RAW})) _exit(1);
    auto punt = Punt::create();
    if (!punt || !punt->add_interface("va", veth_.near.ifindex)) _exit(2);
    if (!with({}) || inject(*punt, frame) != 1) _exit(3);
    _exit(0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  const auto seen = tap.receive();
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->frame, frame);
}

TEST_F(PuntHelperTest, UnknownDeviceIsRefused) {
  auto punt = Punt::create();
  ASSERT_TRUE(punt);
  EXPECT_FALSE(punt->add_interface("nope", 4711));
}

}  // namespace
}  // namespace starocean::xsk
