#include "starocean/bench/traffic_spec.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <tuple>

namespace starocean::bench {
namespace {

std::string refusal(const TrafficSpec& spec) {
  const Status status = check(spec);
  return status ? "" : status.error().message();
}

TEST(TrafficSpec, TheDefaultIsTheShortestFrame) {
  const TrafficSpec spec;
  EXPECT_TRUE(check(spec));
  EXPECT_EQ(spec.header_bytes(), 42u);
  EXPECT_EQ(spec.shortest_frame_bytes(), 64u);
  EXPECT_GE(spec.distinct_flows(), uint64_t{kMaxFlows});
}

TEST(TrafficSpec, StationsGoInStepAndPortsTellFlowsApart) {
  TrafficSpec spec{.frame_bytes = {68}, .flows = 24};
  spec.source = {net::Ipv4Address(0x0a0000fe), 4};
  spec.destination_mac = {net::MacAddress({2, 0, 0, 0, 0xff, 0xfe}), 4};
  spec.vlan = Range<uint16_t>{100, 2};
  spec.source_port = {10, 3};
  spec.destination_port = {20, 2};
  ASSERT_TRUE(check(spec)) << refusal(spec);
  const FlowHeaders second = headers_of(spec, 1);
  EXPECT_EQ(std::get<net::Ipv4Address>(second.source).to_string(), "10.0.0.255");
  EXPECT_EQ(second.destination_mac.to_string(), "02:00:00:00:ff:ff");
  EXPECT_EQ(second.vlan, 101);
  const FlowHeaders third = headers_of(spec, 2);
  EXPECT_EQ(std::get<net::Ipv4Address>(third.source).to_string(), "10.0.1.0");
  EXPECT_EQ(third.destination_mac.to_string(), "02:00:00:01:00:00");
  EXPECT_EQ(third.vlan, 100);
  EXPECT_EQ(headers_of(spec, 3).source_port, 10);
  EXPECT_EQ(headers_of(spec, 4).source_port, 11);
  EXPECT_EQ(headers_of(spec, 12).source_port, 10);
  EXPECT_EQ(headers_of(spec, 12).destination_port, 21);
  std::set<std::tuple<uint32_t, uint16_t, uint16_t>> tuples;
  for (uint32_t flow = 0; flow < spec.flows; ++flow) {
    const FlowHeaders headers = headers_of(spec, flow);
    tuples.insert({std::get<net::Ipv4Address>(headers.source).host(), headers.source_port,
                   headers.destination_port});
  }
  EXPECT_EQ(tuples.size(), 24u);
  spec.flows = 25;
  EXPECT_NE(refusal(spec).find("only 24 apart"), std::string::npos) << refusal(spec);
}

TEST(TrafficSpec, AMillionFlowsAreAMillion) {
  const TrafficSpec spec{.flows = kMaxFlows};
  ASSERT_TRUE(check(spec));
  std::set<uint32_t> ports;
  for (uint32_t flow = 0; flow < spec.flows; ++flow) {
    const FlowHeaders headers = headers_of(spec, flow);
    ports.insert(uint32_t{headers.source_port} << 16 | headers.destination_port);
  }
  EXPECT_EQ(ports.size(), kMaxFlows);
}

TEST(TrafficSpec, Ipv6CountsThroughTheWholeAddress) {
  TrafficSpec spec{.frame_bytes = {84}};
  spec.set_default_ipv6();
  spec.source.count = 0x10001;
  ASSERT_TRUE(check(spec)) << refusal(spec);
  spec.flows = 0x10001;
  EXPECT_EQ(std::get<net::Ipv6Address>(headers_of(spec, 0x10000).source).to_string(),
            "2001:2:0:1::1:1");
}

TEST(TrafficSpec, WhatCannotBeIsNamed) {
  const auto with = [](auto change) {
    TrafficSpec spec;
    change(spec);
    return refusal(spec);
  };
  const auto names = [](const std::string& text, const char* part) {
    return text.find(part) != std::string::npos;
  };
  EXPECT_TRUE(names(with([](auto& s) { s.frame_bytes = {}; }), "0 frame sizes"));
  EXPECT_TRUE(names(with([](auto& s) { s.frame_bytes = {64, 63}; }), "64 to"));
  EXPECT_TRUE(names(with([](auto& s) { s.frame_bytes = {kMaxFrameBytes + 1}; }), "9619"));
  EXPECT_TRUE(names(with([](auto& s) { s.vlan = Range<uint16_t>{1, 1}; }), "68 to"));
  EXPECT_TRUE(names(with([](auto& s) { s.vlan = Range<uint16_t>{4090, 6}; }), "4094"));
  EXPECT_TRUE(names(with([](auto& s) { s.set_default_ipv6(); }), "84 to"));
  EXPECT_TRUE(names(with([](auto& s) { s.source.first = net::Ipv6Address(); }), "IPv6"));
  EXPECT_TRUE(names(with([](auto& s) { s.source.count = 0; }), "empty"));
  EXPECT_TRUE(names(with([](auto& s) { s.source = {net::Ipv4Address(0xffffffff), 2}; }), "255"));
  EXPECT_TRUE(names(with([](auto& s) { s.source_port = {65535, 2}; }), "source ports"));
  EXPECT_TRUE(names(with([](auto& s) { s.flows = 0; }), "0 flows"));
  EXPECT_TRUE(names(with([](auto& s) { s.flows = kMaxFlows + 1; }), "1048577 flows"));
  EXPECT_TRUE(names(with([](auto& s) { s.vlan_tpid = 0x800; }), "0x0800"));
  EXPECT_TRUE(names(with([](auto& s) { s.source_mac.first = net::MacAddress::broadcast(); }),
                    "group address"));
}

TEST(TrafficSpec, SimpleImixIsSevenFourOne) {
  const TrafficSpec spec{.frame_bytes = simple_imix()};
  EXPECT_TRUE(check(spec));
  EXPECT_EQ(std::multiset<uint32_t>(spec.frame_bytes.begin(), spec.frame_bytes.end()),
            (std::multiset<uint32_t>{64, 64, 64, 64, 64, 64, 64, 594, 594, 594, 594, 1518}));
  EXPECT_EQ(spec.longest_frame_bytes(), 1518u);
  EXPECT_DOUBLE_EQ(spec.mean_frame_bytes(), (7 * 64 + 4 * 594 + 1518) / 12.0);
}

}  // namespace
}  // namespace starocean::bench
