#include <arpa/inet.h>

#include <random>
#include <string>

#include <gtest/gtest.h>

#include "starocean/net/ip_address.h"
#include "starocean/net/mac_address.h"

namespace starocean::net {
namespace {

TEST(MacAddress, ReadsAndWrites) {
  EXPECT_EQ(MacAddress::parse("02:00:5E:10:0a:ff")->to_string(), "02:00:5e:10:0a:ff");
  EXPECT_EQ(MacAddress::parse("02-00-5e-10-0a-ff")->to_string(), "02:00:5e:10:0a:ff");
  for (const char* text :
       {"", "02:00:5e:10:0a", "02:00:5e:10:0a:ff:", "02:00:5e:10:0a:fg", "2:0:5e:10:a:ff",
        "02:00-5e:10:0a:ff", "0200.5e10.0aff", "02 00 5e 10 0a ff", "+2:00:5e:10:0a:ff"}) {
    EXPECT_FALSE(MacAddress::parse(text)) << text;
  }
  EXPECT_NE(MacAddress::parse("x").error().message().find("'x'"), std::string::npos);
}

TEST(MacAddress, KnowsItsKinds) {
  EXPECT_TRUE(MacAddress::broadcast().is_broadcast());
  EXPECT_TRUE(MacAddress::broadcast().is_multicast());
  EXPECT_TRUE(MacAddress().is_zero());
  EXPECT_TRUE(MacAddress({0x33, 0x33, 0, 0, 0, 1}).is_multicast());
  EXPECT_TRUE(MacAddress({0x02, 0, 0, 0, 0, 1}).is_unicast());
  EXPECT_TRUE(MacAddress({0x01, 0x80, 0xc2, 0, 0, 0x00}).is_reserved_8021d());
  EXPECT_TRUE(MacAddress({0x01, 0x80, 0xc2, 0, 0, 0x0f}).is_reserved_8021d());
  EXPECT_FALSE(MacAddress({0x01, 0x80, 0xc2, 0, 0, 0x10}).is_reserved_8021d());
  EXPECT_FALSE(MacAddress({0x01, 0x80, 0xc2, 0, 1, 0x00}).is_reserved_8021d());
}

// Every byte counts in comparing and in the integer for hashing, and nothing else does.
TEST(MacAddress, EveryByteCounts) {
  const MacAddress zero;
  for (size_t i = 0; i < MacAddress::kSize; ++i) {
    MacAddress::Bytes bytes{};
    bytes[i] = 0x80;
    const MacAddress other(bytes);
    EXPECT_NE(zero, other);
    EXPECT_LT(zero, other);
    EXPECT_NE(zero.as_u64(), other.as_u64());
    EXPECT_EQ(other.as_u64() >> 48, 0u);
  }
  EXPECT_LT(MacAddress({0, 0, 0, 0, 0, 2}), MacAddress({0, 0, 0, 0, 1, 0}));
}

TEST(Ipv4Address, ReadsAndWrites) {
  EXPECT_EQ(Ipv4Address::parse("192.0.2.1")->host(), 0xc0000201u);
  EXPECT_EQ(Ipv4Address(0xffffffff).to_string(), "255.255.255.255");
  EXPECT_EQ(Ipv4Address().to_string(), "0.0.0.0");
  for (const char* text : {"", "1.2.3", "1.2.3.4.5", "1.2.3.256", "1.2.3.04", "1.2.3.", ".1.2.3",
                           "1.2.3.4 ", "1.2.3.-4", "1.2.3.1000", "0x1.2.3.4", "1..2.3"}) {
    EXPECT_FALSE(Ipv4Address::parse(text)) << text;
  }
}

TEST(Ipv4Address, KnowsItsKinds) {
  EXPECT_TRUE(Ipv4Address(0xe0000001).is_multicast());
  EXPECT_TRUE(Ipv4Address(0xefffffff).is_multicast());
  EXPECT_FALSE(Ipv4Address(0xf0000000).is_multicast());
  EXPECT_TRUE(Ipv4Address(0xffffffff).is_broadcast());
  EXPECT_TRUE(Ipv4Address(0x7f000001).is_loopback());
  EXPECT_TRUE(Ipv4Address().is_zero());
  EXPECT_LT(Ipv4Address(0x01000000), Ipv4Address(0x02000000));
}

TEST(Ipv6Address, WritesTheFormOfRfc5952) {
  const struct {
    const char* given;
    const char* written;
  } cases[] = {
      {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},    // 4.2.3: the first of equal runs
      {"2001:0db8::0001", "2001:db8::1"},               // 4.1
      {"2001:db8:0:0:0:0:2:1", "2001:db8::2:1"},        // 4.2.1
      {"2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},  // 4.2.2: a single group is not shortened
      {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},          // 4.2.3: the longest run
      {"2001:DB8::AAAA", "2001:db8::aaaa"},             // 4.3
      {"::", "::"},
      {"::1", "::1"},
      {"1::", "1::"},
      {"0:0:0:0:0:0:0:0", "::"},
      {"1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"},
      {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
      {"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
      {"::ffff:192.0.2.1", "::ffff:192.0.2.1"},  // section 5
      {"::ffff:c000:201", "::ffff:192.0.2.1"},
      {"64:ff9b::192.0.2.33", "64:ff9b::c000:221"},
      {"1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"},
  };
  for (const auto& one : cases) {
    const auto address = Ipv6Address::parse(one.given);
    ASSERT_TRUE(address) << one.given;
    EXPECT_EQ(address->to_string(), one.written);
  }
}

TEST(Ipv6Address, RefusesWhatIsNone) {
  for (const char* text : {"",
                           ":",
                           ":::",
                           "1",
                           "1:2:3:4:5:6:7",
                           "1:2:3:4:5:6:7:8:9",
                           "1::2::3",
                           "::1::",
                           "1:2:3:4:5:6:7:8::",
                           "::1:2:3:4:5:6:7:8",
                           "12345::",
                           "g::",
                           "1:2:3:4:5:6:7:",
                           ":1:2:3:4:5:6:7",
                           "::1%eth0",
                           "1:2:3:4:5:6:7:1.2.3.4",
                           "::1.2.3",
                           "::1.2.3.4:1",
                           "1.2.3.4",
                           "::256.1.1.1",
                           " ::1"}) {
    EXPECT_FALSE(Ipv6Address::parse(text)) << text;
  }
}

// The C library's reader is a second opinion on every text that ours writes, and on mangled ones.
TEST(Ipv6Address, AgreesWithTheCLibrary) {
  std::mt19937 random(1);
  const std::string alphabet = "01f:.:";
  for (int i = 0; i < 20000; ++i) {
    Ipv6Address::Bytes bytes{};
    for (auto& byte : bytes) {
      byte = random() % 3 == 0 ? static_cast<uint8_t>(random()) : uint8_t{0};
    }
    std::string text = Ipv6Address(bytes).to_string();
    in6_addr expected{};
    ASSERT_EQ(inet_pton(AF_INET6, text.c_str(), &expected), 1) << text;
    EXPECT_EQ(std::memcmp(&expected, bytes.data(), bytes.size()), 0) << text;

    text[random() % text.size()] = alphabet[random() % alphabet.size()];
    const bool valid = inet_pton(AF_INET6, text.c_str(), &expected) == 1;
    const auto ours = Ipv6Address::parse(text);
    ASSERT_EQ(ours.has_value(), valid) << text;
    if (!valid) continue;
    EXPECT_EQ(std::memcmp(&expected, ours->bytes().data(), 16), 0) << text;
  }
}

TEST(Ipv6Address, KnowsItsKinds) {
  EXPECT_TRUE(Ipv6Address().is_unspecified());
  EXPECT_TRUE(kAllNodes.is_multicast());
  EXPECT_EQ(kAllNodes.to_string(), "ff02::1");
  EXPECT_EQ(kAllNodes.multicast_mac().to_string(), "33:33:00:00:00:01");
  EXPECT_TRUE(Ipv6Address::parse("fe80::1")->is_link_local());
  EXPECT_TRUE(Ipv6Address::parse("febf::1")->is_link_local());
  EXPECT_FALSE(Ipv6Address::parse("fec0::1")->is_link_local());
  EXPECT_TRUE(Ipv6Address::parse("::1")->is_loopback());
  EXPECT_EQ(Ipv6Address::parse("2001:db8::1234:5678")->solicited_node().to_string(),
            "ff02::1:ff34:5678");
  EXPECT_EQ(Ipv6Address::mapped(Ipv4Address(0xc0000201)).to_string(), "::ffff:192.0.2.1");
  EXPECT_TRUE(Ipv6Address::mapped(Ipv4Address(1)).is_mapped());
  EXPECT_FALSE(Ipv6Address::parse("::1")->is_mapped());
  for (size_t i = 0; i < Ipv6Address::kSize; ++i) {
    Ipv6Address::Bytes bytes{};
    bytes[i] = 1;
    EXPECT_NE(Ipv6Address(bytes), Ipv6Address());
    EXPECT_GT(Ipv6Address(bytes), Ipv6Address());
  }
}

}  // namespace
}  // namespace starocean::net
