#include "starocean/base/rlimits.h"

#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <system_error>

namespace starocean {
namespace {

struct Limit {
  decltype(RLIMIT_STACK) resource;
  const char* name;
  const char* remedy;
};

constexpr Limit kLimits[] = {
    {RLIMIT_MEMLOCK, "RLIMIT_MEMLOCK",
     "with CAP_IPC_LOCK it does not matter, else set LimitMEMLOCK=infinity (systemd) or "
     "`ulimit -l unlimited`"},
    {RLIMIT_STACK, "RLIMIT_STACK", "it matters only if the main thread runs out of stack"},
};

std::string lift(const Limit& limit) {
  const rlimit unlimited{RLIM_INFINITY, RLIM_INFINITY};
  if (setrlimit(limit.resource, &unlimited) == 0) return {};
  const int error = errno;
  rlimit now{};
  getrlimit(limit.resource, &now);
  now.rlim_cur = now.rlim_max;
  setrlimit(limit.resource, &now);
  getrlimit(limit.resource, &now);
  if (now.rlim_cur == RLIM_INFINITY) return {};
  std::string note(limit.name);
  note += " stays at " + std::to_string(now.rlim_cur) + " bytes: ";
  note += std::generic_category().message(error);
  if (error == EPERM) note += " without CAP_SYS_RESOURCE";
  return note + "; " + limit.remedy;
}

}  // namespace

std::vector<std::string> lift_resource_limits() {
  std::vector<std::string> notes;
  for (const Limit& limit : kLimits) {
    if (std::string note = lift(limit); !note.empty()) notes.push_back(std::move(note));
  }
  return notes;
}

uint64_t memlock_limit_bytes() {
  rlimit now{};
  if (getrlimit(RLIMIT_MEMLOCK, &now) != 0) return 0;
  return now.rlim_cur == RLIM_INFINITY ? std::numeric_limits<uint64_t>::max() : now.rlim_cur;
}

}  // namespace starocean
