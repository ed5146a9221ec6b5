#include "starocean/bench/traffic_parse.h"

#include <gtest/gtest.h>

namespace starocean::bench {
namespace {

TEST(TrafficParse, Rates) {
  const auto rate = [](std::string_view text) { return parse_rate(text).value(); };
  EXPECT_EQ(rate("flood"), (Rate{RateUnit::kFlood, 0}));
  EXPECT_EQ(rate("1000000"), (Rate{RateUnit::kFrames, 1e6}));
  EXPECT_EQ(rate("1.5Mpps"), (Rate{RateUnit::kFrames, 1.5e6}));
  EXPECT_EQ(rate("200kpps"), (Rate{RateUnit::kFrames, 2e5}));
  EXPECT_EQ(rate("7pps"), (Rate{RateUnit::kFrames, 7}));
  EXPECT_EQ(rate("500M"), (Rate{RateUnit::kBits, 5e8}));
  EXPECT_EQ(rate("10Gbit/s"), (Rate{RateUnit::kBits, 1e10}));
  EXPECT_EQ(rate("64bit"), (Rate{RateUnit::kBits, 64}));
  EXPECT_EQ(rate("12.5%"), (Rate{RateUnit::kPercent, 12.5}));
  for (const char* text : {"", "M", "-1", "1e6", "0", "0%", "1Tpps", "1.2.3", "fast", "5 M", "inf",
                           "nan", "pps", "%", "1M%", "99999999999999999999999999x"}) {
    EXPECT_FALSE(parse_rate(text)) << text;
  }
}

TEST(TrafficParse, RatesInFramesPerSecond) {
  const TrafficSpec spec;  // 64 bytes
  const auto pps = [&](std::string_view text, double line_rate = 0) {
    return frames_per_second(parse_rate(text).value(), spec, line_rate);
  };
  EXPECT_EQ(pps("flood").value(), 0);
  EXPECT_EQ(pps("12345").value(), 12345);
  EXPECT_DOUBLE_EQ(pps("512M").value(), 1e6);
  // The best-known number of Ethernet: 64-byte frames on 10 Gbit/s.
  EXPECT_NEAR(pps("100%", 1e10).value(), 14'880'952.4, 0.1);
  EXPECT_FALSE(pps("100%"));
  EXPECT_FALSE(pps("10000Mpps"));
  EXPECT_FALSE(pps("0.0001"));
  EXPECT_EQ(parse_line_rate("10G").value(), 1e10);
  EXPECT_EQ(parse_line_rate("1000000").value(), 1e6);
  for (const char* text : {"flood", "5%", "1Mpps", "0"})
    EXPECT_FALSE(parse_line_rate(text)) << text;
}

TEST(TrafficParse, Ranges) {
  const auto addresses = parse_address_range("10.0.0.1-10.0.1.0").value();
  EXPECT_EQ(addresses.count, 256u);
  EXPECT_EQ(std::get<net::Ipv4Address>(addresses.first).to_string(), "10.0.0.1");
  EXPECT_EQ(parse_address_range("10.0.0.1").value().count, 1u);
  EXPECT_EQ(parse_address_range("fd00::1+1000").value().count, 1000u);
  EXPECT_EQ(parse_address_range("fd00::1-fd00::1:0").value().count, 0x10000u);
  EXPECT_EQ(parse_mac_range("02:00:00:00:00:01-02:00:00:00:01:00").value().count, 256u);
  EXPECT_EQ(parse_mac_range("02:00:00:00:00:01+7").value().count, 7u);
  EXPECT_EQ(parse_number_range("1-4094", "VLAN ids", 4094).value(), (Range<uint16_t>{1, 4094}));
  EXPECT_EQ(parse_number_range("80", "ports", 65535).value(), (Range<uint16_t>{80, 1}));
  for (const char* text :
       {"", "10.0.0.1-", "-10.0.0.1", "10.0.0.2-10.0.0.1", "10.0.0.1-fd00::1", "10.0.0.1+0",
        "10.0.0.1+x", "fd00::1-fd01::1", "10.0.0.256", "::-::ffff:ffff:ffff:ffff"}) {
    EXPECT_FALSE(parse_address_range(text)) << text;
  }
  for (const char* text : {"", "4095", "1-4095", "4094+2", "5-4", "1-2-3", "+1", "x"}) {
    EXPECT_FALSE(parse_number_range(text, "VLAN ids", 4094)) << text;
  }
  EXPECT_FALSE(parse_mac_range("02:00:00:00:00"));
}

TEST(TrafficParse, Sizes) {
  EXPECT_EQ(parse_sizes("1518").value(), (std::vector<uint32_t>{1518}));
  EXPECT_EQ(parse_sizes("64,594").value(), (std::vector<uint32_t>{64, 594}));
  EXPECT_EQ(parse_sizes("imix").value(), simple_imix());
  for (const char* text : {"", ",", "64,", "64;65", "-1", "99999999999"}) {
    EXPECT_FALSE(parse_sizes(text)) << text;
  }
}

TEST(TrafficParse, DurationsAndCounts) {
  EXPECT_EQ(parse_duration_ns("500ms").value(), 500'000'000u);
  EXPECT_EQ(parse_duration_ns("1.5s").value(), 1'500'000'000u);
  EXPECT_EQ(parse_duration_ns("10").value(), 10'000'000'000u);
  EXPECT_EQ(parse_duration_ns("2m").value(), 120'000'000'000u);
  EXPECT_EQ(parse_duration_ns("1h").value(), 3'600'000'000'000u);
  for (const char* text : {"", "0", "0s", "s", "-1s", "1d", "9999999999h"}) {
    EXPECT_FALSE(parse_duration_ns(text)) << text;
  }
  EXPECT_EQ(parse_count("10M").value(), 10'000'000u);
  EXPECT_EQ(parse_count("1.5k").value(), 1500u);
  EXPECT_EQ(parse_count("1").value(), 1u);
  for (const char* text : {"", "0", "1.5", "-1", "M", "1e3", "9999999999999G"}) {
    EXPECT_FALSE(parse_count(text)) << text;
  }
}

}  // namespace
}  // namespace starocean::bench
