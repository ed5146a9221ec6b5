#include "starocean/control/config_value.h"

#include <gtest/gtest.h>

#include "starocean/control/config_words.h"

namespace starocean::control {
namespace {

using std::chrono::milliseconds;

TEST(ConfigValue, IntegersAreDecimalWithoutLeadingZeros) {
  EXPECT_EQ(parse_integer("0"), 0);
  EXPECT_EQ(parse_integer("32768"), 32768);
  EXPECT_EQ(parse_integer("-5"), -5);
  EXPECT_EQ(parse_integer("9223372036854775807"), INT64_MAX);
  for (const char* text : {"", "-", "+5", "010", "0x10", "1e3", "1.0", "1_000", " 1", "1 ", "--1",
                           "9223372036854775808", "١"}) {
    EXPECT_EQ(parse_integer(text), std::nullopt) << text;
  }
}

TEST(ConfigValue, SizesCountIn1024) {
  EXPECT_EQ(parse_size("0"), 0u);
  EXPECT_EQ(parse_size("2048"), 2048u);
  EXPECT_EQ(parse_size("4K"), 4096u);
  EXPECT_EQ(parse_size("4KiB"), 4096u);
  EXPECT_EQ(parse_size("3M"), 3u << 20);
  EXPECT_EQ(parse_size("2GiB"), 2ull << 30);
  for (const char* text : {"", "K", "4k", "4KB", "4 K", "04K", "-1", "1.5K", "9999999999G"}) {
    EXPECT_EQ(parse_size(text), std::nullopt) << text;
  }
}

TEST(ConfigValue, DurationsNeedAUnit) {
  EXPECT_EQ(parse_duration("100ms"), milliseconds(100));
  EXPECT_EQ(parse_duration("300s"), milliseconds(300'000));
  EXPECT_EQ(parse_duration("5m"), milliseconds(300'000));
  EXPECT_EQ(parse_duration("2h"), milliseconds(7'200'000));
  for (const char* text :
       {"", "300", "s", "5 m", "-5s", "1.5s", "5min", "05s", "9999999999999999h"}) {
    EXPECT_EQ(parse_duration(text), std::nullopt) << text;
  }
}

TEST(ConfigValue, DurationsComeBackFromTheirText) {
  EXPECT_EQ(format_duration(milliseconds(300'000)), "5m");
  EXPECT_EQ(format_duration(milliseconds(1'500)), "1500ms");
  EXPECT_EQ(format_duration(milliseconds(0)), "0s");
  for (const int64_t value :
       {0, 1, 999, 1'000, 59'000, 60'000, 3'600'000, 3'661'000, 1'000'000'000}) {
    EXPECT_EQ(parse_duration(format_duration(milliseconds(value))), milliseconds(value));
  }
}

TEST(ConfigValue, MacAddresses) {
  const MacBytes mac = {0x02, 0xab, 0xCD, 0, 0x7f, 0xff};
  EXPECT_EQ(parse_mac("02:ab:cd:00:7f:ff"), mac);
  EXPECT_EQ(parse_mac("02-AB-CD-00-7F-FF"), mac);
  EXPECT_EQ(format_mac(mac), "02:ab:cd:00:7f:ff");
  for (const char* text :
       {"", "02:ab:cd:00:7f", "02:ab:cd:00:7f:f", "02:ab:cd:00:7f:fff", "02-ab:cd:00:7f:ff",
        "02:ab:cd:00:7f:fg", "02ab.cd00.7fff", "+2:ab:cd:00:7f:ff", " 2:ab:cd:00:7f:ff"}) {
    EXPECT_EQ(parse_mac(text), std::nullopt) << text;
  }
  EXPECT_TRUE(is_unicast(mac));
  EXPECT_FALSE(is_unicast({}));
  EXPECT_FALSE(is_unicast({0x01, 0x80, 0xc2, 0, 0, 0}));
  EXPECT_FALSE(is_unicast({0xff, 0xff, 0xff, 0xff, 0xff, 0xff}));
}

TEST(ConfigValue, HostAndPort) {
  const auto v4 = parse_host_port("127.0.0.1:30088");
  ASSERT_TRUE(v4);
  EXPECT_EQ(v4->host, "127.0.0.1");
  EXPECT_EQ(v4->port, 30088);
  const auto v6 = parse_host_port("[::1]:1");
  ASSERT_TRUE(v6);
  EXPECT_EQ(v6->host, "::1");
  EXPECT_EQ(format_host_port(v6->host, v6->port), "[::1]:1");
  ASSERT_TRUE(parse_host_port("localhost:65535"));
  for (const char* text : {"", ":", ":80", "80", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0",
                           "127.0.0.1:65536", "127.0.0.1:080", "127.0.0.256:80", "1.2.3:80",
                           "::1:80", "[::1]", "[::g]:80", "[127.0.0.1]:80", "a b:80", "-a:80"}) {
    EXPECT_FALSE(parse_host_port(text)) << text;
  }
}

TEST(ConfigValue, Names) {
  for (const char* text : {"lan1", "wan1.35", "eth0@x", "123456789012345", "-", "a'b"}) {
    EXPECT_TRUE(is_device_name(text)) << text;
  }
  for (const char* text : {"", ".", "..", "a/b", "a:b", "a b", "1234567890123456", "é"}) {
    EXPECT_FALSE(is_device_name(text)) << text;
  }
  EXPECT_TRUE(is_label("edge-a_1.x"));
  EXPECT_TRUE(is_label(std::string(63, 'a')));
  for (const std::string& text : {std::string(), std::string("-a"), std::string("a b"),
                                  std::string(64, 'a'), std::string("a/b")}) {
    EXPECT_FALSE(is_label(text)) << text;
  }
}

TEST(ConfigValue, WhatYamlTakesForANumberOrABoolean) {
  for (const char* text : {"0", "-12", "+1", "010", "0o17", "0xfF", "1.5", ".5", "5.", "1e3",
                           "-1.5E-3", "true", "False", ".inf", "-.Inf", ".nan"}) {
    EXPECT_TRUE(is_number_or_boolean(text)) << text;
  }
  for (const char* text : {"", ".", "-", "a1", "1a", "1e", "1e+", "yes", "on", "truE", "0o8", "0xg",
                           "1.2.3", "-.nan", "1:2"}) {
    EXPECT_FALSE(is_number_or_boolean(text)) << text;
  }
}

TEST(ConfigWords, NearestFindsSlipsOfTheFinger) {
  const std::string_view keys[] = {"interfaces", "bridges", "memory", "nat", "node", "rx", "tx"};
  EXPECT_EQ(nearest("intefaces", keys), "interfaces");
  EXPECT_EQ(nearest("interfacse", keys), "interfaces");
  EXPECT_EQ(nearest("bridge", keys), "bridges");
  EXPECT_EQ(nearest("memmory", keys), "memory");
  EXPECT_EQ(nearest("nodes", keys), "node");
  // Too far from everything, or too short to tell.
  EXPECT_EQ(nearest("hugepages", keys), "");
  EXPECT_EQ(nearest("r", keys), "");
  EXPECT_EQ(nearest("ax", keys), "");
  EXPECT_EQ(nearest("", keys), "");
  EXPECT_EQ(nearest(std::string(100'000, 'i'), keys), "");
}

TEST(ConfigWords, QuoteFitsOneLine) {
  EXPECT_EQ(quote("lan1"), "'lan1'");
  EXPECT_EQ(quote("a\nb\tc"), "'a b c'");
  const std::string forty(40, 'x');
  EXPECT_EQ(quote(forty), std::string("'").append(forty).append("'"));
  EXPECT_EQ(quote(forty + "x"), std::string("'").append(forty).append("…'"));
  // Cut before the character that would be torn.
  const std::string one_less(39, 'x');
  EXPECT_EQ(quote(one_less + "é!"), std::string("'").append(one_less).append("…'"));
}

}  // namespace
}  // namespace starocean::control
