#include "starocean/xsk/device_settings.h"

#include <linux/ethtool.h>

#include <cerrno>

#include <gtest/gtest.h>

#include "starocean/xsk/ethtool_request.h"
#include "starocean/xsk/netdev_family.h"
#include "starocean/xsk/present_program.h"
#include "starocean/xsk/testing/netns.h"
#include "starocean/xsk/testing/raw_socket.h"
#include "starocean/xsk/xdp_program.h"

namespace starocean::xsk {
namespace {

// A veth pair of two queues in a namespace of its own.
class DeviceSettings : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const auto reason = testing::why_no_namespaces(); !reason.empty()) GTEST_SKIP() << reason;
    netns_.emplace();
    veth_ = testing::make_veth("va", "vb", {.queues = 2});
  }
  std::optional<testing::Netns> netns_;
  testing::Veth veth_;
};

TEST_F(DeviceSettings, OffloadsAreThoseThatLinuxHasNow) {
  const auto before = offloads("va");
  ASSERT_TRUE(before) << before.error().message();
  ASSERT_TRUE(before->contains("tx-checksum-ip-generic"));
  EXPECT_TRUE(is_on(*before, "tx-checksum-ip-generic"));
  EXPECT_FALSE(before->at("tx-checksum-ip-generic").fixed);
  EXPECT_EQ(before->at("rx-lro"), (Offload{.on = false, .fixed = true}));
  EXPECT_FALSE(is_on(*before, "rx-lro"));
  EXPECT_FALSE(is_on(*before, "no such offload"));
  ethtool_value off{.cmd = ETHTOOL_STXCSUM, .data = 0};
  ASSERT_EQ(ethtool::request("va", &off), 0);
  const auto after = offloads("va");
  ASSERT_TRUE(after);
  EXPECT_FALSE(is_on(*after, "tx-checksum-ip-generic"));
  EXPECT_TRUE(is_on(*offloads("vb"), "tx-checksum-ip-generic"));
}

TEST_F(DeviceSettings, WhatADriverDoesNotHaveIsAbsent) {
  const auto rings = device_rings("va");
  ASSERT_TRUE(rings) << rings.error().message();
  EXPECT_FALSE(*rings);
  const auto waits = coalescing("va");
  ASSERT_TRUE(waits) << waits.error().message();
  EXPECT_FALSE(*waits);
  const auto queues = channels("va");
  ASSERT_TRUE(queues && *queues);
  EXPECT_EQ((*queues)->rx, 2u);
  EXPECT_EQ((*queues)->rx_max, 2u);
  EXPECT_EQ((*queues)->combined_max, 0u);
}

TEST_F(DeviceSettings, ADeviceThatIsNotThereIsAnError) {
  for (const Error& error : {offloads("nosuch0").error(), device_rings("nosuch0").error(),
                             coalescing("").error(), channels("nosuch0").error()}) {
    EXPECT_EQ(error.code(), ENODEV) << error.message();
    EXPECT_NE(error.message().find("no such device"), std::string::npos) << error.message();
  }
  EXPECT_FALSE(xdp_report(4711));
}

TEST_F(DeviceSettings, VethReportsWhatItCan) {
  const auto report = xdp_report(veth_.near.ifindex);
  ASSERT_TRUE(report) << report.error().message();
  if (!*report) GTEST_SKIP() << "this kernel has no netlink family 'netdev' (Linux 6.3)";
  EXPECT_TRUE((*report)->has(kXdpActBasic | kXdpActRedirect | kXdpActReceiveFragments));
  EXPECT_FALSE((*report)->has(kXdpActZeroCopy));
  const auto link = xdp_report(1);  // lo: no XDP
  ASSERT_TRUE(link && *link) << link.error().message();
  EXPECT_EQ((*link)->features, 0u);
}

TEST_F(DeviceSettings, QueuesAndTheirSockets) {
  const auto before = queue_reports(veth_.near.ifindex);
  ASSERT_TRUE(before) << before.error().message();
  if (before->empty()) GTEST_SKIP() << "this kernel does not list queues (Linux 6.7)";
  EXPECT_EQ(before->size(), 4u);
  const auto receive_with_socket = [](const std::vector<QueueReport>& reports) {
    std::vector<uint32_t> found;
    for (const QueueReport& report : reports) {
      if (report.receive && report.has_socket) found.push_back(report.queue);
    }
    return found;
  };
  EXPECT_TRUE(receive_with_socket(*before).empty());
  const testing::TinyXsk socket(veth_.near.ifindex, 1);
  const auto after = queue_reports(veth_.near.ifindex);
  ASSERT_TRUE(after);
  if (receive_with_socket(*after).empty()) GTEST_SKIP() << "this kernel does not tell (Linux 6.15)";
  EXPECT_EQ(receive_with_socket(*after), std::vector<uint32_t>{1});
}

TEST_F(DeviceSettings, TheProgramThatIsPresentAndItsLink) {
  const auto none = present_program(veth_.near.ifindex, "va");
  ASSERT_TRUE(none) << none.error().message();
  EXPECT_FALSE(*none);
  const auto program = XdpProgram::attach({.device = "va", .ifindex = veth_.near.ifindex});
  ASSERT_TRUE(program) << program.error().message();
  const auto present = present_program(veth_.near.ifindex, "va");
  ASSERT_TRUE(present && *present);
  EXPECT_EQ((*present)->id, program->program_id());
  EXPECT_TRUE((*present)->is_ours());
  EXPECT_FALSE((*present)->generic);
  EXPECT_NE((*present)->link_id, 0u);
  EXPECT_FALSE(*present_program(veth_.far.ifindex, "vb"));
}

TEST(NetdevFamily, BitsHaveTheirNames) {
  EXPECT_EQ(rx_metadata_names(0b101), (std::vector<std::string>{"timestamp", "vlan-tag"}));
  EXPECT_EQ(tx_metadata_names(0b1010), (std::vector<std::string>{"tx-checksum", "bit 3"}));
  EXPECT_TRUE(rx_metadata_names(0).empty());
}

}  // namespace
}  // namespace starocean::xsk
