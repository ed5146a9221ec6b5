#include "starocean/bench/flow_frames.h"

#include <cstring>

#include "bpf/probe.h"
#include "starocean/base/check.h"
#include "starocean/bench/probe.h"
#include "starocean/net/checksum.h"

namespace starocean::bench {
namespace {

constexpr uint32_t kUdpBytes = 8;
constexpr uint32_t kIpv4Bytes = 20;
constexpr uint32_t kIpv6Bytes = 40;
constexpr uint8_t kUdp = 17;
constexpr uint64_t kSeed =
    0x2545f4914f6cdd1d;  // not zero; as in generator.cc: the same order of flows
// Offsets of what differs from frame to frame (RFC 791, 3.1; RFC 8200, 3; RFC 768).
constexpr size_t kIpv4Length = 2;
constexpr size_t kIpv4Checksum = 10;
constexpr size_t kIpv6Length = 4;
constexpr size_t kUdpLength = 4;
constexpr size_t kUdpChecksum = 6;

void put(std::byte* at, be16 value) {
  std::memcpy(at, &value, sizeof(value));
}

net::ChecksumBuilder pseudo_header_of(const FlowHeaders& headers) {
  if (const auto* v4 = std::get_if<net::Ipv4Address>(&headers.source)) {
    return net::pseudo_header(*v4, std::get<net::Ipv4Address>(headers.destination), kUdp, 0);
  }
  return net::pseudo_header(std::get<net::Ipv6Address>(headers.source),
                            std::get<net::Ipv6Address>(headers.destination), kUdp, 0);
}

}  // namespace

FlowFrames::FlowFrames(const TrafficSpec& spec, uint32_t stream)
    : ipv6_(spec.ipv6()),
      random_order_(spec.random_order),
      stream_(stream),
      header_bytes_(spec.header_bytes()),
      flows_(spec.flows),
      random_(kSeed) {
  for (const uint32_t size : spec.frame_bytes) sizes_.push_back(size - kFcsBytes);
  std::vector<std::byte> frame(spec.shortest_frame_bytes() - kFcsBytes);
  const size_t udp_at = header_bytes_ - kUdpBytes;
  const size_t ip_at = udp_at - (ipv6_ ? kIpv6Bytes : kIpv4Bytes);
  for (uint32_t number = 0; number < spec.flows; ++number) {
    const FlowHeaders headers = headers_of(spec, number);
    SO_CHECK(build_frame(spec, headers, {}, frame), "the shortest frame has no room for a probe");
    put(frame.data() + udp_at + kUdpLength, be16(0));
    put(frame.data() + udp_at + kUdpChecksum, be16(0));
    put(frame.data() + ip_at + (ipv6_ ? kIpv6Length : kIpv4Length), be16(0));
    if (!ipv6_) put(frame.data() + ip_at + kIpv4Checksum, be16(0));
    Flow& flow = flows_[number];
    std::memcpy(flow.headers.data(), frame.data(), header_bytes_);
    net::ChecksumBuilder ip;
    ip.add(net::ConstBytes(frame).subspan(ip_at, udp_at - ip_at));
    flow.ip_sum = ip.sum();
    net::ChecksumBuilder udp = pseudo_header_of(headers);
    udp.add(net::ConstBytes(frame).subspan(udp_at, kUdpBytes));
    flow.udp_sum = udp.sum();
  }
}

// At random: xorshift64 (Marsaglia 2003), scaled; bpf/generate.bpf.c has the same.
uint32_t FlowFrames::take_flow() {
  const uint32_t flow = flow_;
  if (!random_order_) {
    flow_ = flow + 1 < flows_.size() ? flow + 1 : 0;
    return flow;
  }
  random_ ^= random_ << 13;
  random_ ^= random_ >> 7;
  random_ ^= random_ << 17;
  flow_ = static_cast<uint32_t>(((random_ >> 32) * flows_.size()) >> 32);
  __builtin_prefetch(&flows_[flow_], 1);
  return flow;
}

void FlowFrames::write_headers(const Flow& flow, uint16_t udp_len, be16 payload_sum,
                               std::byte* at) const {
  std::memcpy(at, flow.headers.data(), header_bytes_);
  std::byte* const udp = at + header_bytes_ - kUdpBytes;
  const be16 length(udp_len);
  if (ipv6_) {
    put(udp - kIpv6Bytes + kIpv6Length, length);
  } else {
    const be16 total(static_cast<uint16_t>(udp_len + kIpv4Bytes));
    net::ChecksumBuilder ip;
    ip.add(flow.ip_sum);
    ip.add(total);
    put(udp - kIpv4Bytes + kIpv4Length, total);
    put(udp - kIpv4Bytes + kIpv4Checksum, ip.checksum());
  }
  net::ChecksumBuilder sum;
  sum.add(flow.udp_sum);
  sum.add(length);  // in the pseudo-header, and in the header
  sum.add(length);
  sum.add(payload_sum);
  const be16 checksum = sum.checksum();
  put(udp + kUdpLength, length);
  // 0 means "none" (RFC 768).
  put(udp + kUdpChecksum, checksum.raw() != 0 ? checksum : be16(0xffff));
}

void FlowFrames::write(uint64_t scheduled_ns, uint64_t late_ns, net::MutableBytes frame) {
  const uint32_t number = take_flow();
  if (++size_ == sizes_.size()) size_ = 0;
  Flow& flow = flows_[number];
  const uint64_t first = probe_first_word(stream_, number, scheduled_ns);
  const uint64_t second =
      probe_second_word(flow.sequence++, scheduled_ns, probe_late_code(late_ns));
  const uint64_t key = probe_key(first, second);
  const be64 words[] = {be64(first), be64(second)};
  const be16 check(static_cast<uint16_t>(probe_check(key)));
  net::ChecksumBuilder payload;
  payload.add(std::as_bytes(std::span(words)));
  payload.add(check);
  const auto udp_len = static_cast<uint16_t>(frame.size() - header_bytes_ + kUdpBytes);
  write_headers(flow, udp_len, payload.sum(), frame.data());
  std::byte* const probe = frame.data() + header_bytes_;
  std::memcpy(probe, words, sizeof(words));
  put(probe + sizeof(words), check);
  write_filler(frame.subspan(header_bytes_ + PROBE_LEN), key);
}

}  // namespace starocean::bench
