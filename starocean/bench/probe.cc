#include "starocean/bench/probe.h"

#include <cstring>

#include "bpf/probe.h"
#include "starocean/base/endian.h"
#include "starocean/net/build.h"

namespace starocean::bench {
namespace {

static_assert(kProbeBytes == PROBE_LEN && kMaxFlows == PROBE_MAX_FLOWS);

void put_little_endian(std::byte* at, uint64_t value) {
  for (size_t i = 0; i < sizeof(value); ++i) at[i] = static_cast<std::byte>(value >> (8 * i));
}

void fill_payload(net::MutableBytes payload, const Probe& probe) {
  const uint64_t first = probe_first_word(probe.stream, probe.flow, probe.scheduled_ns);
  const uint64_t second =
      probe_second_word(probe.sequence, probe.scheduled_ns, probe_late_code(probe.late_ns));
  const uint64_t key = probe_key(first, second);
  const be64 words[] = {be64(first), be64(second)};
  const be16 check(static_cast<uint16_t>(probe_check(key)));
  std::memcpy(payload.data(), words, sizeof(words));
  std::memcpy(payload.data() + sizeof(words), &check, sizeof(check));
  write_filler(payload.subspan(PROBE_LEN), key);
}

bool push_udp_and_ip(net::PacketBuffer& packet, const FlowHeaders& headers) {
  const net::UdpFields udp{.src_port = headers.source_port, .dst_port = headers.destination_port};
  constexpr uint8_t kUdp = 17;
  if (const auto* v4 = std::get_if<net::Ipv4Address>(&headers.source)) {
    const auto destination = std::get<net::Ipv4Address>(headers.destination);
    return net::push_udp(packet, udp, *v4, destination) &&
           net::push_ipv4(packet, {.src = *v4, .dst = destination, .protocol = kUdp});
  }
  const auto& source = std::get<net::Ipv6Address>(headers.source);
  const auto& destination = std::get<net::Ipv6Address>(headers.destination);
  return net::push_udp(packet, udp, source, destination) &&
         net::push_ipv6(packet, {.src = source, .dst = destination, .next_header = kUdp});
}

}  // namespace

void write_filler(net::MutableBytes filler, uint64_t key) {
  std::byte* at = filler.data();
  size_t left = filler.size();
  for (; left >= PROBE_PAIR_LEN; left -= PROBE_PAIR_LEN, at += PROBE_PAIR_LEN) {
    put_little_endian(at, key);
    put_little_endian(at + sizeof(key), ~key);
    key += PROBE_STRIDE;
  }
  if (left != 0) std::memset(at, 0, left);
}

bool build_frame(const TrafficSpec& spec, const FlowHeaders& headers, const Probe& probe,
                 net::MutableBytes frame) {
  const size_t header_bytes = spec.header_bytes();
  if (frame.size() < header_bytes + kProbeBytes) return false;
  fill_payload(frame.subspan(header_bytes), probe);
  net::PacketBuffer packet(frame, header_bytes, frame.size() - header_bytes);
  return push_udp_and_ip(packet, headers) &&
         net::push_ethernet(
             packet, {.dst = headers.destination_mac,
                      .src = headers.source_mac,
                      .ethertype = spec.ipv6() ? net::kEtherTypeIpv6 : net::kEtherTypeIpv4}) &&
         (!spec.vlan || net::push_vlan(packet, {.tpid = spec.vlan_tpid, .tci = headers.vlan}));
}

}  // namespace starocean::bench
