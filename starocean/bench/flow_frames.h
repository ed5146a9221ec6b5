// The frames of all flows, written one after the other: the fast form of build_frame(), for engines in user space.
// Headers are made once per flow; of each frame only lengths, checksums, probe and filler are new. Byte for
// byte what build_frame() and bpf/generate.bpf.c write, flows and sizes in the same order.
//
// Memory: 80 bytes a flow. One thread.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "starocean/base/endian.h"
#include "starocean/bench/traffic_spec.h"
#include "starocean/net/view.h"

namespace starocean::bench {

class FlowFrames {
 public:
  // Of a spec that check() has passed. Sequence numbers begin at 0.
  FlowFrames(const TrafficSpec& spec, uint32_t stream);

  // Of the coming frame, without FCS.
  uint32_t bytes() const { return sizes_[size_]; }
  // Writes the coming frame into `frame`, which has bytes() bytes, and goes on to the next.
  void write(uint64_t scheduled_ns, uint64_t late_ns, net::MutableBytes frame);

 private:
  static constexpr size_t kMostHeaderBytes = 14 + 4 + 40 + 8;
  struct Flow {
    std::array<std::byte, kMostHeaderBytes> headers;  // lengths and checksums are 0
    be16 ip_sum;                                      // of the IPv4 header as it is here
    be16 udp_sum;  // of pseudo-header and UDP header as they are here
    uint32_t sequence = 0;
  };

  uint32_t take_flow();
  void write_headers(const Flow& flow, uint16_t udp_len, be16 payload_sum, std::byte* at) const;

  bool ipv6_;
  bool random_order_;
  uint32_t stream_;
  uint32_t header_bytes_;
  std::vector<Flow> flows_;
  std::vector<uint32_t> sizes_;
  uint32_t size_ = 0;
  uint32_t flow_ = 0;
  uint64_t random_;
};

}  // namespace starocean::bench
