// What `explain` says of a packet is what becomes of it.

#include <algorithm>
#include <random>

#include "starocean/dataplane/explain.h"
#include "starocean/dataplane/router_fixture_for_test.h"
#include "starocean/net/checksum.h"

namespace starocean::dataplane {
namespace {

using table::NeighbourState;
using table::RouteKind;

class RouterExplained : public RouterFixture {
 protected:
  RouterExplained() {
    set_route("50.0.0.0", 8, RouteKind::kBlackhole);
    set_route("51.0.0.0", 8, RouteKind::kUnreachable);
    set_route("52.0.0.0", 8, RouteKind::kProhibit);
    set_route("53.0.0.0", 8, RouteKind::kForward, 99, "10.9.0.1");
    set_route("2001:db8:50::", 48, RouteKind::kBlackhole);
    set_route("2001:db8:52::", 48, RouteKind::kProhibit);
    set_neighbour(kWanIndex, "10.1.0.77", NeighbourState::kFailed);
  }

  template <class T, size_t N>
  T any(const T (&values)[N]) {
    return values[random_() % N];
  }

  Frame random_packet() {
    static const char* const kTo4[] = {"20.0.0.1",  "20.9.8.7",   "30.0.0.1",  "40.0.0.1",
                                       "50.0.0.1",  "51.0.0.1",   "52.0.0.1",  "53.0.0.1",
                                       "99.0.0.1",  "10.0.0.2",   "10.1.0.1",  "10.1.0.66",
                                       "10.1.0.77", "10.0.0.255", "224.0.0.5", "127.0.0.1"};
    static const char* const kFrom4[] = {"10.0.0.2", "10.0.0.2", "10.0.0.9",       "20.0.0.1",
                                         "98.0.0.1", "10.1.0.1", "255.255.255.255"};
    static const char* const kTo6[] = {"2001:db8:20::1", "2001:db8:20::2", "2001:db8:50::1",
                                       "2001:db8:52::1", "2001:db8:99::1", "2001:db8:a::1",
                                       "2001:db8:b::66", "fe80::1",        "ff02::1"};
    static const char* const kFrom6[] = {
        "2001:db8:a::2", "2001:db8:a::2", "2001:db8:98::1", "fe80::2", "::", "2001:db8:b::1"};
    const bool is_v4 = random_() % 2 == 0;
    const PacketFields fields{.ttl = any({uint8_t{0}, uint8_t{1}, uint8_t{2}, uint8_t{64}}),
                              .payload = any({size_t{0}, size_t{26}, size_t{1380}, size_t{3000}}),
                              .dont_fragment = random_() % 2 == 0};
    Frame frame = is_v4 ? udp(any(kTo4), fields, any(kFrom4)) : udp(any(kTo6), fields, any(kFrom6));
    if (random_() % 8 == 0) frame[random_() % 6] ^= std::byte{1};
    if (random_() % 3 == 0) {
      frame[14 + random_() % std::min<size_t>(40, frame.size() - 14)] =
          static_cast<std::byte>(random_());
      if (is_v4 && random_() % 2 == 0 && frame.size() >= 34) {
        // Still right by its checksum, unless the header's length has become another.
        frame[14] = std::byte{0x45};
        net::set_ipv4_checksum(net::MutableBytes(frame).subspan(14, 20));
      }
    }
    if (random_() % 16 == 0) frame.resize(14 + random_() % (frame.size() - 13));
    return frame;
  }

  // Of the whole router, since one packet is in it.
  uint64_t errors() const {
    return count(PortCounter::icmp_errors) + count(PortCounter::icmp_suppressed);
  }

  void expect_agreement(const Frame& frame) {
    const Explanation said = explain_frame(snapshot_, snapshot_.interfaces[0], frame);
    const bool has_reason = said.reason != PortCounter::kCount;
    const uint64_t dropped = has_reason ? count(said.reason) : 0;
    const uint64_t told = errors(), suppressed = count(PortCounter::icmp_suppressed);
    const uint64_t waited = count(PortCounter::neighbour_waits);
    const auto fates = receive(frame);
    ++outcomes_[static_cast<size_t>(said.outcome)];
    ASSERT_FALSE(said.steps.empty());
    if (has_reason) {
      EXPECT_EQ(count(said.reason), dropped + 1) << said.steps.back().decision;
    }
    switch (said.outcome) {
      case ExplainedOutcome::kTransmit: {
        ASSERT_FALSE(fates.empty()) << said.steps.back().decision;
        EXPECT_EQ(fates.size() > 1, said.fragment);
        const RoutedInterface& egress = snapshot_.interfaces[said.egress.index()];
        for (const Fate& fate : fates) {
          ASSERT_EQ(fate.stage, Stage::kTransmit);
          EXPECT_EQ(fate.port, egress.bridge.valid() ? kOffice : egress.port);
          const auto& ethernet = *net::view<net::EthernetHeader>(fate.bytes);
          EXPECT_EQ(ethernet.dst.as_u64(), said.next_mac);
          EXPECT_EQ(ethernet.src.as_u64(), egress.mac);
        }
        return;
      }
      case ExplainedOutcome::kWait:
        EXPECT_TRUE(fates.empty());
        EXPECT_EQ(count(PortCounter::neighbour_waits), waited + 1);
        router_->stop();
        return;
      case ExplainedOutcome::kLinux:
        ASSERT_EQ(fates.size(), 1u);
        EXPECT_EQ(fates[0].stage, Stage::kPunt);
        EXPECT_EQ(fates[0].bytes, frame);
        return;
      case ExplainedOutcome::kError:
        // There may be no way to the sender, or one that Linux has to go.
        EXPECT_EQ(errors(), told + 1);
        if (count(PortCounter::neighbour_waits) != waited) router_->stop();
        return;
      case ExplainedOutcome::kFlood:
        FAIL() << "a router does not flood";
      case ExplainedOutcome::kDrop:
        EXPECT_TRUE(fates.empty());
        EXPECT_EQ(count(PortCounter::icmp_suppressed) - suppressed, errors() - told);
        return;
    }
  }

  std::mt19937_64 random_{20261126};
  std::array<int, 5> outcomes_{};
};

TEST_F(RouterExplained, TenThousandRandomPacketsFareAsExplained) {
  for (int i = 0; i < 10'000; ++i) {
    const Frame frame = random_packet();
    ASSERT_NO_FATAL_FAILURE(expect_agreement(frame)) << i;
    ASSERT_FALSE(HasFailure()) << i;
  }
  for (const int outcomes : outcomes_) EXPECT_GT(outcomes, 100);
}

TEST_F(RouterExplained, SaysWhatWasLookedAt) {
  const Explanation said =
      explain_frame(snapshot_, snapshot_.interfaces[0], udp("20.0.0.1", {.ttl = 3}));
  ASSERT_EQ(said.steps.size(), 5u);
  EXPECT_EQ(said.steps[0].decision, "10.0.0.2 to 20.0.0.1, 54 bytes, 3 hops left");
  EXPECT_EQ(said.steps[1].decision, "look into table 254");
  EXPECT_EQ(said.steps[2].decision, "20.0.0.0/8: to a neighbour on an interface of ours");
  EXPECT_EQ(said.steps[3].decision, "10.1.0.2 is at 02:00:00:00:00:03");
  EXPECT_EQ(said.steps[4].decision, "forwarded");
  EXPECT_EQ(said.egress, kWanIf);
}

}  // namespace
}  // namespace starocean::dataplane
