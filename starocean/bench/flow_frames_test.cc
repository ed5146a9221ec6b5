#include "starocean/bench/flow_frames.h"

#include <gtest/gtest.h>

#include <cstring>
#include <map>

#include "bpf/probe.h"
#include "starocean/bench/probe.h"

namespace starocean::bench {
namespace {

using Frame = std::vector<std::byte>;

uint64_t word_at(const Frame& frame, size_t offset) {
  be64 word;
  std::memcpy(&word, frame.data() + offset, sizeof(word));
  return word.host();
}

std::vector<TrafficSpec> specs() {
  TrafficSpec ipv4{.flows = 7};
  TrafficSpec ipv6{.frame_bytes = {84, 85, 99, 9018}, .flows = 1000, .random_order = true};
  ipv6.set_default_ipv6();
  ipv6.source.count = 100;
  TrafficSpec tagged{.frame_bytes = {68, 69, 84, 100, 1518, kMaxFrameBytes}, .flows = 5};
  tagged.vlan = Range<uint16_t>{10, 3};
  TrafficSpec tagged6 = ipv6;
  tagged6.vlan = Range<uint16_t>{4000, 3};
  tagged6.frame_bytes = {88, 1522};
  tagged6.destination_mac.count = 50;
  return {ipv4, ipv6, tagged, tagged6, {.frame_bytes = simple_imix(), .flows = 3}};
}

// The second implementation, build_frame(), from what the probe says.
TEST(FlowFrames, AreTheFramesThatBuildFrameMakes) {
  uint64_t scheduled_ns = 0x12'3456'789a;
  for (const TrafficSpec& spec : specs()) {
    ASSERT_TRUE(check(spec));
    FlowFrames frames(spec, 13);
    std::map<uint32_t, uint32_t> next;
    for (uint32_t i = 0; i < 3000; ++i) {
      ASSERT_EQ(frames.bytes() + kFcsBytes, spec.frame_bytes[i % spec.frame_bytes.size()]);
      Frame frame(frames.bytes(), std::byte{0xee});
      Frame expected(frames.bytes(), std::byte{0xdd});
      scheduled_ns += 977;
      const uint64_t late_ns = i % 4000;
      frames.write(scheduled_ns, late_ns, frame);
      const uint32_t flow = probe_flow(word_at(frame, spec.header_bytes()));
      ASSERT_LT(flow, spec.flows);
      if (!spec.random_order) {
        ASSERT_EQ(flow, i % spec.flows);
      }
      ASSERT_TRUE(build_frame(spec, headers_of(spec, flow),
                              {.stream = 13,
                               .flow = flow,
                               .sequence = next[flow]++,
                               .scheduled_ns = scheduled_ns,
                               .late_ns = late_ns},
                              expected));
      ASSERT_EQ(frame, expected) << "frame " << i << " of flow " << flow;
    }
    if (spec.random_order) {
      EXPECT_GT(next.size(), spec.flows * 8 / 10);
    }
  }
}

}  // namespace
}  // namespace starocean::bench
