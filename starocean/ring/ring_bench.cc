// Rings beside DPDK's rte_ring, in one binary with the same compiler flags; elements of 8 bytes,
// 1024 slots. "one_core": one thread pushes a burst and pops it again, time per element of the
// pair. "two_cores": a producer and a consumer on two CPUs, time per element through the ring.
// Compare rows of one run only. Without DPDK at build time its rows are missing, and the context
// says so.

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <thread>

#include <benchmark/benchmark.h>
#include <pthread.h>
#include <sched.h>

#ifdef STAROCEAN_HAVE_DPDK
#include <rte_ring.h>
#include <rte_version.h>
#endif

#include "starocean/ring/mpsc.h"
#include "starocean/ring/spsc.h"

namespace starocean::ring {
namespace {

constexpr size_t kCapacity = 1024;
constexpr size_t kMaxBurst = 32;
// Elements per iteration across cores: so many that neither the ring's size nor a thread's start
// matters.
constexpr size_t kBlock = size_t{1} << 15;
using Burst = std::array<uint64_t, kMaxBurst>;

#ifdef STAROCEAN_HAVE_DPDK
const bool dpdk_noted = (benchmark::AddCustomContext("rte_ring", rte_version()), true);
#else
const bool dpdk_noted = (benchmark::AddCustomContext("rte_ring", "not built: no libdpdk"), true);
#endif

template <class Ring>
struct Ours {
  Ring ring{kCapacity};
  size_t push(const uint64_t* items, size_t count) {
    return count == 1 ? size_t{ring.push(*items)}
                      : ring.push(std::span<const uint64_t>(items, count));
  }
  size_t pop(uint64_t* items, size_t count) {
    return count == 1 ? size_t{ring.pop(*items)} : ring.pop(std::span<uint64_t>(items, count));
  }
};

void pin(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}
void unpin() {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) CPU_SET(cpu, &set);
  pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

template <class Ring, size_t kBurst>
void one_core(benchmark::State& state) {
  auto ring = std::make_unique<Ring>();
  Burst in{}, out{};
  for (auto _ : state) {
    in[0] += 1;
    benchmark::DoNotOptimize(ring->push(in.data(), kBurst));
    benchmark::DoNotOptimize(ring->pop(out.data(), kBurst));
    benchmark::ClobberMemory();
  }
  if (out != in) state.SkipWithError("what came out is not what went in");
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kBurst));
}

template <class Ring, size_t kBurst>
void two_cores(benchmark::State& state) {
  if (std::thread::hardware_concurrency() < 2) {
    state.SkipWithError("needs two CPUs");
    return;
  }
  auto ring = std::make_unique<Ring>();
  std::atomic<bool> stop{false};
  uint64_t received = 0, sum = 0;
  std::atomic<bool> running{false};
  std::thread consumer([&] {
    pin(1);
    running.store(true, std::memory_order_release);
    Burst out{};
    for (;;) {
      const bool last = stop.load(std::memory_order_acquire);
      const size_t count = ring->pop(out.data(), kBurst);
      for (size_t i = 0; i < count; ++i) sum += out[i];
      received += count;
      if (count == 0) {
        if (last) break;
        cpu_relax();
      }
    }
  });
  pin(0);
  while (!running.load(std::memory_order_acquire)) std::this_thread::yield();
  Burst in{};
  uint64_t sent = 0;
  for (auto _ : state) {
    for (size_t block = 0; block < kBlock; block += kBurst) {
      for (size_t done = 0; done < kBurst;) {
        const size_t pushed = ring->push(in.data() + done, kBurst - done);
        if (pushed == 0) cpu_relax();
        done += pushed;
      }
    }
    sent += kBlock;
  }
  stop.store(true, std::memory_order_release);
  consumer.join();
  unpin();
  benchmark::DoNotOptimize(sum);
  if (received != sent) state.SkipWithError("elements lost");
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kBlock));
}

using Spsc = Ours<SpscRing<uint64_t>>;
using Mpsc = Ours<MpscRing<uint64_t>>;

#ifdef STAROCEAN_HAVE_DPDK
// The pointer API, as DPDK's applications use it; an element is 8 bytes here, too.
template <bool kMultiProducer>
struct Dpdk {
  Dpdk() {
    const auto bytes = static_cast<size_t>(rte_ring_get_memsize(kCapacity));
    memory.reset(static_cast<rte_ring*>(std::aligned_alloc(128, (bytes + 127) & ~size_t{127})));
    rte_ring_init(memory.get(), "bench", kCapacity,
                  RING_F_SC_DEQ | (kMultiProducer ? 0 : RING_F_SP_ENQ));
  }
  size_t push(const uint64_t* items, size_t count) {
    auto* pointers = reinterpret_cast<void* const*>(items);
    const auto n = static_cast<unsigned>(count);
    return kMultiProducer ? rte_ring_mp_enqueue_burst(memory.get(), pointers, n, nullptr)
                          : rte_ring_sp_enqueue_burst(memory.get(), pointers, n, nullptr);
  }
  size_t pop(uint64_t* items, size_t count) {
    return rte_ring_sc_dequeue_burst(memory.get(), reinterpret_cast<void**>(items),
                                     static_cast<unsigned>(count), nullptr);
  }
  struct Free {
    void operator()(rte_ring* ring) const { std::free(ring); }
  };
  std::unique_ptr<rte_ring, Free> memory;
};
using RteSpSc = Dpdk<false>;
using RteMpSc = Dpdk<true>;
#endif

#define RING_BENCH(how, Ring, name, burst) \
  BENCHMARK(how<Ring, burst>)->Name(#how "/" name "/" #burst)
#ifdef STAROCEAN_HAVE_DPDK
#define RING_BENCH_DPDK(how, Ring, name, burst) RING_BENCH(how, Ring, name, burst)
#else
#define RING_BENCH_DPDK(how, Ring, name, burst) static_assert(true)
#endif

RING_BENCH(one_core, Spsc, "spsc", 1);
RING_BENCH_DPDK(one_core, RteSpSc, "rte_ring_sp_sc", 1);
RING_BENCH(one_core, Mpsc, "mpsc", 1);
RING_BENCH_DPDK(one_core, RteMpSc, "rte_ring_mp_sc", 1);
RING_BENCH(one_core, Spsc, "spsc", 32);
RING_BENCH_DPDK(one_core, RteSpSc, "rte_ring_sp_sc", 32);
RING_BENCH(one_core, Mpsc, "mpsc", 32);
RING_BENCH_DPDK(one_core, RteMpSc, "rte_ring_mp_sc", 32);
RING_BENCH(two_cores, Spsc, "spsc", 1)->UseRealTime();
RING_BENCH_DPDK(two_cores, RteSpSc, "rte_ring_sp_sc", 1)->UseRealTime();
RING_BENCH(two_cores, Mpsc, "mpsc", 1)->UseRealTime();
RING_BENCH_DPDK(two_cores, RteMpSc, "rte_ring_mp_sc", 1)->UseRealTime();
RING_BENCH(two_cores, Spsc, "spsc", 32)->UseRealTime();
RING_BENCH_DPDK(two_cores, RteSpSc, "rte_ring_sp_sc", 32)->UseRealTime();
RING_BENCH(two_cores, Mpsc, "mpsc", 32)->UseRealTime();
RING_BENCH_DPDK(two_cores, RteMpSc, "rte_ring_mp_sc", 32)->UseRealTime();

}  // namespace
}  // namespace starocean::ring
