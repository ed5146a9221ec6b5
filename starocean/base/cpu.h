// What hot code needs to know of the CPU.
#pragma once

#include <cstddef>

namespace starocean {

// Two 64-byte lines: x86 prefetches them in pairs, so that data of two threads 64 bytes apart still
// fights for one line pair; Apple and some server Arm cores have 128-byte lines outright.
inline constexpr size_t kCacheLine = 64;
inline constexpr size_t kNoSharing = 128;

inline void prefetch_read(const void* address) {
  __builtin_prefetch(address, 0, 3);
}
inline void prefetch_write(const void* address) {
  __builtin_prefetch(address, 1, 3);
}

// In spin loops: yields the pipeline to the other hyper-thread and saves power.
inline void cpu_relax() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
  asm volatile("yield" ::: "memory");
#else
  asm volatile("" ::: "memory");
#endif
}

}  // namespace starocean
