// How much work a stress test does: the full number natively, a fraction of it under a sanitizer or
// on an emulated CPU, which are 10 to 100 times slower. The environment variable
// STAROCEAN_TEST_SCALE (a divisor; 1 = everything) overrides the choice. Every reduction is
// printed, so that nobody takes a short run for the long one. For tests only.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace starocean {

inline uint64_t test_scale_divisor() {
  if (const char* given = std::getenv("STAROCEAN_TEST_SCALE")) {
    return std::max<uint64_t>(1, std::strtoull(given, nullptr, 10));
  }
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
  return 10;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
  return 10;
#endif
#endif
#if !defined(__x86_64__) && !defined(__aarch64__)
  return 100;  // built for a CPU that we only have in emulation
#else
  return 1;
#endif
}

// `full / divisor`, but at least `least`.
inline uint64_t scaled(const char* what, uint64_t full, uint64_t least = 1) {
  const uint64_t count = std::max(full / test_scale_divisor(), std::min(full, least));
  std::printf("[  SCALE   ] %s: %llu of %llu%s\n", what, static_cast<unsigned long long>(count),
              static_cast<unsigned long long>(full),
              count == full ? "" : " (reduced: sanitizer, emulation or STAROCEAN_TEST_SCALE)");
  return count;
}

}  // namespace starocean
