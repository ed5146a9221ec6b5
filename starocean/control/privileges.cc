#include "starocean/control/privileges.h"

#include <sys/prctl.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <vector>

#include <fmt/format.h>

#include "starocean/base/rlimits.h"

namespace starocean::control {
namespace {

struct FreeCaps {
  void operator()(cap_t caps) const { cap_free(caps); }
};
using Caps = std::unique_ptr<std::remove_pointer_t<cap_t>, FreeCaps>;

constexpr cap_flag_t kSets[] = {CAP_EFFECTIVE, CAP_PERMITTED, CAP_INHERITABLE};

bool has(cap_t caps, cap_value_t capability, cap_flag_t set) {
  cap_flag_value_t value = CAP_CLEAR;
  return cap_get_flag(caps, capability, set, &value) == 0 && value == CAP_SET;
}

std::string name_of(cap_value_t capability) {
  char* const name = cap_to_name(capability);
  if (name == nullptr) return fmt::format("capability {}", capability);
  std::string copy(name);
  cap_free(name);
  return copy;
}

// Whether the bounding set is now `kept`.
bool drop_from_bounding_set(std::span<const cap_value_t> kept) {
  for (cap_value_t capability = 0; capability < cap_max_bits(); ++capability) {
    if (std::ranges::find(kept, capability) != kept.end()) continue;
    if (cap_get_bound(capability) == 1 && cap_drop_bound(capability) != 0) return false;
  }
  return true;
}

}  // namespace

std::string enumerate(const std::vector<std::string>& items) {
  std::string text;
  for (size_t i = 0; i < items.size(); ++i) {
    if (i != 0) text += i + 1 == items.size() ? " and " : ", ";
    text += items[i];
  }
  return text;
}

bool has_capability(cap_value_t capability) {
  const Caps caps(cap_get_proc());
  return caps && has(caps.get(), capability, CAP_EFFECTIVE);
}

std::vector<std::string> missing_capabilities() {
  std::vector<std::string> missing;
  if (!has_capability(CAP_NET_ADMIN)) missing.emplace_back("CAP_NET_ADMIN");
  if (!has_capability(CAP_NET_RAW)) missing.emplace_back("CAP_NET_RAW");
  if (!has_capability(CAP_SYS_ADMIN)) {
    if (!has_capability(CAP_BPF)) missing.emplace_back("CAP_BPF");
    if (!has_capability(CAP_PERFMON)) missing.emplace_back("CAP_PERFMON");
  }
  return missing;
}

Status need_privileges(uint64_t umem_bytes) {
  std::vector<std::string> missing = missing_capabilities();
  if (!has_capability(CAP_IPC_LOCK) && memlock_limit_bytes() < umem_bytes) {
    missing.push_back(fmt::format("CAP_IPC_LOCK (or an RLIMIT_MEMLOCK of {} bytes, now {})",
                                  umem_bytes, memlock_limit_bytes()));
  }
  if (missing.empty()) return {};
  return fail(
      "cannot take interfaces", fmt::format("this process lacks {}", enumerate(missing)),
      "run as root, under the systemd unit, or once `setcap "
      "cap_net_admin,cap_net_raw,cap_bpf,cap_perfmon,cap_ipc_lock+ep` was applied to the program",
      EPERM);
}

Result<std::string> keep_capabilities(std::span<const cap_value_t> kept) {
  const char* const what = "cannot give up capabilities";
  const Caps before(cap_get_proc());
  const Caps after(cap_init());
  if (!before || !after) return fail_system(what, errno);
  std::vector<std::string> names;
  for (const cap_value_t capability : kept) {
    if (has(before.get(), capability, CAP_PERMITTED)) names.push_back(name_of(capability));
    for (const cap_flag_t set : kSets) {
      const cap_flag_t source = set == CAP_INHERITABLE ? CAP_INHERITABLE : CAP_PERMITTED;
      if (!has(before.get(), capability, source)) continue;
      if (cap_set_flag(after.get(), set, 1, &capability, CAP_SET) != 0) {
        return fail_system(what, errno);
      }
    }
  }
  const bool bounded = drop_from_bounding_set(kept);  // first: afterwards CAP_SETPCAP is gone
  if (cap_reset_ambient() != 0 || cap_set_proc(after.get()) != 0 ||
      prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return fail_system(what, errno);
  }
  return fmt::format("capabilities kept: {}{}", names.empty() ? "none" : enumerate(names),
                     bounded ? "" : "; the bounding set stays as it was (no CAP_SETPCAP)");
}

}  // namespace starocean::control
