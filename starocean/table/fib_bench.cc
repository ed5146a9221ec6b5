// Longest prefix match in a full Internet table, beside DPDK's rte_lpm and rte_fib, in one binary with the same
// compiler flags.
//
// Tables: internet_routes_for_bench.h, 1,000,000 routes of IPv4 and 200,000 of IPv6, with 200 next hops.
// Destinations: random routes of the table, random addresses in them, 64 at a time. rte_fib gets each of its
// look-up functions, AVX-512 among them, with next hops of 4 bytes (24 bits and more, as ours) and of 2. The
// memory of both is in transparent huge pages (fib_bench_dpdk.h).
//
// "ours" and the other take turns, some milliseconds each; times are of the thread's CPU clock. Of the ratios other/ours
// (above 1: ours is faster) of all rounds the median is shown and the lowest and highest tenth, and of the times, in
// nanoseconds per look-up, the medians and the best. Before, both have to agree on every destination. Without DPDK at build time
// only "single" and "batch" are there.

#include <time.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#ifdef STAROCEAN_HAVE_DPDK
#include "starocean/table/fib_bench_dpdk.h"
#endif

#include "starocean/ring/qsbr.h"
#include "starocean/table/internet_routes_for_bench.h"
#include "starocean/table/lpm4.h"
#include "starocean/table/lpm6.h"

namespace starocean::table {
namespace {

constexpr size_t kBatch = 64;
constexpr int kRounds = 101;

using Values = std::array<uint32_t, kBatch>;

struct V4 {
  using Table = Lpm4;
  using Address = uint32_t;
  static constexpr size_t kDestinations = size_t{1} << 21;
  static std::vector<BenchRoute> routes() { return InternetRoutes::v4(1'000'000); }
  static Address address(const lpm::Bits128& bits) {
    return static_cast<uint32_t>(bits.high >> 32);
  }
};

struct V6 {
  using Table = Lpm6;
  using Address = net::Ipv6Address;
  static constexpr size_t kDestinations = size_t{1} << 19;
  static std::vector<BenchRoute> routes() { return InternetRoutes::v6(200'000); }
  static Address address(const lpm::Bits128& bits) {
    net::Ipv6Address::Bytes bytes;
    for (uint32_t i = 0; i < bytes.size(); ++i) bytes[i] = bits.byte(8 * i);
    return net::Ipv6Address(bytes);
  }
};

// Made when first needed, kept until the end.
template <class Family>
const std::vector<BenchRoute>& routes() {
  static const std::vector<BenchRoute> made = Family::routes();
  return made;
}
template <class Family>
const std::vector<typename Family::Address>& destinations() {
  static const auto made = [] {
    std::vector<typename Family::Address> all;
    for (const auto& bits : InternetRoutes::destinations(routes<Family>(), Family::kDestinations)) {
      all.push_back(Family::address(bits));
    }
    return all;
  }();
  return made;
}
template <class Family>
const typename Family::Table& ours() {
  static ring::Qsbr qsbr(1);
  static lpm::Arena arena = *lpm::Arena::reserve(qsbr);
  static const auto made = [] {
    auto table = *Family::Table::create(arena);
    size_t changes = 0;
    for (const auto& route : routes<Family>()) {
      table.set(route.prefix, route.length, route.next_hop);
      if (++changes % 256 == 0) arena.collect();  // as Fib does
    }
    return table;
  }();
  return made;
}

// A way of looking up 64 destinations: void(const Address*, Values&).
template <class Family>
auto single() {
  return [&table = ours<Family>()](const typename Family::Address* addresses, Values& values) {
    for (size_t i = 0; i < kBatch; ++i) values[i] = table.lookup(addresses[i]);
  };
}
template <class Family>
auto batch() {
  return [&table = ours<Family>()](const typename Family::Address* addresses, Values& values) {
    table.lookup({addresses, kBatch}, values);
  };
}

double cpu_ns() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

template <class Family, class Lookup>
bool agrees(Lookup& lookup) {
  const auto& all = destinations<Family>();
  Values values{};
  for (size_t at = 0; at < all.size(); at += kBatch) {
    lookup(&all[at], values);
    for (size_t i = 0; i < kBatch; ++i) {
      if (values[i] != ours<Family>().lookup(all[at + i])) return false;
    }
  }
  return true;
}

// Nanoseconds per look-up.
template <class Family, class Lookup>
double turn(Lookup& lookup) {
  const auto& all = destinations<Family>();
  Values values{};
  const double begin = cpu_ns();
  for (size_t at = 0; at < all.size(); at += kBatch) {
    lookup(&all[at], values);
    benchmark::DoNotOptimize(values);
  }
  return (cpu_ns() - begin) / static_cast<double>(all.size());
}

double quantile(std::vector<double> values, double part) {
  std::sort(values.begin(), values.end());
  return values[static_cast<size_t>(part * static_cast<double>(values.size() - 1))];
}

template <class Family, class Ours, class Other>
void compare(benchmark::State& state, Ours ours_lookup, Other other) {
  if (!agrees<Family>(other)) {
    state.SkipWithError("another next hop than ours");
    return;
  }
  std::vector<double> ratios, our_times, other_times;
  for (auto _ : state) {
    our_times.push_back(turn<Family>(ours_lookup));
    other_times.push_back(turn<Family>(other));
    ratios.push_back(other_times.back() / our_times.back());
  }
  state.counters["ratio"] = quantile(ratios, 0.5);
  state.counters["ratio_p10"] = quantile(ratios, 0.1);
  state.counters["ratio_p90"] = quantile(ratios, 0.9);
  state.counters["ours_ns"] = quantile(our_times, 0.5);
  state.counters["other_ns"] = quantile(other_times, 0.5);
  state.counters["ours_best_ns"] = quantile(our_times, 0);
  state.counters["other_best_ns"] = quantile(other_times, 0);
}

#define COMPARE(function) BENCHMARK(function)->Iterations(kRounds)->Unit(benchmark::kMillisecond)

void single4(benchmark::State& state) {
  compare<V4>(state, batch<V4>(), single<V4>());
}
void single6(benchmark::State& state) {
  compare<V6>(state, batch<V6>(), single<V6>());
}
COMPARE(single4)->Name("ipv4/one_by_one");
COMPARE(single6)->Name("ipv6/one_by_one");

#ifdef STAROCEAN_HAVE_DPDK
rte_lpm* lpm() {
  static rte_lpm* const made = dpdk::make_lpm(routes<V4>());
  return made;
}
rte_fib* fib(rte_fib_dir24_8_nh_sz size) {
  static rte_fib* const four = dpdk::make_fib(routes<V4>(), RTE_FIB_DIR24_8_4B, "fib4");
  static rte_fib* const two = dpdk::make_fib(routes<V4>(), RTE_FIB_DIR24_8_2B, "fib2");
  return size == RTE_FIB_DIR24_8_4B ? four : two;
}
rte_fib6* fib6() {
  static rte_fib6* const made = dpdk::make_fib6(routes<V6>());
  return made;
}
// All of DPDK's tables.
bool ready(benchmark::State& state) {
  static const bool made = [] {
    const bool all = lpm() != nullptr && fib(RTE_FIB_DIR24_8_4B) != nullptr &&
                     fib(RTE_FIB_DIR24_8_2B) != nullptr && fib6() != nullptr;
    ours<V4>();
    ours<V6>();
    std::fprintf(stderr, "memory with all tables: %s\n", dpdk::huge_pages().c_str());
    return all;
  }();
  if (!made) state.SkipWithError("DPDK does not start, or does not take the table");
  return made;
}

void rte_lpm_lookup_1(benchmark::State& state) {
  if (!ready(state)) return;
  compare<V4>(state, batch<V4>(), [table = lpm()](const uint32_t* addresses, Values& values) {
    for (size_t i = 0; i < kBatch; ++i) {
      if (rte_lpm_lookup(table, addresses[i], &values[i]) != 0) values[i] = 0;
    }
  });
}
void rte_lpm_bulk(benchmark::State& state) {
  if (!ready(state)) return;
  compare<V4>(state, batch<V4>(), [table = lpm()](const uint32_t* addresses, Values& values) {
    rte_lpm_lookup_bulk(table, addresses, values.data(), kBatch);
    for (uint32_t& value : values) {
      value = (value & RTE_LPM_LOOKUP_SUCCESS) != 0 ? value & 0xffffff : 0;
    }
  });
}
void rte_lpm_x4(benchmark::State& state) {
  if (!ready(state)) return;
  compare<V4>(state, batch<V4>(), [table = lpm()](const uint32_t* addresses, Values& values) {
    for (size_t i = 0; i < kBatch; i += 4) {
      const auto four = _mm_loadu_si128(reinterpret_cast<const __m128i*>(addresses + i));
      rte_lpm_lookupx4(table, four, &values[i], 0);
    }
  });
}
void rte_fib_4(benchmark::State& state, rte_fib_dir24_8_nh_sz size, rte_fib_lookup_type type) {
  if (!ready(state)) return;
  rte_fib* const table = fib(size);
  if (rte_fib_select_lookup(table, type) != 0) {
    state.SkipWithError("this CPU or build has no such look-up");
    return;
  }
  compare<V4>(state, batch<V4>(), [table](const uint32_t* addresses, Values& values) {
    std::array<uint64_t, kBatch> hops;
    rte_fib_lookup_bulk(table, const_cast<uint32_t*>(addresses), hops.data(), kBatch);
    for (size_t i = 0; i < kBatch; ++i) values[i] = static_cast<uint32_t>(hops[i]);
  });
}
void rte_fib_6(benchmark::State& state, rte_fib6_lookup_type type) {
  if (!ready(state)) return;
  rte_fib6* const table = fib6();
  if (rte_fib6_select_lookup(table, type) != 0) {
    state.SkipWithError("this CPU or build has no such look-up");
    return;
  }
  compare<V6>(state, batch<V6>(), [table](const net::Ipv6Address* addresses, Values& values) {
    std::array<uint64_t, kBatch> hops;
    auto* bytes = reinterpret_cast<uint8_t(*)[16]>(const_cast<net::Ipv6Address*>(addresses));
    rte_fib6_lookup_bulk(table, bytes, hops.data(), kBatch);
    for (size_t i = 0; i < kBatch; ++i) values[i] = static_cast<uint32_t>(hops[i]);
  });
}

COMPARE(rte_lpm_lookup_1)->Name("ipv4/rte_lpm/lookup");
COMPARE(rte_lpm_bulk)->Name("ipv4/rte_lpm/lookup_bulk");
COMPARE(rte_lpm_x4)->Name("ipv4/rte_lpm/lookupx4");
#define COMPARE_AS(function, name, ...) \
  BENCHMARK_CAPTURE(function, name, __VA_ARGS__)->Iterations(kRounds)->Unit(benchmark::kMillisecond)
#define COMPARE_FIB(how, type)                                                        \
  COMPARE_AS(rte_fib_4, how##_4B, RTE_FIB_DIR24_8_4B, RTE_FIB_LOOKUP_DIR24_8_##type); \
  COMPARE_AS(rte_fib_4, how##_2B, RTE_FIB_DIR24_8_2B, RTE_FIB_LOOKUP_DIR24_8_##type)
COMPARE_FIB(macro, SCALAR_MACRO);
COMPARE_FIB(inline, SCALAR_INLINE);
COMPARE_FIB(uni, SCALAR_UNI);
COMPARE_FIB(avx512, VECTOR_AVX512);
COMPARE_AS(rte_fib_6, scalar, RTE_FIB6_LOOKUP_TRIE_SCALAR);
COMPARE_AS(rte_fib_6, avx512, RTE_FIB6_LOOKUP_TRIE_VECTOR_AVX512);
const bool noted = (benchmark::AddCustomContext("dpdk", rte_version()), true);
#else
const bool noted = (benchmark::AddCustomContext("dpdk", "not built: no libdpdk"), true);
#endif

}  // namespace
}  // namespace starocean::table
