// The forwarding information with a full Internet table, beside DPDK's rte_lpm and rte_fib, in one binary with
// the same compiler flags.
//
// Tables: internet_routes_for_bench.h, 1,000,000 routes of IPv4 and 200,000 of IPv6, with 200 next hops.
// Destinations: random routes of the table, random addresses in them, 64 at a time. rte_fib gets each of its
// look-up functions, AVX-512 among them, with next hops of 4 bytes (24 bits and more, as ours) and of 2. The
// memory of both is in transparent huge pages (fib_bench_dpdk.h). Without DPDK its rows are missing.

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#ifdef STAROCEAN_HAVE_DPDK
#include "starocean/table/fib_bench_dpdk.h"
#endif

#include "starocean/ring/qsbr.h"
#include "starocean/table/fib.h"
#include "starocean/table/internet_routes_for_bench.h"

namespace starocean::table {
namespace {

constexpr size_t kRoutes4 = 1'000'000;
constexpr size_t kRoutes6 = 200'000;
constexpr size_t kBatch = 64;
constexpr size_t kDestinations = size_t{1} << 18;

using Values = std::array<uint32_t, kBatch>;

struct Traffic4 {
  Traffic4() : routes(InternetRoutes::v4(kRoutes4)) {
    for (const auto& bits : InternetRoutes::destinations(routes, kDestinations)) {
      destinations.push_back(static_cast<uint32_t>(bits.high >> 32));
    }
  }
  std::vector<BenchRoute> routes;
  std::vector<uint32_t> destinations;
};

struct Traffic6 {
  Traffic6() : routes(InternetRoutes::v6(kRoutes6)) {
    for (const auto& bits : InternetRoutes::destinations(routes, kDestinations)) {
      net::Ipv6Address::Bytes bytes;
      for (uint32_t i = 0; i < bytes.size(); ++i) bytes[i] = bits.byte(8 * i);
      destinations.push_back(net::Ipv6Address(bytes));
    }
  }
  std::vector<BenchRoute> routes;
  std::vector<net::Ipv6Address> destinations;
};

// Made when first needed, kept until the end.
const Traffic4& traffic4() {
  static const Traffic4 traffic;
  return traffic;
}
const Traffic6& traffic6() {
  static const Traffic6 traffic;
  return traffic;
}

ring::Qsbr& qsbr() {
  static ring::Qsbr instance(1);
  return instance;
}

template <class Lpm>
Lpm& ours(const std::vector<BenchRoute>& routes) {
  static lpm::Arena arena = *lpm::Arena::reserve(qsbr());
  static Lpm table = [&] {
    Lpm made = *Lpm::create(arena);
    for (const BenchRoute& route : routes) made.set(route.prefix, route.length, route.next_hop);
    return made;
  }();
  return table;
}

// Takes 64 destinations at a time through `lookup(const Address*, Values&)`; what it finds is compared with
// ours, once, beforehand.
template <class Traffic, class Table, class Lookup>
void run(benchmark::State& state, const Traffic& traffic, const Table& reference, Lookup&& lookup) {
  Values values{};
  for (size_t at = 0; at < traffic.destinations.size(); at += kBatch) {
    lookup(&traffic.destinations[at], values);
    for (size_t i = 0; i < kBatch; ++i) {
      if (values[i] != reference.lookup(traffic.destinations[at + i])) {
        state.SkipWithError("another next hop than ours");
        return;
      }
    }
  }
  size_t at = 0;
  for (auto _ : state) {
    lookup(&traffic.destinations[at], values);
    benchmark::DoNotOptimize(values);
    at = (at + kBatch) & (kDestinations - 1);
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kBatch));
}

void ours4_single(benchmark::State& state) {
  const Lpm4& table = ours<Lpm4>(traffic4().routes);
  run(state, traffic4(), table, [&](const uint32_t* addresses, Values& values) {
    for (size_t i = 0; i < kBatch; ++i) values[i] = table.lookup(addresses[i]);
  });
}
void ours4_batch(benchmark::State& state) {
  const Lpm4& table = ours<Lpm4>(traffic4().routes);
  run(state, traffic4(), table, [&](const uint32_t* addresses, Values& values) {
    table.lookup({addresses, kBatch}, values);
  });
}
void ours6_single(benchmark::State& state) {
  const Lpm6& table = ours<Lpm6>(traffic6().routes);
  run(state, traffic6(), table, [&](const net::Ipv6Address* addresses, Values& values) {
    for (size_t i = 0; i < kBatch; ++i) values[i] = table.lookup(addresses[i]);
  });
}
void ours6_batch(benchmark::State& state) {
  const Lpm6& table = ours<Lpm6>(traffic6().routes);
  run(state, traffic6(), table, [&](const net::Ipv6Address* addresses, Values& values) {
    table.lookup({addresses, kBatch}, values);
  });
}
BENCHMARK(ours4_single)->Name("ipv4/lpm4/single");
BENCHMARK(ours4_batch)->Name("ipv4/lpm4/batch");
BENCHMARK(ours6_single)->Name("ipv6/lpm6/single");
BENCHMARK(ours6_batch)->Name("ipv6/lpm6/batch");

// Everything that a gatewayed packet asks of the Fib: the route, and by what neighbour.
void decide(benchmark::State& state) {
  Fib fib(qsbr());
  Fib::Table& table = **fib.add_table(254);
  fib.bind_interface(1, InterfaceId(1));
  const auto hops = static_cast<uint32_t>(state.range(0));
  Route route;
  for (uint32_t i = 0; i < hops; ++i) {
    const auto gateway = net::Ipv6Address::mapped(net::Ipv4Address(0xc0000201u + i));
    route.next_hops.push_back({1, gateway, 1});
    if (!fib.set_neighbour(1, gateway, NeighbourState::kReachable, {})) return;
  }
  if (!fib.set_route(table, net::IpPrefix::v4(net::Ipv4Address(0x0a000000), 8), route)) return;
  const RouteIndex index = fib.lookup4(table, 0x0a000001);
  const auto destination = net::Ipv6Address::mapped(net::Ipv4Address(0x0a000001));
  uint32_t hash = 0;
  for (auto _ : state) {
    const Decision decision = fib.decide(index, destination, hash++);
    benchmark::DoNotOptimize(fib.adjacency(decision.adjacency).word.load());
  }
}
BENCHMARK(decide)->Name("decide/next_hops")->Arg(1)->Arg(4);

// A connected network with that many neighbours, all in use.
void decide_connected(benchmark::State& state) {
  Fib fib(qsbr());
  Fib::Table& table = **fib.add_table(254);
  fib.bind_interface(1, InterfaceId(1));
  const auto count = static_cast<uint32_t>(state.range(0));
  const auto address = [](uint32_t i) {
    return net::Ipv6Address::mapped(net::Ipv4Address(0x0a000000u + i));
  };
  for (uint32_t i = 0; i < count; ++i) {
    if (!fib.set_neighbour(1, address(i), NeighbourState::kReachable, {})) return;
  }
  const Route connected{RouteKind::kForward, {{1, std::nullopt}}};
  if (!fib.set_route(table, net::IpPrefix::v4(net::Ipv4Address(0x0a000000), 8), connected)) return;
  const RouteIndex index = fib.lookup4(table, 0x0a000001);
  uint32_t next = 1;
  for (auto _ : state) {
    next = next * 1664525 + 1013904223;
    const auto i = static_cast<uint32_t>(uint64_t{next} * count >> 32);
    const Decision decision = fib.decide(index, address(i), 0);
    if (decision.adjacency == 0) state.SkipWithError("a neighbour is not found");
    benchmark::DoNotOptimize(fib.adjacency(decision.adjacency).word.load());
  }
}
BENCHMARK(decide_connected)->Name("decide/connected_neighbours")->Arg(10)->Arg(1000)->Arg(100'000);

// Pages of the process in memory, from /proc/self/statm.
double resident_mib() {
  FILE* file = std::fopen("/proc/self/statm", "r");
  if (file == nullptr) return 0;
  unsigned long total = 0, resident = 0;
  const int read = std::fscanf(file, "%lu %lu", &total, &resident);
  std::fclose(file);
  return read == 2 ? static_cast<double>(resident) * 4096 / (1 << 20) : 0;
}

// A whole table into an empty Fib, as the mirror of Linux's routes does it, and out again.
void fill(benchmark::State& state, bool v4) {
  const std::vector<BenchRoute>& routes = v4 ? traffic4().routes : traffic6().routes;
  std::vector<std::pair<net::IpPrefix, Route>> input;
  for (const BenchRoute& route : routes) {
    net::Ipv6Address::Bytes bytes;
    for (uint32_t i = 0; i < bytes.size(); ++i) bytes[i] = route.prefix.byte(8 * i);
    const auto length = static_cast<uint8_t>(route.length);
    const auto host = static_cast<uint32_t>(route.prefix.high >> 32);
    const auto gateway = net::Ipv6Address::mapped(net::Ipv4Address(0xc0000200u + route.next_hop));
    input.emplace_back(v4 ? net::IpPrefix::v4(net::Ipv4Address(host), length)
                          : net::IpPrefix::v6(net::Ipv6Address(bytes), length),
                       Route{RouteKind::kForward, {{1, gateway, 1}}});
  }
  for (auto _ : state) {
    const double before = resident_mib();
    Fib fib(qsbr());
    Fib::Table& table = **fib.add_table(254);
    for (const auto& [prefix, route] : input) {
      if (!fib.set_route(table, prefix, route)) state.SkipWithError("no room");
    }
    state.PauseTiming();
    state.counters["resident_MiB"] = resident_mib() - before;
    state.counters["memory_bytes_MiB"] = static_cast<double>(fib.memory_bytes()) / (1 << 20);
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(input.size()));
}
BENCHMARK_CAPTURE(fill, ipv4, true)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(fill, ipv6, false)->Unit(benchmark::kMillisecond);

#ifdef STAROCEAN_HAVE_DPDK
rte_lpm* lpm() {
  static rte_lpm* const made = dpdk::make_lpm(traffic4().routes);
  return made;
}
rte_fib* fib4() {
  static rte_fib* const made = dpdk::make_fib(traffic4().routes, RTE_FIB_DIR24_8_4B, "fib4");
  return made;
}
rte_fib* fib2() {
  static rte_fib* const made = dpdk::make_fib(traffic4().routes, RTE_FIB_DIR24_8_2B, "fib2");
  return made;
}
rte_fib6* fib6() {
  static rte_fib6* const made = dpdk::make_fib6(traffic6().routes);
  return made;
}
// All of DPDK's tables are filled before the first is used: then their memory is collapsed to huge pages.
bool ready(benchmark::State& state) {
  static const bool made = [] {
    const bool all =
        lpm() != nullptr && fib4() != nullptr && fib2() != nullptr && fib6() != nullptr;
    benchmark::AddCustomContext("memory after collapsing DPDK's to huge pages", dpdk::huge_pages());
    std::fprintf(stderr, "memory: %s\n", dpdk::huge_pages().c_str());
    return all;
  }();
  if (!made) state.SkipWithError("DPDK does not start, or does not take the table");
  return made;
}

template <class Lookup>
void rte4(benchmark::State& state, Lookup&& lookup) {
  if (ready(state)) run(state, traffic4(), ours<Lpm4>(traffic4().routes), lookup);
}
void rte_lpm_single(benchmark::State& state) {
  rte4(state, [table = lpm()](const uint32_t* addresses, Values& values) {
    for (size_t i = 0; i < kBatch; ++i) {
      if (rte_lpm_lookup(table, addresses[i], &values[i]) != 0) values[i] = 0;
    }
  });
}
void rte_lpm_bulk(benchmark::State& state) {
  rte4(state, [table = lpm()](const uint32_t* addresses, Values& values) {
    rte_lpm_lookup_bulk(table, addresses, values.data(), kBatch);
    for (uint32_t& value : values) {
      value = (value & RTE_LPM_LOOKUP_SUCCESS) != 0 ? value & 0xffffff : 0;
    }
  });
}
void rte_lpm_x4(benchmark::State& state) {
  rte4(state, [table = lpm()](const uint32_t* addresses, Values& values) {
    for (size_t i = 0; i < kBatch; i += 4) {
      const auto four = _mm_loadu_si128(reinterpret_cast<const __m128i*>(addresses + i));
      rte_lpm_lookupx4(table, four, &values[i], 0);
    }
  });
}
void rte_fib_bulk(benchmark::State& state, rte_fib* (*table)(), rte_fib_lookup_type type) {
  if (!ready(state)) return;
  if (rte_fib_select_lookup(table(), type) != 0) {
    state.SkipWithError("this CPU or build has no such look-up");
    return;
  }
  rte4(state, [fib = table()](const uint32_t* addresses, Values& values) {
    std::array<uint64_t, kBatch> hops;
    rte_fib_lookup_bulk(fib, const_cast<uint32_t*>(addresses), hops.data(), kBatch);
    for (size_t i = 0; i < kBatch; ++i) values[i] = static_cast<uint32_t>(hops[i]);
  });
}
void rte_fib6_bulk(benchmark::State& state, rte_fib6_lookup_type type) {
  if (!ready(state)) return;
  if (rte_fib6_select_lookup(fib6(), type) != 0) {
    state.SkipWithError("this CPU or build has no such look-up");
    return;
  }
  run(state, traffic6(), ours<Lpm6>(traffic6().routes),
      [table = fib6()](const net::Ipv6Address* addresses, Values& values) {
        std::array<uint64_t, kBatch> hops;
        auto* bytes = reinterpret_cast<uint8_t(*)[16]>(const_cast<net::Ipv6Address*>(addresses));
        rte_fib6_lookup_bulk(table, bytes, hops.data(), kBatch);
        for (size_t i = 0; i < kBatch; ++i) values[i] = static_cast<uint32_t>(hops[i]);
      });
}
BENCHMARK(rte_lpm_single)->Name("ipv4/rte_lpm/lookup");
BENCHMARK(rte_lpm_bulk)->Name("ipv4/rte_lpm/lookup_bulk");
BENCHMARK(rte_lpm_x4)->Name("ipv4/rte_lpm/lookupx4");
#define FIB_BENCH(size, kind, type) \
  BENCHMARK_CAPTURE(rte_fib_bulk, kind, fib##size, type)->Name("ipv4/rte_fib_" #size "B/" #kind)
FIB_BENCH(4, macro, RTE_FIB_LOOKUP_DIR24_8_SCALAR_MACRO);
FIB_BENCH(4, inline, RTE_FIB_LOOKUP_DIR24_8_SCALAR_INLINE);
FIB_BENCH(4, uni, RTE_FIB_LOOKUP_DIR24_8_SCALAR_UNI);
FIB_BENCH(4, avx512, RTE_FIB_LOOKUP_DIR24_8_VECTOR_AVX512);
FIB_BENCH(2, macro, RTE_FIB_LOOKUP_DIR24_8_SCALAR_MACRO);
FIB_BENCH(2, avx512, RTE_FIB_LOOKUP_DIR24_8_VECTOR_AVX512);
BENCHMARK_CAPTURE(rte_fib6_bulk, scalar, RTE_FIB6_LOOKUP_TRIE_SCALAR)->Name("ipv6/rte_fib6/scalar");
BENCHMARK_CAPTURE(rte_fib6_bulk, avx512, RTE_FIB6_LOOKUP_TRIE_VECTOR_AVX512)
    ->Name("ipv6/rte_fib6/avx512");
const bool noted = (benchmark::AddCustomContext("dpdk", rte_version()), true);
#else
const bool noted = (benchmark::AddCustomContext("dpdk", "not built: no libdpdk"), true);
#endif

}  // namespace
}  // namespace starocean::table
