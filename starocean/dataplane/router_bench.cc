// The router's own work per packet: from an Ethernet frame in memory to the frame with its new header, given to the
// egress. Without devices: the queue that transmits belongs to another worker, and what is handed over to that is
// taken back.
//
// Routes have lengths as in a BGP table, mostly /24 (IPv6: /48), spread over 256 next hops. Destinations are
// random among what is routed, so that at a million routes each look-up misses the caches. Two tables are
// asked, as Linux has them: "local", which has no answer, then "main". Packets are UDP, 64 to a batch. Headers of
// kPackets packets are written before the clock starts: they lie in the second-level cache, as after a receive. The
// time is that of the median batch of each kPackets, so that whoever else runs does not count.

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include <benchmark/benchmark.h>

#include "starocean/base/check.h"
#include "starocean/dataplane/packet_memory_for_test.h"
#include "starocean/dataplane/router.h"
#include "starocean/net/build.h"

namespace starocean::dataplane {
namespace {

constexpr uint32_t kPackets = 1024;
constexpr uint32_t kFrames = 4096;
constexpr uint32_t kNextHops = 256;
constexpr uint32_t kOutIndex = 2;
constexpr PortId kIn{0}, kOut{1};
constexpr WorkerId kSelf{0}, kOther{1};

template <class T>
T must(Result<T> result) {
  SO_CHECK(result.has_value(), "set up");
  return std::move(*result);
}
void must(const Status& status) {
  SO_CHECK(status.has_value(), "set up");
}

net::MacAddress mac_of(uint32_t number) {
  return net::MacAddress(
      {0x02, 0, 0, 0, static_cast<uint8_t>(number >> 8), static_cast<uint8_t>(number)});
}

// Shares of prefix lengths in percent, about as in the global tables (bgp.potaroo.net, 2024).
uint8_t length_of(bool is_v4, uint32_t percent) {
  if (is_v4)
    return percent < 60 ? 24 : percent < 72 ? 22 : percent < 82 ? 23 : percent < 91 ? 20 : 16;
  return percent < 47 ? 48 : percent < 63 ? 32 : percent < 75 ? 44 : percent < 88 ? 40 : 36;
}

class Bench {
 public:
  Bench(bool is_v4, uint32_t routes) : is_v4_(is_v4) {
    make_memory();
    make_snapshot();
    make_routes(routes);
    make_destinations();
  }
  ~Bench() { take_back(); }

  // Writes the packets, then routes them; returns the time that the routing took.
  double run() {
    for (uint32_t i = 0; i < kPackets; ++i) write_packet(i);
    std::array<double, kPackets / kBatchPackets> seconds{};
    for (uint32_t begin = 0; begin < kPackets; begin += kBatchPackets) {
      batch_->in_port = kIn;
      batch_->count = kBatchPackets;
      for (uint32_t i = 0; i < kBatchPackets; ++i) {
        Packet& packet = batch_->packets[i];
        packet.head = {std::move(frames_[begin + i]), static_cast<uint16_t>(umem_->packet_offset()),
                       len_bytes_};
        packet.len_bytes = len_bytes_;
      }
      const auto start = std::chrono::steady_clock::now();
      router_->process(*batch_, snapshot_, kNsPerSecond);
      seconds[begin / kBatchPackets] =
          std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      for (uint32_t i = 0; i < kBatchPackets; ++i) {
        HandoffItem item;
        SO_CHECK(mesh_->between(kSelf, kOther).pop(item), "every packet is forwarded");
        frames_[begin + i] = to_buffer(item).frame;
      }
    }
    std::nth_element(seconds.begin(), seconds.begin() + seconds.size() / 2, seconds.end());
    return seconds[seconds.size() / 2] * seconds.size();
  }

 private:
  void make_memory() {
    PacketMemoryForTest memory = make_packet_memory(kFrames, xsk::HugePages::kAuto);
    umem_ = std::move(memory.umem);
    depot_ = std::move(memory.depot);
    pool_ = std::move(memory.pool);
    mesh_ = std::move(memory.mesh);
    egress_ = std::make_unique<Egress>(kSelf, *pool_, *mesh_, counters_);
    switch_ = std::make_unique<L2Switch>(*egress_, moves_, group_events_, snooping_);
    router_ = std::make_unique<Router>(*egress_, *switch_, *pool_, requests_);
    for (uint32_t i = 0; i < kPackets; ++i) frames_.push_back(pool_->take());
  }

  void make_snapshot() {
    fib_ = std::make_unique<table::Fib>(qsbr_);
    snapshot_.fib = fib_.get();
    snapshot_.worker_queues.resize(2);
    queue_.port = kOut;
    queue_.owner = kOther;
    for (const PortId id : {kIn, kOut}) {
      Port& port = snapshot_.ports.emplace_back();
      port.id = id;
      port.attached = port.up = true;
      port.mtu_bytes = 1500;
      port.routed = InterfaceId(id.value());
      port.tx_queue = {&queue_, &queue_};
    }
    for (uint16_t i = 0; i < 2; ++i) {
      RoutedInterface& interface = snapshot_.interfaces.emplace_back();
      interface.id = InterfaceId(i);
      interface.active = true;
      interface.ifindex = i + 1u;
      interface.vrf = 0;
      interface.mac = mac_of(0xff00u + i).as_u64();
      fib_->bind_interface(interface.ifindex, interface.id);
    }
    snapshot_.interfaces[0].port = kIn;
    snapshot_.interfaces[1].port = kOut;
    Vrf& vrf = snapshot_.vrfs.emplace_back();
    for (const uint32_t number : {255u, 254u}) {
      RouteRule rule;
      rule.table = must(fib_->add_table(number));
      vrf.rules4.push_back(rule);
      vrf.rules6.push_back(rule);
    }
    egress_->adopt(&snapshot_);
  }

  net::Ipv6Address gateway(uint32_t number) const {
    if (is_v4_) return net::Ipv6Address::mapped(net::Ipv4Address(0x0a010000 + number));
    net::Ipv6Address::Bytes bytes{0x20, 0x01, 0x0d, 0xb8};
    bytes[14] = static_cast<uint8_t>(number >> 8);
    bytes[15] = static_cast<uint8_t>(number);
    return net::Ipv6Address(bytes);
  }

  void make_routes(uint32_t routes) {
    for (uint32_t i = 0; i < kNextHops; ++i) {
      must(
          fib_->set_neighbour(kOutIndex, gateway(i), table::NeighbourState::kReachable, mac_of(i)));
    }
    table::Fib::Table& local = *must(fib_->add_table(255));
    table::Fib::Table& main = *must(fib_->add_table(254));
    table::Route here;
    here.kind = table::RouteKind::kLocal;
    must(fib_->set_route(local, prefix_of(0x0a000001, is_v4_ ? 32 : 128), here));
    while (prefixes_.size() < routes) {
      const uint8_t length = length_of(is_v4_, static_cast<uint32_t>(random_() % 100));
      const net::IpPrefix prefix = prefix_of(0x80000000 + random_() % 0x5f000000, length);
      table::Route route;
      route.next_hops = {{kOutIndex, gateway(static_cast<uint32_t>(random_() % kNextHops))}};
      if (!fib_->route_of(main, prefix)) prefixes_.push_back(prefix);
      must(fib_->set_route(main, prefix, route));
    }
  }

  // IPv6 in 2000::/12, by the same random bits and more.
  net::IpPrefix prefix_of(uint64_t bits, uint8_t length) {
    if (is_v4_) {
      const auto address = static_cast<uint32_t>(bits);
      return net::IpPrefix::v4(net::Ipv4Address(address & ~uint32_t{0} << (32 - length)), length);
    }
    const uint64_t high =
        (uint64_t{0x2000} << 48 | (bits & 0xffffffff) << 28 | (random_() & 0xfffffff)) &
        (length >= 64 ? ~uint64_t{0} : ~(~uint64_t{0} >> length));
    return net::IpPrefix::v6(address6(high, 0), length);
  }
  static net::Ipv6Address address6(uint64_t high, uint64_t low) {
    const std::array<be64, 2> words{be64(high), be64(low)};
    net::Ipv6Address::Bytes bytes;
    std::memcpy(bytes.data(), words.data(), bytes.size());
    return net::Ipv6Address(bytes);
  }

  void make_destinations() {
    destinations_.resize(1 << 20);
    for (net::Ipv6Address& destination : destinations_) {
      const net::IpPrefix& prefix = prefixes_[random_() % prefixes_.size()];
      if (is_v4_) {
        const auto host =
            static_cast<uint32_t>(random_()) & ~(~uint32_t{0} << (32 - prefix.length));
        destination = net::Ipv6Address::mapped(net::Ipv4Address(prefix.host4() | host));
      } else {
        net::Ipv6Address::Bytes bytes = prefix.address.bytes();
        const uint64_t host = random_();
        std::memcpy(bytes.data() + 8, &host, sizeof host);
        destination = net::Ipv6Address(bytes);
      }
    }
  }

  void write_packet(uint32_t number) {
    const net::Ipv6Address& to = destinations_[next_++ & (destinations_.size() - 1)];
    std::byte* frame = umem_->frame_data(frames_[number].index());
    net::PacketBuffer packet({frame, umem_->frame_size()}, umem_->packet_offset() + 42, 26);
    const net::UdpFields ports{
        .src_port = static_cast<uint16_t>(next_), .dst_port = 53, .checksum = false};
    if (is_v4_) {
      const net::Ipv4Address source(0x0a000002), destination(to.embedded_ipv4());
      push_udp(packet, ports, source, destination);
      push_ipv4(packet, {.src = source, .dst = destination, .protocol = net::kProtoUdp});
    } else {
      const net::Ipv6Address source = gateway(9999);
      push_udp(packet, ports, source, to);
      push_ipv6(packet, {.src = source, .dst = to, .next_header = net::kProtoUdp});
    }
    push_ethernet(packet, {mac_from_u64(snapshot_.interfaces[0].mac), mac_of(1),
                           is_v4_ ? net::kEtherTypeIpv4 : net::kEtherTypeIpv6});
    len_bytes_ = static_cast<uint16_t>(packet.size());
    std::memmove(frame + umem_->packet_offset(), packet.data(), packet.size());
  }

  void take_back() {
    for (xsk::Frame& frame : frames_) pool_->put(std::move(frame));
  }

  const bool is_v4_;
  std::mt19937_64 random_{7};
  std::unique_ptr<xsk::Umem> umem_;
  std::unique_ptr<xsk::FrameDepot> depot_;
  std::unique_ptr<xsk::FramePool> pool_;
  std::unique_ptr<HandoffMesh> mesh_;
  ring::Qsbr qsbr_{1};
  MacMoveRing moves_{64};
  GroupEventRing group_events_{64};
  NeighbourRequestRing requests_{64};
  ring::SnapshotPublisher<SnoopingTables> snooping_{qsbr_};
  WorkerCounters counters_;
  std::unique_ptr<Egress> egress_;
  std::unique_ptr<L2Switch> switch_;
  std::unique_ptr<Router> router_;
  std::unique_ptr<table::Fib> fib_;
  Snapshot snapshot_;
  std::unique_ptr<Batch> batch_ = std::make_unique<Batch>();
  PortQueue queue_;
  std::vector<xsk::Frame> frames_;
  std::vector<net::IpPrefix> prefixes_;
  std::vector<net::Ipv6Address> destinations_;
  size_t next_ = 0;
  uint16_t len_bytes_ = 0;
};

void route(benchmark::State& state, bool is_v4) {
  Bench bench(is_v4, static_cast<uint32_t>(state.range(0)));
  while (state.KeepRunning()) state.SetIterationTime(bench.run());
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()) * kPackets);
  state.counters["ns_per_packet"] =
      benchmark::Counter(static_cast<double>(state.iterations()) * kPackets * 1e-9,
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void ipv4(benchmark::State& state) {
  route(state, true);
}
void ipv6(benchmark::State& state) {
  route(state, false);
}

BENCHMARK(ipv4)->Arg(1)->Arg(1000)->Arg(100'000)->Arg(1'000'000)->UseManualTime();
BENCHMARK(ipv6)->Arg(1)->Arg(1000)->Arg(100'000)->Arg(250'000)->UseManualTime();

}  // namespace
}  // namespace starocean::dataplane
