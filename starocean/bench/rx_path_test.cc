// The pure parts of the ladder. The ladder itself runs in lab/test_bench_rx_path.py.
#include <gtest/gtest.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <array>
#include <set>

#include "bpf/rx_path.h"
#include "starocean/bench/probe.h"
#include "starocean/bench/rx_nft_counter.h"
#include "starocean/bench/rx_path.h"
#include "starocean/bench/rx_snmp.h"
#include "starocean/bench/rx_thread.h"

namespace starocean::bench {
namespace {

TEST(RxCases, HaveNamesOfTheirOwnAndABase) {
  std::set<std::string_view> names;
  for (const RxCase& rung : rx_ladder()) {
    EXPECT_TRUE(names.insert(rung.name).second) << rung.name;
    EXPECT_FALSE(rung.how.empty()) << rung.name;
    EXPECT_TRUE(rung.base.empty()) << rung.name;
  }
  for (const RxCase& tuning : rx_tunings()) {
    EXPECT_EQ(names.count(tuning.base), 1u) << tuning.name;
    EXPECT_TRUE(names.insert(tuning.name).second) << tuning.name;
    EXPECT_FALSE(tuning.change.empty()) << tuning.name;
  }
}

TEST(RxOptions, AreChecked) {
  EXPECT_TRUE(check_rx_path({}));
  const auto unknown = check_rx_path({.rungs = {"prerouting", "postrouting"}});
  ASSERT_FALSE(unknown);
  EXPECT_NE(unknown.error().message().find("'postrouting'"), std::string::npos);
  EXPECT_NE(unknown.error().message().find("af-packet-mmap"), std::string::npos)
      << "the remedy: " << unknown.error().message();
  EXPECT_TRUE(check_rx_path({.rungs = {"af-xdp/coalesced"}}));
  EXPECT_FALSE(check_rx_path({.rate_pps = 0, .rungs = {"af-xdp/coalesced"}})) << "shows at a rate";
  EXPECT_TRUE(check_rx_path({.rate_pps = 0, .rungs = {"af-xdp/coalesced", "af-xdp"}}));
  EXPECT_FALSE(check_rx_path({.frame_bytes = 63}));
  EXPECT_TRUE(check_rx_path({.frame_bytes = 1518}));
  EXPECT_FALSE(check_rx_path({.frame_bytes = 1519}));
  EXPECT_TRUE(check_rx_path({.flows = 64512}));
  EXPECT_FALSE(check_rx_path({.flows = 64513})) << "more than there are source ports";
}

TEST(RxLadderFrame, IsWhatTheGeneratorMakes) {
  const TrafficSpec spec{.destination_port = {RX_PATH_PORT, 1}};
  std::array<std::byte, 60> frame{};
  ASSERT_TRUE(build_frame(spec, headers_of(spec, 0), {}, frame));
  EXPECT_TRUE(is_ladder_frame(frame));
  for (size_t length = 0; length < 42; ++length) {
    EXPECT_FALSE(is_ladder_frame(std::span(frame).first(length))) << length;
  }
  // EtherType, IP header length, protocol, destination port.
  for (const size_t at : {12u, 13u, 14u, 23u, 36u, 37u}) {
    auto other = frame;
    other[at] ^= std::byte{1};
    EXPECT_FALSE(is_ladder_frame(other)) << at;
  }
}

TEST(Snmp, FindsACountByItsName) {
  constexpr auto kText =
      "Icmp: InMsgs OutDestUnreachs\nIcmp: 5 6\n"
      "Udp: InDatagrams NoPorts InErrors\nUdp: 10 18446744073709551615 0\n"
      "UdpLite: InDatagrams NoPorts\nUdpLite: 1 2\n";
  EXPECT_EQ(*find_snmp_count(kText, "Udp", "NoPorts"), UINT64_MAX);
  EXPECT_EQ(*find_snmp_count(kText, "UdpLite", "NoPorts"), 2u);
  EXPECT_EQ(*find_snmp_count(kText, "Icmp", "OutDestUnreachs"), 6u);
  for (const auto& [group, name] :
       {std::pair{"Udp", "MemErrors"}, std::pair{"Tcp", "InErrors"}, std::pair{"Ud", "NoPorts"}}) {
    EXPECT_FALSE(find_snmp_count(kText, group, name)) << group << name;
  }
  EXPECT_FALSE(find_snmp_count("Udp: NoPorts\n", "Udp", "NoPorts")) << "cut off";
  EXPECT_FALSE(find_snmp_count("Udp: A NoPorts\nUdp: 1\n", "Udp", "NoPorts")) << "too few values";
}

// A rule as nf_tables describes it: expressions with a name and data each.
class RuleMessage {
 public:
  explicit RuleMessage(uint16_t type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWRULE) {
    message_ = mnl_nlmsg_put_header(buffer_.data());
    message_->nlmsg_type = type;
    mnl_nlmsg_put_extra_header(message_, sizeof(nfgenmsg));
    mnl_attr_put_strz(message_, NFTA_RULE_TABLE, "starocean");
    list_ = mnl_attr_nest_start(message_, NFTA_RULE_EXPRESSIONS);
  }
  void add(const char* name, uint64_t packets) {
    nlattr* const one = mnl_attr_nest_start(message_, NFTA_LIST_ELEM);
    mnl_attr_put_strz(message_, NFTA_EXPR_NAME, name);
    nlattr* const data = mnl_attr_nest_start(message_, NFTA_EXPR_DATA);
    mnl_attr_put_u64(message_, NFTA_COUNTER_BYTES, htobe64(packets * 60));
    mnl_attr_put_u64(message_, NFTA_COUNTER_PACKETS, htobe64(packets));
    mnl_attr_nest_end(message_, data);
    mnl_attr_nest_end(message_, one);
  }
  std::span<const std::byte> bytes() {
    mnl_attr_nest_end(message_, list_);
    return std::as_bytes(std::span(buffer_)).first(message_->nlmsg_len);
  }

 private:
  alignas(nlmsghdr) std::array<char, 1024> buffer_{};
  nlmsghdr* message_;
  nlattr* list_;
};

TEST(NftCounter, SumsTheCountersOfARule) {
  RuleMessage rule;
  rule.add("payload", 1'000'000);  // has data of the same shape, and is no counter
  rule.add("counter", 7);
  rule.add("counter", uint64_t{1} << 40);
  EXPECT_EQ(packets_of_rule(rule.bytes()), (uint64_t{1} << 40) + 7);
}

TEST(NftCounter, ReadsNothingIntoOtherMessages) {
  RuleMessage chain(NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWCHAIN);
  chain.add("counter", 7);
  EXPECT_EQ(packets_of_rule(chain.bytes()), 0u);
  RuleMessage rule;
  rule.add("counter", 7);
  const auto whole = rule.bytes();
  ASSERT_EQ(packets_of_rule(whole), 7u);
  for (size_t length = 0; length < whole.size(); ++length) {
    EXPECT_EQ(packets_of_rule(whole.first(length)), 0u) << "cut off at " << length;
  }
}

}  // namespace
}  // namespace starocean::bench
