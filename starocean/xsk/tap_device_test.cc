#include "starocean/xsk/tap_device.h"

#include <gtest/gtest.h>
#include <net/if.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <optional>

#include "starocean/base/check.h"
#include "starocean/xsk/link_monitor.h"
#include "starocean/xsk/testing/frames.h"
#include "starocean/xsk/testing/netns.h"
#include "starocean/xsk/testing/raw_socket.h"

namespace starocean::xsk {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace): ours, not GoogleTest's

class TapDeviceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const auto reason = why_no_namespaces(); !reason.empty()) GTEST_SKIP() << reason;
    netns_.emplace();
  }

  static TapDevice open(const std::string& name) {
    auto tap = TapDevice::open(name);
    SO_CHECK(tap.has_value(), "the TAP device opens");
    return std::move(*tap);
  }
  static LinkInfo link(const std::string& name) {
    const auto found = find_link(name);
    SO_CHECK(found.has_value() && found->has_value(), "the device is there");
    return **found;
  }
  // The first frame of this EtherType that Linux sends; others (ND, MLD) are its own affair.
  static Bytes read_of_type(TapDevice& tap, uint16_t ether_type) {
    for (;;) {
      Bytes frame(2000, 0);
      const size_t half = 20;
      const std::array<iovec, 2> pieces = {iovec{frame.data(), half},
                                           iovec{frame.data() + half, frame.size() - half}};
      frame.resize(tap.read(pieces));
      if (frame.size() >= 14 && frame.substr(12, 2) == be16_bytes(ether_type)) return frame;
      if (!frame.empty()) continue;
      pollfd watched{.fd = tap.fd(), .events = POLLIN, .revents = 0};
      if (poll(&watched, 1, 2000) == 0) return {};
    }
  }

  std::optional<Netns> netns_;
};

TEST_F(TapDeviceTest, CarriesFramesBothWays) {
  TapDevice tap = open("office10");
  EXPECT_FALSE(tap.adopted());
  EXPECT_EQ(tap.ifindex(), if_nametoindex("office10"));
  EXPECT_TRUE(link("office10").up);
  PacketSocket linux_side(tap.ifindex());

  const Bytes to_us = eth(0x88b5) + pattern(700);
  linux_side.send(to_us);
  EXPECT_EQ(read_of_type(tap, 0x88b5), to_us);

  Bytes to_linux = eth(0x88b6) + pattern(900, 1);
  const std::array<iovec, 2> pieces = {iovec{to_linux.data(), 100},
                                       iovec{to_linux.data() + 100, to_linux.size() - 100}};
  ASSERT_TRUE(tap.write(pieces));
  const auto captured = linux_side.receive();
  ASSERT_TRUE(captured);
  EXPECT_EQ(captured->frame, to_linux);
}

TEST_F(TapDeviceTest, StaysWithoutCarrierAndIsAdopted) {
  uint32_t ifindex = 0;
  LinkInfo before;
  {
    TapDevice tap = open("office10");
    ifindex = tap.ifindex();
    add_ip4(ifindex, "10.7.0.1");
    before = link("office10");
    EXPECT_TRUE(before.carrier);
  }
  EXPECT_FALSE(link("office10").carrier);
  TapDevice again = open("office10");
  EXPECT_TRUE(again.adopted());
  EXPECT_EQ(again.ifindex(), ifindex);
  EXPECT_EQ(link("office10").mac, before.mac);
  EXPECT_TRUE(link("office10").carrier);
}

TEST_F(TapDeviceTest, RemovedAtRequest) {
  TapDevice tap = open("office10");
  tap.remove();
  EXPECT_EQ(if_nametoindex("office10"), 0U);
}

TEST_F(TapDeviceTest, RefusesWhatIsSomebodyElses) {
  make_veth("va", "vb");
  const auto veth = TapDevice::open("va");
  ASSERT_FALSE(veth);
  EXPECT_NE(veth.error().message().find("has a device of this name already (veth)"),
            std::string::npos)
      << veth.error().message();

  // A TAP of ours that lost its mark is like that of another program.
  const TapDevice tap = open("office10");
  const auto second = TapDevice::open("office10");
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().message().find("another process has it"), std::string::npos)
      << second.error().message();
  set_link(tap.ifindex(), {.alias = "mine"});
  const auto foreign = TapDevice::open("office10");
  ASSERT_FALSE(foreign);
  EXPECT_NE(foreign.error().message().find("starocean did not make"), std::string::npos);
}

// However the process ends.
TEST_F(TapDeviceTest, OutlivesAKilledProcess) {
  const pid_t child = fork();
  if (child == 0) {
    auto tap = TapDevice::open("office10");
    _exit(tap ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  ASSERT_EQ(WEXITSTATUS(status), 0);
  EXPECT_FALSE(link("office10").carrier);
  EXPECT_TRUE(open("office10").adopted());
}

}  // namespace
}  // namespace starocean::xsk
