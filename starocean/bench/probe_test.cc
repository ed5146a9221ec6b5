#include "starocean/bench/probe.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "bpf/probe.h"
#include "starocean/net/checksum.h"

namespace starocean::bench {
namespace {

using Frame = std::vector<std::byte>;

Frame build(const TrafficSpec& spec, const Probe& probe, uint32_t bytes) {
  Frame frame(bytes - kFcsBytes);
  EXPECT_TRUE(build_frame(spec, headers_of(spec, probe.flow), probe, frame));
  return frame;
}

TEST(Probe, WordsHoldWhatWasPutIn) {
  const uint64_t scheduled = 0x12'3456'789a'bcde;
  const uint64_t first = probe_first_word(13, 0xfedcb, scheduled);
  const uint64_t second = probe_second_word(0x89abcdef, scheduled, 0x1234);
  EXPECT_EQ(first >> 48, uint64_t{PROBE_MAGIC});
  EXPECT_EQ(probe_stream(first), 13u);
  EXPECT_EQ(probe_flow(first), 0xfedcbu);
  EXPECT_EQ(probe_sequence(second), 0x89abcdefu);
  EXPECT_EQ(probe_scheduled(first, second), scheduled & PROBE_TIME_MASK);
  EXPECT_EQ(second & 0xffff, 0x1234u);
}

TEST(Probe, TheCheckSeesEveryBitAndZeros) {
  EXPECT_NE(probe_check(probe_key(0, 0)), 0u) << "a payload of zeros is no probe";
  const uint64_t first = probe_first_word(0, 5, 1'000'000'000);
  const uint64_t second = probe_second_word(77, 1'000'000'000, 3);
  const uint64_t key = probe_key(first, second);
  for (int bit = 0; bit < 48; ++bit) {
    EXPECT_NE(probe_key(first ^ uint64_t{1} << bit, second), key) << bit;
  }
  for (int bit = 0; bit < 64; ++bit) {
    EXPECT_NE(probe_key(first, second ^ uint64_t{1} << bit), key) << bit;
  }
  EXPECT_EQ(probe_key(first ^ uint64_t{1} << 60, second), key) << "the magic is not in it";
}

TEST(Probe, KeysOfConsecutiveFramesDiffer) {
  std::set<uint64_t> keys;
  for (uint32_t sequence = 0; sequence < 1000; ++sequence) {
    for (uint32_t flow = 0; flow < 10; ++flow) {
      keys.insert(probe_key(probe_first_word(0, flow, 0), probe_second_word(sequence, 0, 0)));
    }
  }
  EXPECT_EQ(keys.size(), 10'000u);
}

TEST(Probe, FramesAreWellFormedAtEverySize) {
  TrafficSpec ipv4{.flows = 10};
  TrafficSpec ipv6 = ipv4;
  ipv6.set_default_ipv6();
  TrafficSpec tagged = ipv6;
  tagged.vlan = Range<uint16_t>{7, 2};
  for (const TrafficSpec& spec : {ipv4, ipv6, tagged}) {
    for (uint32_t bytes = spec.shortest_frame_bytes(); bytes < 200; ++bytes) {
      const Frame frame = build(spec, {.flow = 3, .sequence = bytes}, bytes);
      const net::ConstBytes ip = net::ConstBytes(frame).subspan(spec.vlan ? 18 : 14);
      const auto udp = ip.subspan(spec.ipv6() ? 40 : 20);
      EXPECT_TRUE(spec.ipv6() || net::ipv4_checksum_ok(ip.first(20)));
      const auto length = static_cast<uint32_t>(udp.size());
      net::ChecksumBuilder sum;
      const FlowHeaders headers = headers_of(spec, 3);
      if (spec.ipv6()) {
        sum = net::pseudo_header(std::get<net::Ipv6Address>(headers.source),
                                 std::get<net::Ipv6Address>(headers.destination), 17, length);
      } else {
        sum = net::pseudo_header(std::get<net::Ipv4Address>(headers.source),
                                 std::get<net::Ipv4Address>(headers.destination), 17, length);
      }
      sum.add(udp);
      EXPECT_EQ(sum.checksum().raw(), 0) << bytes;
    }
  }
}

TEST(Probe, NoRoomForTheProbeIsNoFrame) {
  const TrafficSpec spec;
  Frame frame(59);
  EXPECT_FALSE(build_frame(spec, headers_of(spec, 0), {}, frame));
  frame.resize(60);
  EXPECT_TRUE(build_frame(spec, headers_of(spec, 0), {}, frame));
}

}  // namespace
}  // namespace starocean::bench
