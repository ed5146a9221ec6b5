// Broken invariants. SO_CHECK is always on and aborts with the place and a message; SO_DCHECK only in
// builds without NDEBUG. Neither is for bad input: packets are counted drops, set-up returns Result.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace starocean {

[[noreturn]] inline void check_failed(const char* file, int line, const char* condition,
                                      const char* message) {
  std::fprintf(stderr, "%s:%d: broken invariant: %s (%s)\n", file, line, message, condition);
  std::abort();
}

}  // namespace starocean

#define SO_CHECK(condition, message)                                      \
  do {                                                                    \
    if (!(condition)) [[unlikely]]                                        \
      ::starocean::check_failed(__FILE__, __LINE__, #condition, message); \
  } while (false)

#ifdef NDEBUG
#define SO_DCHECK(condition, message) \
  do {                                \
  } while (false)
#else
#define SO_DCHECK(condition, message) SO_CHECK(condition, message)
#endif
