#include "starocean/xsk/link_info.h"

#include <libmnl/libmnl.h>

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>

#include <vector>

#include <gtest/gtest.h>

namespace starocean::xsk {
namespace {

// An RTM_NEWLINK as the kernel would send it, written with libmnl's own writer.
class Message {
 public:
  explicit Message(uint16_t type = RTM_NEWLINK, uint8_t family = AF_UNSPEC, int ifindex = 7)
      : header_(mnl_nlmsg_put_header(buffer_)) {
    header_->nlmsg_type = type;
    auto* const info =
        static_cast<ifinfomsg*>(mnl_nlmsg_put_extra_header(header_, sizeof(ifinfomsg)));
    info->ifi_family = family;
    info->ifi_type = ARPHRD_ETHER;
    info->ifi_index = ifindex;
    info->ifi_flags = IFF_UP | IFF_RUNNING;
    mnl_attr_put_strz(header_, IFLA_IFNAME, "lan1");
  }
  nlmsghdr* header() { return header_; }
  std::vector<std::byte> bytes() const {
    const auto* const start = reinterpret_cast<const std::byte*>(buffer_);
    return {start, start + header_->nlmsg_len};
  }

 private:
  alignas(nlmsghdr) char buffer_[1024] = {};
  nlmsghdr* header_;
};

Message full_message() {
  Message message;
  nlmsghdr* const header = message.header();
  mnl_attr_put_u32(header, IFLA_MTU, 9000);
  const unsigned char mac[6] = {2, 0, 0, 0, 0, 9};
  mnl_attr_put(header, IFLA_ADDRESS, sizeof(mac), mac);
  mnl_attr_put_u32(header, IFLA_MASTER, 3);
  mnl_attr_put_u32(header, IFLA_LINK, 12);
  mnl_attr_put_u32(header, IFLA_LINK_NETNSID, 2);
  mnl_attr_put_u32(header, IFLA_NUM_RX_QUEUES, 4);
  mnl_attr_put_u32(header, IFLA_NUM_TX_QUEUES, 5);
  nlattr* const info = mnl_attr_nest_start(header, IFLA_LINKINFO);
  mnl_attr_put_strz(header, IFLA_INFO_KIND, "veth");
  mnl_attr_nest_end(header, info);
  return message;
}

TEST(LinkInfo, ReadsEveryMember) {
  const auto link = parse_link(full_message().bytes());
  ASSERT_TRUE(link);
  EXPECT_EQ(link->ifindex, 7u);
  EXPECT_EQ(link->name, "lan1");
  EXPECT_EQ(link->kind, "veth");
  EXPECT_EQ(link->hardware_type, ARPHRD_ETHER);
  EXPECT_TRUE(link->up);
  EXPECT_TRUE(link->carrier);
  EXPECT_FALSE(link->removed);
  EXPECT_EQ(link->mtu, 9000u);
  EXPECT_EQ(link->mac, (std::array<uint8_t, 6>{2, 0, 0, 0, 0, 9}));
  EXPECT_EQ(link->master_ifindex, 3u);
  EXPECT_EQ(link->lower_ifindex, 12u);
  EXPECT_EQ(link->lower_netns, 2);
  EXPECT_EQ(link->rx_queues, 4u);
  EXPECT_EQ(link->tx_queues, 5u);
  EXPECT_EQ(link->xdp_program_id(), 0u);
}

LinkInfo with_xdp(uint8_t attached, const std::vector<std::pair<uint16_t, uint32_t>>& ids) {
  Message message;
  nlattr* const nest = mnl_attr_nest_start(message.header(), IFLA_XDP);
  mnl_attr_put_u8(message.header(), IFLA_XDP_ATTACHED, attached);
  for (const auto& [type, id] : ids) mnl_attr_put_u32(message.header(), type, id);
  mnl_attr_nest_end(message.header(), nest);
  return parse_link(message.bytes()).value_or(LinkInfo{});
}

TEST(LinkInfo, XdpProgramsByMode) {
  EXPECT_EQ(with_xdp(XDP_ATTACHED_NONE, {}).xdp_program_id(), 0u);
  EXPECT_EQ(with_xdp(XDP_ATTACHED_DRV, {{IFLA_XDP_PROG_ID, 17}}).xdp_native_id, 17u);
  EXPECT_EQ(with_xdp(XDP_ATTACHED_SKB, {{IFLA_XDP_PROG_ID, 18}}).xdp_generic_id, 18u);
  EXPECT_EQ(with_xdp(XDP_ATTACHED_HW, {{IFLA_XDP_PROG_ID, 19}}).xdp_offload_id, 19u);
  const LinkInfo both =
      with_xdp(XDP_ATTACHED_MULTI, {{IFLA_XDP_DRV_PROG_ID, 21}, {IFLA_XDP_SKB_PROG_ID, 22}});
  EXPECT_EQ(both.xdp_native_id, 21u);
  EXPECT_EQ(both.xdp_generic_id, 22u);
  EXPECT_EQ(both.xdp_program_id(), 21u);
}

// A device that stands on nothing names itself (net/core/dev.c, dev_get_iflink). The same number in
// another namespace is another device.
TEST(LinkInfo, OnlyAnotherDeviceIsBelow) {
  Message itself;
  mnl_attr_put_u32(itself.header(), IFLA_LINK, 7);
  EXPECT_EQ(parse_link(itself.bytes())->lower_ifindex, 0u);
  mnl_attr_put_u32(itself.header(), IFLA_LINK_NETNSID, 0);
  EXPECT_EQ(parse_link(itself.bytes())->lower_ifindex, 7u);
}

TEST(LinkInfo, DeletionIsTold) {
  const auto link = parse_link(Message(RTM_DELLINK).bytes());
  ASSERT_TRUE(link);
  EXPECT_TRUE(link->removed);
}

TEST(LinkInfo, WhatIsNoNewsOfADeviceIsPassedOver) {
  EXPECT_FALSE(parse_link(Message(RTM_DELLINK, AF_BRIDGE).bytes()));
  EXPECT_FALSE(parse_link(Message(RTM_NEWADDR).bytes()));
  EXPECT_FALSE(parse_link(Message(RTM_NEWLINK, AF_UNSPEC, 0).bytes()));
  Message wireless;
  mnl_attr_put_u32(wireless.header(), IFLA_WIRELESS, 1);
  EXPECT_FALSE(parse_link(wireless.bytes()));
  EXPECT_FALSE(parse_link({}));
}

// Cut anywhere, with the length in the header corrected or not: no crash, no read past the end (the
// copy has its exact size, so AddressSanitizer sees one).
TEST(LinkInfo, EveryTruncationIsSafe) {
  const std::vector<std::byte> whole = full_message().bytes();
  for (size_t len = 0; len < whole.size(); ++len) {
    std::vector<std::byte> cut(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(len));
    cut.shrink_to_fit();
    EXPECT_FALSE(parse_link(cut)) << len;
    if (len < sizeof(nlmsghdr)) continue;
    reinterpret_cast<nlmsghdr*>(cut.data())->nlmsg_len = static_cast<uint32_t>(len);
    const auto link = parse_link(cut);
    EXPECT_TRUE(!link || link->name.starts_with("lan") || link->name.size() < 4) << len;
  }
}

}  // namespace
}  // namespace starocean::xsk
