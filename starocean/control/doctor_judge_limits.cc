#include <algorithm>

#include "starocean/control/doctor_judge_parts.h"
#include "starocean/control/privileges.h"
#include "starocean/control/text_table.h"

namespace starocean::control::doctor {
namespace {

constexpr uint32_t kRoomyNeighbours = 4096;
constexpr uint64_t kPlentyOfStack = uint64_t{1} << 20;
constexpr uint64_t kPage2M = uint64_t{2} << 20;
constexpr uint64_t kPage1G = uint64_t{1} << 30;

uint64_t pages_for(uint64_t bytes, uint64_t page_bytes) {
  return (bytes + page_bytes - 1) / page_bytes;
}

std::string set_capabilities_command(const std::string& program) {
  return fmt::format("setcap cap_net_admin,cap_net_raw,cap_bpf,cap_perfmon,cap_ipc_lock+ep {}",
                     shell_quoted(program));
}

struct PageSize {
  const char* name;
  uint64_t bytes;
  const char* folder;
};
constexpr PageSize k2M = {"2 MiB", kPage2M, "hugepages-2048kB"};
constexpr PageSize k1G = {"1 GiB", kPage1G, "hugepages-1048576kB"};

void judge_pages(const Survey& survey, const PageSize& size, const HugePagePool& pool,
                 bool demanded, Judge& judge) {
  const uint64_t needed = pages_for(survey.plan.memory_bytes, size.bytes);
  const std::string have = fmt::format(
      "{} of {} huge pages of {} are free, and the packet memory "
      "({}) takes {}",
      pool.usable(), pool.total, size.name, bytes_text(survey.plan.memory_bytes), needed);
  if (pool.usable() >= needed) return judge.ok("huge-pages", have);
  const uint64_t missing = needed - pool.usable();
  const std::string remedy = fmt::format("echo {} > /sys/kernel/mm/hugepages/{}/nr_hugepages",
                                         pool.total + missing, size.folder);
  const bool ours = std::ranges::any_of(
      survey.interfaces, [](const auto& f) { return f.program && f.program->is_ours(); });
  if (ours && pool.total >= needed) {
    return judge.note("huge-pages", have + "; the starocean that runs has them, it seems", remedy);
  }
  // Half of what is available is left for everybody else.
  const bool affordable = missing * size.bytes <= survey.host.memory_available_bytes / 2;
  judge.say("huge-pages", Case::worse(demanded),
            have + (demanded ? ": it will not start" : ": expect more TLB misses"), remedy,
            affordable);
}

void judge_huge_pages(const Survey& survey, Judge& judge) {
  const HostFacts& host = survey.host;
  const HugePages wish = survey.plan.config.memory.hugepages;
  if (wish == HugePages::kNone) {
    return judge.ok("huge-pages", "the configuration wants none");
  }
  const bool fits_1g =
      host.pages_1g && host.pages_1g->usable() >= pages_for(survey.plan.memory_bytes, kPage1G);
  if (wish == HugePages::k1G || (wish == HugePages::kAuto && fits_1g)) {
    if (!host.pages_1g) {
      return judge.say("huge-pages", Verdict::kFault, "this machine has no pages of 1 GiB",
                       edit_command(survey.plan, survey.plan.config.memory, "hugepages", "auto"));
    }
    return judge_pages(survey, k1G, *host.pages_1g, wish == HugePages::k1G, judge);
  }
  if (!host.pages_2m) return judge.note("huge-pages", "this kernel shows no huge pages of 2 MiB");
  judge_pages(survey, k2M, *host.pages_2m, wish == HugePages::k2M, judge);
}

void judge_locked_memory(const Survey& survey, Judge& judge) {
  const HostFacts& host = survey.host;
  if (host.may_lock_memory) {
    return judge.ok("locked-memory", "CAP_IPC_LOCK: no limit applies to the packet memory");
  }
  if (host.may_lift_limits) {
    return judge.ok("locked-memory", "starocean lifts the limit at start (CAP_SYS_RESOURCE)");
  }
  const uint64_t needed = survey.plan.memory_bytes;
  if (host.memlock.hard >= needed) {
    return judge.ok(
        "locked-memory",
        fmt::format("the limit is {}, and the packet memory takes {}",
                    host.memlock.hard == kUnlimited ? "infinite" : bytes_text(host.memlock.hard),
                    bytes_text(needed)));
  }
  const std::string text = fmt::format(
      "the process may lock {} (RLIMIT_MEMLOCK) and lacks CAP_IPC_LOCK, but the packet "
      "memory takes {}",
      bytes_text(host.memlock.hard), bytes_text(needed));
  // Whoever lacks other privileges too is not going to run it.
  if (!host.missing_capabilities.empty()) return judge.note("locked-memory", text);
  judge.say("locked-memory", Verdict::kFault, text,
            host.may_gain_lock
                ? set_capabilities_command(host.program_path)
                : fmt::format("prlimit --pid {} --memlock=unlimited:unlimited", host.parent_pid));
}

void judge_stack(const HostFacts& host, Judge& judge) {
  if (host.may_lift_limits || host.stack.hard >= kPlentyOfStack) {
    return judge.ok("stack-limit",
                    host.stack.hard == kUnlimited || host.may_lift_limits
                        ? "the stack may grow without limit"
                        : fmt::format("the stack may grow to {}", bytes_text(host.stack.hard)));
  }
  judge.say("stack-limit", Verdict::kWarning,
            fmt::format("the stack may grow to {} only", bytes_text(host.stack.hard)),
            fmt::format("prlimit --pid {} --stack=8388608:unlimited", host.parent_pid));
}

void judge_capabilities(const HostFacts& host, Judge& judge) {
  if (host.missing_capabilities.empty()) {
    return judge.ok("capabilities", "this process has the privileges that starocean needs");
  }
  judge.say("capabilities", Verdict::kWarning,
            fmt::format("this process lacks {}: with its privileges starocean cannot take "
                        "interfaces, and doctor cannot try any",
                        enumerate(host.missing_capabilities)),
            set_capabilities_command(host.program_path));
}

void judge_neighbours(const HostFacts& host, Judge& judge) {
  std::vector<std::string> texts;
  std::string families;
  bool nearly_full = false;
  for (const auto& [table, family] :
       {std::pair(host.neighbours_v4, "ipv4"), std::pair(host.neighbours_v6, "ipv6")}) {
    if (!table) continue;
    texts.push_back(
        fmt::format("{} of at most {} {} neighbours", table->entries, table->gc_thresh3, family));
    nearly_full |= table->entries >= table->gc_thresh3 / 5 * 4;
    if (table->gc_thresh3 >= kRoomyNeighbours) continue;
    families += fmt::format(
        " net.{0}.neigh.default.gc_thresh1=2048 "
        "net.{0}.neigh.default.gc_thresh2=4096 "
        "net.{0}.neigh.default.gc_thresh3=8192",
        family);
  }
  if (texts.empty()) return judge.note("neighbours", "the neighbour tables could not be read");
  const std::string text = "Linux has " + enumerate(texts);
  if (families.empty() && !nearly_full) return judge.ok("neighbours", text);
  const std::string remedy =
      families.empty()
          ? ""
          : fmt::format("{}sysctl -w{}", host.sees_bpf_settings ? "" : kInFirstNamespace, families);
  if (nearly_full) {
    return judge.say("neighbours", Verdict::kWarning, text + ": nearly full", remedy, true);
  }
  judge.note("neighbours", text + ": too few for a network of thousands of hosts", remedy);
}

}  // namespace

void judge_limits(const Survey& survey, Judge& judge) {
  judge_huge_pages(survey, judge);
  judge_locked_memory(survey, judge);
  judge_stack(survey.host, judge);
  judge_capabilities(survey.host, judge);
  judge_neighbours(survey.host, judge);
}

}  // namespace starocean::control::doctor
