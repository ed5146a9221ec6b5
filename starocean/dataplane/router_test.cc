// The router on real packets: what it forwards and how, what is Linux's, and what it drops.

#include "starocean/dataplane/router.h"

#include <algorithm>
#include <functional>

#include "starocean/dataplane/router_fixture_for_test.h"
#include "starocean/net/checksum.h"
#include "starocean/net/icmp.h"

namespace starocean::dataplane {
namespace {

using enum PortCounter;
using table::RouteKind;

using RouterTest = RouterFixture;

net::Ipv4Header& ip4_of(Frame& frame) {
  return *net::mutable_view<net::Ipv4Header>(frame, kEthernetBytes);
}
net::Ipv6Header& ip6_of(Frame& frame) {
  return *net::mutable_view<net::Ipv6Header>(frame, kEthernetBytes);
}
void set_checksum(Frame& frame) {
  net::set_ipv4_checksum(
      net::MutableBytes(frame).subspan(kEthernetBytes, ip4_of(frame).header_length()));
}
Frame tagged(const Frame& frame, uint16_t control, uint16_t type = net::kEtherTypeVlan) {
  Frame with = frame;
  const Frame tag = {std::byte(type >> 8), std::byte(type & 0xff), std::byte(control >> 8),
                     std::byte(control & 0xff)};
  with.insert(with.begin() + 12, tag.begin(), tag.end());
  return with;
}

// What a router changes, and nothing else.
Frame expected(Frame frame, net::MacAddress destination, net::MacAddress source) {
  std::memcpy(frame.data(), &destination, sizeof destination);
  std::memcpy(frame.data() + 6, &source, sizeof source);
  if (frame[12] == std::byte{0x08}) {
    --ip4_of(frame).ttl;
    set_checksum(frame);
  } else {
    --ip6_of(frame).hop_limit;
  }
  return frame;
}

TEST_F(RouterTest, ForwardsBothFamiliesInOrderAndChangesOnlyWhatItMust) {
  std::vector<Frame> frames;
  for (uint16_t i = 0; i < 30; ++i) {
    frames.push_back(udp("20.1.2.3", {.id = i}));
    frames.push_back(udp("2001:db8:20::5", {.payload = size_t{i} * 50}));
  }
  const auto fates = receive(kLan, frames);
  ASSERT_EQ(fates.size(), frames.size());
  for (size_t i = 0; i < fates.size(); ++i) {
    EXPECT_EQ(fates[i].stage, Stage::kTransmit);
    EXPECT_EQ(fates[i].port, kWan);
    EXPECT_EQ(fates[i].bytes, expected(frames[i], kGateway, kWanMac)) << i;
  }
  EXPECT_EQ(count(routed4), 30u);
  EXPECT_EQ(count(routed6), 30u);
  EXPECT_EQ(count(rx_packets), 60u);
}

TEST_F(RouterTest, ToAHostOnAConnectedNetworkAndBackOutOfTheSameInterface) {
  Frame frame = udp("10.0.0.2", {}, "20.1.2.3");
  auto fates = receive(kLan, {frame});
  ASSERT_EQ(fates.size(), 1u);
  EXPECT_EQ(fates[0].port, kLan);
  EXPECT_EQ(fates[0].bytes, expected(frame, kHost, kLanMac));
}

TEST_F(RouterTest, PaddingAndWhatIsBehindThePacketStaysBehind) {
  for (const char* to : {"20.0.0.1", "2001:db8:20::1"}) {
    for (const size_t padding : {1u, 18u, 5000u}) {
      const Frame frame = udp(to, {.payload = 1});
      Frame padded = frame;
      padded.resize(frame.size() + padding);
      const auto fates = receive(padded);
      ASSERT_EQ(fates.size(), 1u);
      EXPECT_EQ(fates[0].bytes, expected(frame, kGateway, kWanMac));
    }
  }
}

TEST_F(RouterTest, PacketsOfSeveralBuffersAreForwardedWhole) {
  snapshot_.interfaces[1].mtu_bytes = 9000;
  const Frame frame = udp("20.0.0.1", {.payload = 8900});
  const auto fates = receive(frame);
  ASSERT_EQ(fates.size(), 1u);
  EXPECT_EQ(fates[0].bytes, expected(frame, kGateway, kWanMac));
}

TEST_F(RouterTest, VlansAreToldApartAndTagsComeAndGo) {
  Frame frame = udp("10.0.0.2", {}, "30.0.0.1");
  std::memcpy(frame.data(), &kWanMac, 6);
  auto fates = receive(kWan, {tagged(frame, 0x6023)});
  ASSERT_EQ(fates.size(), 1u);
  EXPECT_EQ(fates[0].port, kLan);
  EXPECT_EQ(fates[0].bytes, expected(frame, kHost, kLanMac));
  // VLAN 0 is no VLAN.
  fates = receive(kWan, {tagged(frame, 0x6000)});
  ASSERT_EQ(fates.size(), 1u);
  EXPECT_EQ(fates[0].bytes, expected(frame, kHost, kLanMac));
  const Frame out = udp("30.0.0.1");
  fates = receive(out);
  ASSERT_EQ(fates.size(), 1u);
  EXPECT_EQ(fates[0].port, kWan);
  EXPECT_EQ(fates[0].bytes, tagged(expected(out, kGateway, kWanMac), 35));
}

TEST_F(RouterTest, FromTheSwitchAndToIt) {
  const Frame in = udp("20.0.0.1");
  auto fates = enter(kOfficeIf, {in});
  ASSERT_EQ(fates.size(), 1u);
  EXPECT_EQ(fates[0].port, kWan);
  EXPECT_EQ(fates[0].bytes, expected(in, kGateway, kWanMac));
  std::vector<Frame> frames;
  for (uint16_t i = 0; i < 64; ++i) frames.push_back(udp("40.0.0.1", {.id = i}));
  fates = receive(kLan, frames);
  ASSERT_EQ(fates.size(), 64u);
  for (size_t i = 0; i < 64; ++i) {
    EXPECT_EQ(fates[i].port, kOffice);
    EXPECT_EQ(fates[i].bytes, expected(frames[i], kGateway, kOfficeMac));
  }
}

// ---- What is Linux's ----

TEST_F(RouterTest, LinuxGetsWhatIsNotForAFastPathJustAsItCame) {
  const auto with = [&](const char* to, const std::function<void(Frame&)>& edit) {
    Frame frame = udp(to);
    edit(frame);
    return frame;
  };
  const Frame options = with("20.0.0.1", [](Frame& frame) {
    frame.insert(frame.begin() + 34, 4, std::byte{1});
    ip4_of(frame).version_ihl = 0x46;
    ip4_of(frame).total_length = be16(static_cast<uint16_t>(frame.size() - 14));
    set_checksum(frame);
  });
  const std::vector<Frame> frames = {
      options,
      udp("10.0.0.1"),
      udp("10.3.0.1"),
      udp("10.0.0.255"),
      udp("224.0.0.5"),
      udp("255.255.255.255"),
      udp("2001:db8:a::1"),
      udp("fe80::1"),
      udp("ff02::5"),
      with("2001:db8:20::1", [](Frame& frame) { ip6_of(frame).next_header = net::kProtoFragment; }),
      with("20.0.0.1", [](Frame& frame) { frame[12] = frame[13] = std::byte{0x88}; }),
      with("20.0.0.1", [](Frame& frame) { std::fill_n(frame.begin(), 6, std::byte{0xff}); }),
      tagged(udp("20.0.0.1"), 99),
      tagged(udp("20.0.0.1"), 35, net::kEtherTypeServiceVlan),
  };
  for (size_t i = 0; i < frames.size(); ++i) {
    const auto fates = receive(frames[i]);
    ASSERT_EQ(fates.size(), 1u) << i;
    EXPECT_EQ(fates[0].stage, Stage::kPunt) << i;
    EXPECT_EQ(fates[0].port, kLan) << i;
    EXPECT_EQ(fates[0].bytes, frames[i]) << i;
  }
}

TEST_F(RouterTest, LinuxGetsATaggedPacketWithItsTagOrOnTheTap) {
  Frame frame = udp("10.2.0.1", {}, "30.0.0.1");
  std::memcpy(frame.data(), &kWanMac, 6);
  auto fates = receive(kWan, {tagged(frame, 0xa023)});
  ASSERT_EQ(fates.size(), 1u);
  EXPECT_EQ(fates[0].stage, Stage::kPunt);
  EXPECT_EQ(fates[0].bytes, tagged(frame, 0xa023));
  snapshot_.interfaces[2].is_tap = true;
  fates = receive(kWan, {tagged(frame, 0xa023)});
  ASSERT_EQ(fates.size(), 1u);
  EXPECT_EQ(fates[0].stage, Stage::kDeliver);
  EXPECT_EQ(fates[0].interface, kVlanIf);
  EXPECT_EQ(fates[0].bytes, frame);
  // Linux's device on that VLAN, without routing: all that is for it.
  snapshot_.interfaces[2].vrf = RoutedInterface::kNoVrf;
  Frame broadcast = frame;
  std::fill_n(broadcast.begin(), 6, std::byte{0xff});
  fates = receive(kWan, {tagged(frame, 35), tagged(broadcast, 35)});
  ASSERT_EQ(fates.size(), 2u);
  EXPECT_EQ(fates[0].bytes, frame);
  EXPECT_EQ(fates[1].bytes, broadcast);
}

TEST_F(RouterTest, LinuxGetsWhatARouteLeadsElsewhere) {
  set_route("53.0.0.0", 8, RouteKind::kForward, 99, "10.9.0.1");
  const Frame frame = udp("53.0.0.1", {.ttl = 1});
  const auto fates = receive(frame);
  ASSERT_EQ(fates.size(), 1u);
  EXPECT_EQ(fates[0].stage, Stage::kPunt);
  EXPECT_EQ(fates[0].bytes, frame);
}

// ---- What is dropped, by name ----

TEST_F(RouterTest, DropsByNameInSilence) {
  set_route("50.0.0.0", 8, RouteKind::kBlackhole);
  struct Case {
    PortCounter counter;
    Frame frame;
  };
  const auto with = [&](const char* to, const std::function<void(Frame&)>& edit) {
    Frame frame = udp(to);
    edit(frame);
    return frame;
  };
  const auto with4 = [&](const std::function<void(net::Ipv4Header&)>& edit) {
    return with("20.0.0.1", [&](Frame& frame) {
      edit(ip4_of(frame));
      set_checksum(frame);
    });
  };
  std::vector<Case> cases = {
      {drop_runt, Frame(13)},
      {drop_runt, Frame(0)},
      {drop_not_ours, with("20.0.0.1", [](Frame& frame) { frame[5] ^= std::byte{1}; })},
      {drop_ip_malformed, with("20.0.0.1", [](Frame& frame) { frame.resize(33); })},
      {drop_ip_malformed, with("20.0.0.1", [](Frame& frame) { frame[14] = std::byte{0x65}; })},
      {drop_ip_malformed, with("20.0.0.1", [](Frame& frame) { frame[14] = std::byte{0x44}; })},
      {drop_ip_malformed,
       with("2001:db8:20::1", [](Frame& frame) { frame[14] = std::byte{0x40}; })},
      {drop_ip_malformed, with("2001:db8:20::1", [](Frame& frame) { frame.resize(53); })},
      {drop_ip_checksum, with("20.0.0.1", [](Frame& frame) { frame[25] ^= std::byte{1}; })},
      {drop_ip_malformed, with4([](net::Ipv4Header& ip) { ip.total_length = be16(2000); })},
      {drop_ip_malformed, with4([](net::Ipv4Header& ip) { ip.total_length = be16(19); })},
      {drop_ip_malformed,
       with("2001:db8:20::1", [](Frame& frame) { ip6_of(frame).payload_length = be16(999); })},
      {drop_blackhole, udp("50.0.0.1")},
      {drop_martian, udp("127.0.0.1")},
      {drop_martian, udp("0.0.0.0")},
      {drop_martian, udp("::1")},
      {drop_martian, udp("0.1.2.3")},
  };
  for (const char* source :
       {"0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.1", "255.255.255.255", "10.1.0.1"}) {
    cases.push_back({drop_martian, udp("20.0.0.1", {}, source)});
  }
  for (const char* source : {"::", "::1", "ff02::1"}) {
    cases.push_back({drop_martian, udp("2001:db8:20::1", {}, source)});
  }
  for (size_t i = 0; i < cases.size(); ++i) {
    const uint64_t before = count(cases[i].counter);
    EXPECT_TRUE(receive(cases[i].frame).empty()) << i;
    EXPECT_EQ(count(cases[i].counter), before + 1)
        << i << " " << static_cast<int>(cases[i].counter);
  }
  EXPECT_EQ(count(icmp_errors), 0u);
}

TEST_F(RouterTest, ReversePathStrictLooseAndNone) {
  table::Route both;
  both.next_hops = {{kWanIndex, ip("10.1.0.2")}, {kLanIndex, ip("10.0.0.2")}};
  ASSERT_TRUE(fib_->set_route(**fib_->add_table(254), net::IpPrefix::v4(v4("60.0.0.0"), 8), both));
  set_route("61.0.0.0", 8, RouteKind::kUnreachable);
  set_route("62.0.0.0", 8, RouteKind::kForward, 99, "10.9.0.1");
  struct Case {
    const char* source;
    bool strict, loose;
  };
  const Case cases[] = {{"10.0.0.9", true, true},  {"20.0.0.9", false, true},
                        {"60.0.0.9", true, true},  {"61.0.0.9", false, false},
                        {"62.0.0.9", false, true}, {"99.0.0.9", false, false}};
  for (const Case& test : cases) {
    for (const ReversePath mode : {ReversePath::kNone, ReversePath::kLoose, ReversePath::kStrict}) {
      snapshot_.interfaces[0].reverse_path = mode;
      const bool passes =
          mode == ReversePath::kNone || (mode == ReversePath::kLoose ? test.loose : test.strict);
      const uint64_t before = count(drop_reverse_path);
      EXPECT_EQ(receive(udp("20.0.0.1", {}, test.source)).size(), passes ? 1u : 0u) << test.source;
      EXPECT_EQ(count(drop_reverse_path) - before, passes ? 0u : 1u) << test.source;
    }
  }
}

// ---- Rules ----

TEST_F(RouterTest, RulesByInterfaceAndSourceInOrderAndThrowGoesOn) {
  set_route("70.0.0.0", 8, RouteKind::kForward, kVlanIndex, "10.2.0.2", 100);
  set_route("71.0.0.0", 8, RouteKind::kThrow, 0, nullptr, 100);
  set_route("70.0.0.0", 8, RouteKind::kForward, kWanIndex, "10.1.0.2");
  set_route("71.0.0.0", 8, RouteKind::kForward, kWanIndex, "10.1.0.2");
  auto& rules = snapshot_.vrfs[0].rules4;
  RouteRule rule;
  rule.table = *fib_->add_table(100);
  rule.in = kLanIf;
  rule.source = net::IpPrefix::v4(v4("10.0.0.128"), 25);
  rules.insert(rules.begin() + 1, rule);
  rule.table = nullptr;
  rule.in = InterfaceId::none();
  rule.source = net::IpPrefix::v4(v4("10.0.0.66"), 32);
  rule.kind = RouteKind::kBlackhole;
  rules.insert(rules.begin() + 2, rule);
  const auto leaves = [&](const char* to, const char* from) {
    const auto fates = receive(udp(to, {}, from));
    return fates.empty() ? 0 : fates[0].bytes[12] == std::byte{0x81} ? 35 : 1;
  };
  EXPECT_EQ(leaves("70.0.0.1", "10.0.0.127"), 1);
  EXPECT_EQ(leaves("70.0.0.1", "10.0.0.128"), 35);
  EXPECT_EQ(leaves("71.0.0.1", "10.0.0.128"), 1);
  EXPECT_EQ(leaves("70.0.0.1", "10.0.0.66"), 0);
  EXPECT_EQ(count(drop_blackhole), 1u);
  // By another interface the first rule does not match.
  Frame frame = udp("70.0.0.1", {}, "10.0.0.128");
  const auto fates = enter(kOfficeIf, {frame});
  ASSERT_EQ(fates.size(), 1u);
  EXPECT_EQ(fates[0].bytes, expected(frame, kGateway, kWanMac));
}

TEST_F(RouterTest, EachPacketByItsOwnVrf) {
  Vrf& other = snapshot_.vrfs.emplace_back();
  RouteRule rule;
  rule.table = *fib_->add_table(200);
  other.rules4 = {rule};
  set_route("20.0.0.0", 8, RouteKind::kForward, kLanIndex, "10.0.0.2", 200);
  snapshot_.interfaces[2].vrf = 1;
  Frame frame = udp("20.0.0.1");
  std::memcpy(frame.data(), &kWanMac, 6);
  const auto fates = receive(kWan, {frame, tagged(frame, 35), frame, tagged(frame, 35)});
  ASSERT_EQ(fates.size(), 4u);
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(fates[i].port, i % 2 == 0 ? kWan : kLan);
}

TEST_F(RouterTest, SeveralNextHopsShareTheFlowsAndAFlowStays) {
  table::Route both;
  both.next_hops = {{kWanIndex, ip("10.1.0.2")}, {kVlanIndex, ip("10.2.0.2")}};
  ASSERT_TRUE(fib_->set_route(**fib_->add_table(254), net::IpPrefix::v4(v4("60.0.0.0"), 8), both));
  int by_vlan = 0;
  for (int i = 0; i < 200; ++i) {
    const std::string to = "60.0.0." + std::to_string(i);
    const Frame frame = udp(to.c_str());
    const auto first = receive(frame), again = receive(frame);
    ASSERT_EQ(first.size(), 1u);
    EXPECT_EQ(first[0].bytes, again[0].bytes);
    by_vlan += first[0].bytes[12] == std::byte{0x81};
  }
  EXPECT_GT(by_vlan, 60);
  EXPECT_LT(by_vlan, 140);
}

// ---- MSS ----

TEST_F(RouterTest, MssIsLoweredInBothDirections) {
  const auto syn = [&](const char* from, const char* to) {
    net::BuiltPacket built;
    const Frame mss = net::from_hex("020405b4");
    const net::Ipv4Address source = v4(from), destination = v4(to);
    EXPECT_TRUE(
        push_tcp(built.buffer(), {.flags = net::kTcpSyn, .options = mss}, source, destination));
    EXPECT_TRUE(
        push_ipv4(built.buffer(), {.src = source, .dst = destination, .protocol = net::kProtoTcp}));
    EXPECT_TRUE(push_ethernet(built.buffer(), {kLanMac, kHost, net::kEtherTypeIpv4}));
    return built.frame();
  };
  const auto mss_of = [](const Fate& fate) {
    return std::to_integer<int>(fate.bytes[56]) << 8 | std::to_integer<int>(fate.bytes[57]);
  };
  const Frame out = syn("10.0.0.2", "20.0.0.1");
  EXPECT_EQ(mss_of(receive(out)[0]), 1460);
  snapshot_.interfaces[1].mss_clamp_mtu_bytes = 1400;
  EXPECT_EQ(mss_of(receive(out)[0]), 1360);
  Frame back = syn("20.0.0.1", "10.0.0.2");
  std::memcpy(back.data(), &kWanMac, 6);
  EXPECT_EQ(mss_of(receive(kWan, {back})[0]), 1360);
  snapshot_.interfaces[0].mss_clamp_mtu_bytes = 1300;
  EXPECT_EQ(mss_of(receive(kWan, {back})[0]), 1260);
  EXPECT_EQ(count(mss_clamped), 3u);
}

}  // namespace
}  // namespace starocean::dataplane
