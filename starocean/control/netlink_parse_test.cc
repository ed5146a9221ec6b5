#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/netconf.h>
#include <linux/rtnetlink.h>

#include <string>

#include <gtest/gtest.h>

#include "starocean/control/address_parse.h"
#include "starocean/control/neighbour_parse.h"
#include "starocean/control/netlink_message_for_test.h"
#include "starocean/control/rule_parse.h"

namespace starocean::control {
namespace {

using testing::ip;
using testing::Message;

ifaddrmsg address_header(uint8_t family, uint8_t prefix_length) {
  ifaddrmsg info{};
  info.ifa_family = family;
  info.ifa_prefixlen = prefix_length;
  info.ifa_index = 4;
  return info;
}

TEST(AddressParse, TheLocalEndOfAPointToPointLink) {
  Message message(RTM_NEWADDR, 0, address_header(AF_INET, 32));
  message.address(IFA_ADDRESS, "10.0.0.2").address(IFA_LOCAL, "10.0.0.1");
  message.u32(IFA_FLAGS, IFA_F_SECONDARY);
  const auto address = parse_address(message.whole());
  ASSERT_TRUE(address);
  EXPECT_FALSE(address->removed);
  EXPECT_EQ(address->ifindex, 4u);
  EXPECT_EQ(
      address->address,
      (InterfaceAddress{
          .address = ip("10.0.0.1"), .prefix_length = 32, .secondary = true, .usable = true}));
}

TEST(AddressParse, Ipv6BeforeAndAfterDuplicateDetection) {
  const auto parsed = [](uint32_t flags) {
    Message message(RTM_NEWADDR, 0, address_header(AF_INET6, 64));
    return parse_address(message.address(IFA_ADDRESS, "fe80::1").u32(IFA_FLAGS, flags).whole());
  };
  EXPECT_FALSE(parsed(IFA_F_TENTATIVE)->address.usable);
  EXPECT_TRUE(parsed(IFA_F_TENTATIVE | IFA_F_OPTIMISTIC)->address.usable);
  EXPECT_FALSE(parsed(IFA_F_DADFAILED)->address.usable);
  EXPECT_TRUE(parsed(IFA_F_PERMANENT)->address.usable);
  EXPECT_FALSE(parsed(IFA_F_TEMPORARY)->address.secondary) << "the same bit as secondary";
}

TEST(AddressParse, Malformed) {
  Message none(RTM_DELADDR, 0, address_header(AF_INET, 24));
  EXPECT_FALSE(parse_address(none.whole()));
  EXPECT_FALSE(parse_address(none.address(IFA_LOCAL, "fe80::1").whole()));
  EXPECT_FALSE(parse_address(Message(RTM_NEWADDR, 0, address_header(AF_PACKET, 0)).whole()));
}

TEST(NetconfParse, WhatItSaysOfRoutesWithoutCarrier) {
  Message message(RTM_NEWNETCONF, 0, netconfmsg{.ncm_family = AF_INET});
  message.u32(NETCONFA_IFINDEX, static_cast<uint32_t>(NETCONFA_IFINDEX_ALL));
  EXPECT_FALSE(parse_netconf(message.whole())) << "not said";
  const auto netconf = parse_netconf(message.u32(NETCONFA_IGNORE_ROUTES_WITH_LINKDOWN, 1).whole());
  ASSERT_TRUE(netconf);
  EXPECT_EQ(netconf->family, net::IpFamily::kIpv4);
  EXPECT_EQ(netconf->ifindex, NetconfMessage::kAll);
  EXPECT_TRUE(netconf->ignore_routes_with_linkdown);
}

ndmsg neighbour_header(uint8_t family, uint16_t state, uint8_t flags = 0) {
  ndmsg info{};
  info.ndm_family = family;
  info.ndm_ifindex = 9;
  info.ndm_state = state;
  info.ndm_flags = flags;
  return info;
}

TEST(NeighbourParse, WithAndWithoutMac) {
  Message message(RTM_NEWNEIGH, 0, neighbour_header(AF_INET6, NUD_STALE));
  message.address(NDA_DST, "fe80::2").bytes(NDA_LLADDR, "\x02\x00\x00\x00\x00\x09", 6);
  const auto stale = parse_neighbour(message.whole());
  ASSERT_TRUE(stale);
  EXPECT_FALSE(stale->removed);
  EXPECT_EQ(stale->ifindex, 9u);
  EXPECT_EQ(stale->address, ip("fe80::2"));
  EXPECT_EQ(stale->state, NUD_STALE);
  EXPECT_TRUE(stale->has_mac);
  EXPECT_EQ(stale->mac.to_string(), "02:00:00:00:00:09");

  Message failed(RTM_DELNEIGH, 0, neighbour_header(AF_INET, NUD_FAILED));
  const auto gone = parse_neighbour(failed.address(NDA_DST, "10.0.0.7").whole());
  ASSERT_TRUE(gone);
  EXPECT_TRUE(gone->removed);
  EXPECT_FALSE(gone->has_mac);
  EXPECT_EQ(gone->address, ip("10.0.0.7"));
}

TEST(NeighbourParse, WhatIsNoNeighbourOfOurs) {
  const auto parsed = [](ndmsg info) {
    Message message(RTM_NEWNEIGH, 0, info);
    return parse_neighbour(message.address(NDA_DST, "10.0.0.7").whole());
  };
  EXPECT_TRUE(parsed(neighbour_header(AF_INET, NUD_STALE)));
  EXPECT_FALSE(parsed(neighbour_header(AF_BRIDGE, NUD_STALE)));
  EXPECT_FALSE(parsed(neighbour_header(AF_INET, NUD_STALE, NTF_PROXY)));
  EXPECT_FALSE(parsed(neighbour_header(AF_INET6, NUD_STALE))) << "an address of another family";
  EXPECT_FALSE(parse_neighbour(Message(RTM_NEWNEIGH, 0, neighbour_header(AF_INET, 0)).whole()));
}

fib_rule_hdr rule_header(uint8_t action = FR_ACT_TO_TBL) {
  fib_rule_hdr info{};
  info.family = AF_INET;
  info.action = action;
  info.table = RT_TABLE_MAIN;
  return info;
}

TEST(RuleParse, ByInterfaceAndSource) {
  fib_rule_hdr info = rule_header();
  info.src_len = 16;
  Message message(RTM_NEWRULE, 0, info);
  message.u32(FRA_PRIORITY, 100).u32(FRA_TABLE, 1001).u32(FRA_SUPPRESS_PREFIXLEN, 0xffffffff);
  message.address(FRA_SRC, "10.1.0.0").text(FRA_IIFNAME, "lan0");
  const auto rule = parse_rule(message.whole());
  ASSERT_TRUE(rule);
  EXPECT_FALSE(rule->removed);
  EXPECT_EQ(rule->rule.refused, "");
  EXPECT_EQ(rule->rule.to_string(), "100: from 10.1.0.0/16 iif lan0 lookup 1001");
  EXPECT_EQ(rule->rule.action, RuleAction::kTable);
}

TEST(RuleParse, EverySelectorThatWeDoNotFollowIsNamed) {
  const auto refused = [](uint16_t type, uint32_t value) {
    Message message(RTM_NEWRULE, 0, rule_header());
    return parse_rule(message.u32(type, value).whole())->rule.refused;
  };
  EXPECT_EQ(refused(FRA_FWMARK, 1), "fwmark");
  EXPECT_EQ(refused(FRA_OIFNAME, 0), "oif");
  EXPECT_EQ(refused(FRA_IP_PROTO, 6), "ipproto");
  EXPECT_EQ(refused(FRA_SPORT_RANGE, 1), "sport");
  EXPECT_EQ(refused(FRA_DPORT_RANGE, 1), "dport");
  EXPECT_EQ(refused(FRA_UID_RANGE, 1), "uidrange");
  EXPECT_EQ(refused(FRA_TUN_ID, 1), "tun_id");
  EXPECT_EQ(refused(FRA_DST, 1), "to");
  EXPECT_EQ(refused(FRA_SUPPRESS_PREFIXLEN, 0), "suppress_prefixlength");
  EXPECT_EQ(refused(FRA_SUPPRESS_IFGROUP, 3), "suppress_ifgroup");
  EXPECT_EQ(refused(FRA_L3MDEV, 1), "l3mdev");
  EXPECT_EQ(refused(90, 1), "a selector newer than this program");
  EXPECT_EQ(refused(FRA_PROTOCOL, 1), "");

  fib_rule_hdr info = rule_header();
  info.tos = 8;
  info.flags = FIB_RULE_INVERT;
  Message both(RTM_NEWRULE, 0, info);
  both.u32(FRA_FWMARK, 1).u32(FRA_FWMASK, 1);
  EXPECT_EQ(parse_rule(both.whole())->rule.refused, "not, tos, fwmark");
}

TEST(RuleParse, Actions) {
  const auto text = [](uint8_t action) {
    Message message(RTM_NEWRULE, 0, rule_header(action));
    return parse_rule(message.whole())->rule;
  };
  EXPECT_EQ(text(FR_ACT_BLACKHOLE).to_string(), "0: from all blackhole");
  EXPECT_EQ(text(FR_ACT_UNREACHABLE).to_string(), "0: from all unreachable");
  EXPECT_EQ(text(FR_ACT_PROHIBIT).to_string(), "0: from all prohibit");
  EXPECT_EQ(text(FR_ACT_NOP).to_string(), "0: from all nop");
  EXPECT_EQ(text(FR_ACT_NOP).refused, "");
  EXPECT_EQ(text(FR_ACT_GOTO).refused, "goto");
  EXPECT_FALSE(parse_rule(Message(RTM_NEWRULE, 0, rule_header(200)).whole()));
}

}  // namespace
}  // namespace starocean::control
