// ICMP errors of the router, fragments, and the limits of both.

#include <algorithm>
#include <map>

#include "starocean/dataplane/router_fixture_for_test.h"
#include "starocean/net/checksum.h"
#include "starocean/net/icmp.h"

namespace starocean::dataplane {
namespace {

using enum PortCounter;
using table::NeighbourState;
using table::RouteKind;

class RouterErrors : public RouterFixture {
 protected:
  // The answer to `frame`, which is dropped as `counter`: to the LAN's host, from `source`.
  void expect_error(const Frame& frame, PortCounter counter, const net::IcmpErrorFields& fields,
                    const char* source = "10.0.0.1") {
    const uint64_t before = count(counter), made_before = count(icmp_errors);
    const auto fates = receive(frame);
    EXPECT_EQ(count(counter), before + 1);
    EXPECT_EQ(count(icmp_errors), made_before + 1);
    ASSERT_EQ(fates.size(), 1u);
    EXPECT_EQ(fates[0].stage, Stage::kTransmit);
    EXPECT_EQ(fates[0].port, kLan);
    expect_error_frame(fates[0].bytes, frame, fields, source);
  }

  static void expect_error_frame(const Frame& error, const Frame& about,
                                 const net::IcmpErrorFields& fields, const char* source) {
    const auto& ethernet = *net::view<net::EthernetHeader>(error);
    EXPECT_EQ(ethernet.dst, kHost);
    EXPECT_EQ(ethernet.src, kLanMac);
    const net::ParsedPacket parsed = net::parse(error);
    ASSERT_EQ(parsed.status, net::ParseStatus::kOk);
    net::FiveTuple tuple, cause;
    ASSERT_TRUE(net::five_tuple(error, parsed, tuple));
    ASSERT_TRUE(net::five_tuple(about, net::parse(about), cause));
    EXPECT_EQ(tuple.src, ip(source));
    EXPECT_EQ(tuple.dst, cause.src);
    const auto* icmp = net::view<net::IcmpError>(error, parsed.l4_offset);
    ASSERT_NE(icmp, nullptr);
    EXPECT_EQ(icmp->type, fields.type);
    EXPECT_EQ(icmp->code, fields.code);
    EXPECT_EQ(icmp->info, be32(fields.info));
    const size_t headers = parsed.ip_version == 4 ? 28 : 48;
    const size_t most = parsed.ip_version == 4 ? 576 : 1280;
    EXPECT_EQ(error.size(), kEthernetBytes + std::min(headers + about.size() - 14, most));
    EXPECT_TRUE(std::equal(error.begin() + static_cast<std::ptrdiff_t>(14 + headers), error.end(),
                           about.begin() + 14));
  }
};

TEST_F(RouterErrors, EachRefusalHasItsTypeAndCode) {
  for (const uint8_t ttl : std::initializer_list<uint8_t>{0, 1}) {
    expect_error(udp("20.0.0.1", {.ttl = ttl}), drop_ttl, {11, 0, 0});
    expect_error(udp("2001:db8:20::1", {.ttl = ttl}), drop_ttl, {3, 0, 0}, "2001:db8:a::1");
  }
  set_route("51.0.0.0", 8, RouteKind::kUnreachable);
  set_route("52.0.0.0", 8, RouteKind::kProhibit);
  set_route("2001:db8:51::", 48, RouteKind::kUnreachable);
  set_route("2001:db8:52::", 48, RouteKind::kProhibit);
  // The route comes before the hop count.
  for (const uint8_t ttl : std::initializer_list<uint8_t>{1, 64}) {
    expect_error(udp("99.0.0.1", {.ttl = ttl}), drop_no_route, {3, 0, 0});
    expect_error(udp("51.0.0.1", {.ttl = ttl}), drop_unreachable, {3, 1, 0});
    expect_error(udp("52.0.0.1", {.ttl = ttl}), drop_prohibited, {3, 13, 0});
    expect_error(udp("2001:db8:99::1", {.ttl = ttl}), drop_no_route, {1, 0, 0}, "2001:db8:a::1");
    expect_error(udp("2001:db8:51::1", {.ttl = ttl}), drop_unreachable, {1, 0, 0}, "2001:db8:a::1");
    expect_error(udp("2001:db8:52::1", {.ttl = ttl}), drop_prohibited, {1, 1, 0}, "2001:db8:a::1");
  }
}

TEST_F(RouterErrors, TooBigNamesTheMtuAndQuotesWhatFits) {
  expect_error(udp("30.0.0.1", {.payload = 1373}), drop_too_big, {3, 4, 1400});
  EXPECT_EQ(receive(udp("30.0.0.1", {.payload = 1372})).size(), 1u);
  snapshot_.interfaces[1].mtu_bytes = 1300;
  expect_error(udp("2001:db8:20::1", {.payload = 1253}), drop_too_big, {2, 0, 1300},
               "2001:db8:a::1");
  EXPECT_EQ(receive(udp("2001:db8:20::1", {.payload = 1252})).size(), 1u);
  // Of several buffers.
  expect_error(udp("20.0.0.1", {.payload = 8000}), drop_too_big, {3, 4, 1300});
}

TEST_F(RouterErrors, LinkLocalSendersStayOnTheirLink) {
  set_neighbour(kLanIndex, "fe80::2", NeighbourState::kReachable, kHost);
  expect_error(udp("2001:db8:20::1", {}, "fe80::2"), drop_scope, {1, 2, 0}, "fe80::a");
  expect_error(udp("2001:db8:20::1", {.ttl = 1}, "fe80::2"), drop_ttl, {3, 0, 0}, "fe80::a");
  EXPECT_EQ(receive(udp("2001:db8:a::2", {}, "fe80::2")).size(), 1u);
}

TEST_F(RouterErrors, NoErrorsAboutErrorsOrFragments) {
  Frame frame = udp("99.0.0.1", {.dont_fragment = false});
  auto& header = *net::mutable_view<net::Ipv4Header>(frame, 14);
  header.flags_offset = be16(5);
  net::set_ipv4_checksum(net::MutableBytes(frame).subspan(14, 20));
  EXPECT_TRUE(receive(frame).empty());
  frame = udp("99.0.0.1");
  auto& icmp = *net::mutable_view<net::Ipv4Header>(frame, 14);
  icmp.protocol = net::kProtoIcmp;
  net::set_ipv4_checksum(net::MutableBytes(frame).subspan(14, 20));
  frame[34] = std::byte{net::kIcmpTimeExceeded};
  EXPECT_TRUE(receive(frame).empty());
  EXPECT_EQ(count(drop_no_route), 2u);
  EXPECT_EQ(count(icmp_errors), 0u);
}

TEST_F(RouterErrors, LeaveByTheWayToTheSenderWithTheAddressOfTheIngress) {
  // In by the LAN, from somewhere behind the gateway.
  const Frame frame = udp("99.0.0.1", {}, "20.0.0.9");
  auto fates = receive(frame);
  ASSERT_EQ(fates.size(), 1u);
  EXPECT_EQ(fates[0].port, kWan);
  EXPECT_EQ(net::view<net::EthernetHeader>(fates[0].bytes)->dst, kGateway);
  EXPECT_EQ(net::view<net::Ipv4Header>(fates[0].bytes, 14)->src, v4("10.0.0.1"));
  // Without an address there, another of ours; with none at all, no error.
  for (const auto& [gone, next] : {std::pair(0, "10.1.0.1"), std::pair(1, "10.2.0.1")}) {
    snapshot_.interfaces[static_cast<size_t>(gone)].source4 = net::Ipv4Address();
    fates = receive(frame);
    ASSERT_EQ(fates.size(), 1u);
    EXPECT_EQ(net::view<net::Ipv4Header>(fates[0].bytes, 14)->src, v4(next));
  }
  for (RoutedInterface& interface : snapshot_.interfaces) interface.source4 = net::Ipv4Address();
  EXPECT_TRUE(receive(frame).empty());
  // By a device that is not ours: Linux answers.
  set_route("62.0.0.0", 8, RouteKind::kForward, 99, "10.9.0.1");
  const Frame elsewhere = udp("99.0.0.1", {}, "62.0.0.1");
  fates = receive(elsewhere);
  ASSERT_EQ(fates.size(), 1u);
  EXPECT_EQ(fates[0].stage, Stage::kPunt);
  EXPECT_EQ(fates[0].bytes, elsewhere);
  // No way back.
  EXPECT_TRUE(receive(udp("99.0.0.1", {}, "98.0.0.1")).empty());
  EXPECT_EQ(count(drop_no_route), 5u);
}

TEST_F(RouterErrors, AreLimitedPerNetworkAndInAllButNotThoseThatNameAnMtu) {
  snapshot_.icmp_errors_per_s = 1000;
  for (int i = 0; i < 200; ++i) receive(udp("99.0.0.1"));
  const uint64_t first = count(icmp_errors);
  EXPECT_GT(first, 0u);
  EXPECT_LT(first, 200u);
  EXPECT_EQ(count(icmp_suppressed), 200 - first);
  EXPECT_EQ(count(drop_no_route), 200u);
  for (int i = 0; i < 200; ++i) receive(udp("30.0.0.1", {.payload = 1400}));
  EXPECT_EQ(count(icmp_errors), first + 200);
  now_ns_ += kNsPerSecond;
  for (int i = 0; i < 200; ++i) receive(udp("99.0.0.1"));
  EXPECT_EQ(count(icmp_errors), 2 * first + 200);
}

// ---- Fragments ----

// Puts the payloads together by offset; false when something is missing or twice there.
bool reassemble(const std::vector<Fate>& fates, size_t ethernet_bytes, Frame& payload) {
  std::map<uint32_t, Frame> pieces;
  uint32_t end = 0;
  for (const Fate& fate : fates) {
    const auto& header = *net::view<net::Ipv4Header>(fate.bytes, ethernet_bytes);
    if (!net::ipv4_checksum_ok(net::ipv4_header_bytes(fate.bytes, ethernet_bytes))) return false;
    const auto begin = fate.bytes.begin() + static_cast<std::ptrdiff_t>(ethernet_bytes + 20);
    Frame piece(begin, fate.bytes.end());
    if (piece.size() + 20 != header.total_length.host()) return false;
    if (!header.more_fragments()) {
      end = header.fragment_offset_bytes() + static_cast<uint32_t>(piece.size());
    }
    if (!pieces.emplace(header.fragment_offset_bytes(), std::move(piece)).second) return false;
  }
  payload.clear();
  for (const auto& [offset, piece] : pieces) {
    if (offset != payload.size()) return false;
    payload.insert(payload.end(), piece.begin(), piece.end());
  }
  return payload.size() == end;
}

TEST_F(RouterErrors, CutsWhatMayBeCut) {
  for (const size_t bytes : {1373u, 1400u, 4000u, 8900u}) {
    const uint64_t made_before = count(copies);
    const Frame frame = udp("30.0.0.1", {.payload = bytes, .dont_fragment = false});
    const auto fates = receive(frame);
    EXPECT_EQ(fates.size(), (bytes + 8 + 1375) / 1376);
    EXPECT_EQ(count(copies) - made_before, fates.size() - 1);
    Frame payload;
    ASSERT_TRUE(reassemble(fates, 18, payload));
    EXPECT_TRUE(std::equal(payload.begin(), payload.end(), frame.begin() + 34, frame.end()));
    for (const Fate& fate : fates) {
      EXPECT_LE(fate.bytes.size(), 18 + 1400u);
      EXPECT_EQ(fate.bytes[15], std::byte{35});
      EXPECT_EQ(net::view<net::EthernetHeader>(fate.bytes)->dst, kGateway);
      EXPECT_EQ(net::view<net::Ipv4Header>(fate.bytes, 18)->ttl, 63);
    }
  }
  EXPECT_EQ(count(fragmented), 4u);
}

TEST_F(RouterErrors, CutsForTheSwitchMoreThanItsBatchHolds) {
  snapshot_.interfaces[3].mtu_bytes = 68;
  const Frame frame = udp("40.0.0.1", {.payload = 2000, .dont_fragment = false});
  for (const size_t packets : {1u, 2u, 5u}) {
    const auto fates = receive(kLan, std::vector<Frame>(packets, frame));
    const size_t pieces = (2008u + 47) / 48;
    ASSERT_EQ(fates.size(), packets * pieces);
    Frame payload;
    ASSERT_TRUE(reassemble({fates.end() - pieces, fates.end()}, 14, payload));
    EXPECT_TRUE(std::equal(payload.begin(), payload.end(), frame.begin() + 34, frame.end()));
    for (const Fate& fate : fates) EXPECT_EQ(fate.port, kOffice);
  }
}

TEST_F(RouterErrors, RunningOutOfFramesWhileCuttingIsCounted) {
  std::vector<xsk::Frame> taken;
  const Frame frame = udp("30.0.0.1", {.payload = 8000, .dont_fragment = false});
  batch_->in_port = kLan;
  batch_->packets[batch_->count++] = packet_of(frame);
  while (xsk::Frame free = pool_->take()) taken.push_back(std::move(free));
  for (int i = 0; i < 2; ++i) {
    pool_->put(std::move(taken.back()));
    taken.pop_back();
  }
  router_->process(*batch_, snapshot_, now_ns_);
  batch_->count = 0;
  EXPECT_EQ(collect().size(), 2u);
  EXPECT_EQ(count(drop_no_frame), 1u);
  EXPECT_EQ(count(copies), 2u);
  for (xsk::Frame& free : taken) pool_->put(std::move(free));
}

}  // namespace
}  // namespace starocean::dataplane
