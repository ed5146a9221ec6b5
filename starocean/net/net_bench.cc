// What the packet path pays per packet: parse, five-tuple, checksums, replies.

#include <array>
#include <vector>

#include <benchmark/benchmark.h>

#include "starocean/net/build.h"
#include "starocean/net/checksum.h"
#include "starocean/net/finish_checksum.h"
#include "starocean/net/five_tuple.h"
#include "starocean/net/parse.h"
#include "starocean/net/reply.h"
#include "starocean/net/transport.h"

namespace starocean::net {
namespace {

constexpr size_t kHeadroom = 256;
constexpr MacAddress kMacA({2, 0, 0, 0, 0, 1});
constexpr MacAddress kMacB({2, 0, 0, 0, 0, 2});
constexpr Ipv4Address kV4A(0x0a000001);
constexpr Ipv4Address kV4B(0x0a000002);
const Ipv6Address kV6A = Ipv6Address::mapped(kV4A);
const Ipv6Address kV6B = Ipv6Address::mapped(kV4B);

// 64 frames, as in a batch. They are spread so that all lie in the first cache; frames at multiples
// of 2048, as in a UMEM, have their headers in two of its sets (8 ways, 64 sets), hence mostly in
// the second.
class Frames {
 public:
  static constexpr size_t kCount = 64;
  static constexpr size_t kUmem = 2048;
  static constexpr size_t kSpread = 2048 + 3 * 64;
  static constexpr size_t kJumbo = 16384 + 3 * 64;

  template <class Build>
  Frames(size_t payload, Build build, size_t stride = kSpread) : room_(kCount * stride + kFrame) {
    for (size_t i = 0; i < kCount; ++i) {
      PacketBuffer packet(MutableBytes(room_).subspan(i * stride, kFrame), kHeadroom, payload);
      build(packet, static_cast<uint16_t>(1024 + i));
      frames_[i] = packet.bytes();
    }
  }
  MutableBytes next() { return frames_[index_++ % kCount]; }

 private:
  static constexpr size_t kFrame = 16384;
  std::vector<std::byte> room_;
  std::array<MutableBytes, kCount> frames_;
  size_t index_ = 0;
};

void build_tcp4(PacketBuffer& packet, uint16_t port) {
  push_tcp(packet, {.src_port = port, .dst_port = 80, .flags = kTcpAck}, kV4A, kV4B);
  push_ipv4(packet, {.src = kV4A, .dst = kV4B, .protocol = kProtoTcp});
  push_ethernet(packet, {kMacB, kMacA, kEtherTypeIpv4});
}

void build_qinq_tcp4(PacketBuffer& packet, uint16_t port) {
  build_tcp4(packet, port);
  push_vlan(packet, {kEtherTypeVlan, 10});
  push_vlan(packet, {kEtherTypeServiceVlan, 20});
}

void build_tcp6(PacketBuffer& packet, uint16_t port) {
  push_tcp(packet, {.src_port = port, .dst_port = 80, .flags = kTcpAck}, kV6A, kV6B);
  push_ipv6(packet, {.src = kV6A, .dst = kV6B, .next_header = kProtoTcp});
  push_ethernet(packet, {kMacB, kMacA, kEtherTypeIpv6});
}

void build_ping(PacketBuffer& packet, uint16_t id) {
  push_icmp_echo(packet, {.id = id});
  push_ipv4(packet, {.src = kV4A, .dst = kV4B, .protocol = kProtoIcmp});
  push_ethernet(packet, {kMacB, kMacA, kEtherTypeIpv4});
}

void parse_frames(benchmark::State& state, void (*build)(PacketBuffer&, uint16_t),
                  size_t stride = Frames::kSpread) {
  Frames frames(10, build, stride);
  for (auto _ : state) benchmark::DoNotOptimize(parse(frames.next()));
}
BENCHMARK_CAPTURE(parse_frames, tcp4, build_tcp4);
BENCHMARK_CAPTURE(parse_frames, qinq_tcp4, build_qinq_tcp4);
BENCHMARK_CAPTURE(parse_frames, tcp6, build_tcp6);
BENCHMARK_CAPTURE(parse_frames, tcp4_umem, build_tcp4, Frames::kUmem);

void five_tuple_frames(benchmark::State& state, void (*build)(PacketBuffer&, uint16_t),
                       size_t stride = Frames::kSpread) {
  Frames frames(10, build, stride);
  FiveTuple tuple;
  for (auto _ : state) {
    benchmark::DoNotOptimize(parse_five_tuple(frames.next(), tuple));
    benchmark::DoNotOptimize(tuple);
  }
}
BENCHMARK_CAPTURE(five_tuple_frames, tcp4, build_tcp4);
BENCHMARK_CAPTURE(five_tuple_frames, tcp6, build_tcp6);
BENCHMARK_CAPTURE(five_tuple_frames, tcp4_umem, build_tcp4, Frames::kUmem);

void checksum(benchmark::State& state) {
  const auto length = static_cast<size_t>(state.range(0));
  Frames frames(
      length, [](PacketBuffer&, uint16_t) {}, Frames::kJumbo);
  for (auto _ : state) benchmark::DoNotOptimize(compute_checksum(frames.next()));
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations()) * state.range(0));
}
BENCHMARK(checksum)->Arg(20)->Arg(64)->Arg(1500)->Arg(9000);

void checksum_update(benchmark::State& state) {
  be16 value(0x1234);
  Ipv4Address from = kV4A;
  for (auto _ : state) {
    benchmark::DoNotOptimize(from);
    value = update_checksum(value, from, kV4B);
  }
  benchmark::DoNotOptimize(value);
}
BENCHMARK(checksum_update);

// The common case: there is nothing to do.
void finish_when_finished(benchmark::State& state) {
  Frames frames(1448, build_tcp4);
  const ParsedPacket packet = parse(frames.next());
  for (auto _ : state) benchmark::DoNotOptimize(finish_transport_checksum(frames.next(), packet));
}
BENCHMARK(finish_when_finished);

void finish_when_unfinished(benchmark::State& state) {
  Frames frames(1448, build_tcp4);
  const ParsedPacket packet = parse(frames.next());
  const be16 unfinished = pseudo_header(kV4A, kV4B, kProtoTcp, packet.l4_length()).sum();
  for (auto _ : state) {
    const MutableBytes frame = frames.next();
    mutable_view<TcpHeader>(frame, packet.l4_offset)->checksum = unfinished;
    benchmark::DoNotOptimize(finish_transport_checksum(frame, packet));
  }
}
BENCHMARK(finish_when_unfinished);

// Turned back into a request each time, by hand.
void echo_reply(benchmark::State& state) {
  Frames frames(56, build_ping);
  for (auto _ : state) {
    const MutableBytes frame = frames.next();
    benchmark::DoNotOptimize(make_icmp_echo_reply(frame));
    std::byte& type = frame[sizeof(EthernetHeader) + sizeof(Ipv4Header)];
    std::byte& checksum = frame[sizeof(EthernetHeader) + sizeof(Ipv4Header) + 2];
    type = std::byte{8};
    checksum = static_cast<std::byte>(std::to_integer<int>(checksum) - 8);
  }
}
BENCHMARK(echo_reply);

}  // namespace
}  // namespace starocean::net
