#include <algorithm>

#include "starocean/control/doctor_judge_parts.h"
#include "starocean/control/doctor_sysfs.h"

namespace starocean::control::doctor {
namespace {

const InterfaceFacts* facts_of(const Survey& survey, const std::string& device) {
  const auto found = std::ranges::find(survey.interfaces, device, &InterfaceFacts::name);
  return found == survey.interfaces.end() || !found->exists ? nullptr : &*found;
}

void judge_frames(const Survey& survey, Judge& judge) {
  const Config& config = survey.plan.config;
  std::vector<uint32_t> queues;
  for (const InterfaceConfig& interface : config.interfaces) {
    const InterfaceFacts* const facts = facts_of(survey, interface.device);
    const uint32_t have = facts != nullptr ? facts->rx_queues : 1;
    queues.push_back(std::min(interface.queues.value_or(have), have));
  }
  const uint64_t needed = frames_needed(config, queues);
  if (check_frames(config, queues)) {
    return judge.ok("frames", fmt::format("{} frames, of which rings and workers need {}",
                                          config.memory.frames, needed));
  }
  judge.say(
      "frames", Verdict::kFault,
      fmt::format("{} frames, but the rings of {} and the workers need {} ({}): raise `memory: "
                  "frames`, or use fewer queues or smaller rings",
                  config.memory.frames, counted(config.interfaces.size(), "interface"), needed,
                  config.place(config.memory.mark_of("frames"))),
      edit_command(survey.plan, config.memory, "frames", fmt::format("{}", needed)));
}

void judge_worker_cpus(const Survey& survey, Judge& judge) {
  const WorkersConfig& workers = survey.plan.config.workers;
  const auto& usable = survey.host.usable_cpus;
  const auto is_in = [](const std::vector<int>& cpus, int cpu) {
    return std::ranges::find(cpus, cpu) != cpus.end();
  };
  std::vector<int> bad;
  std::vector<int> good;
  for (const int cpu : workers.cpus) (is_in(usable, cpu) ? good : bad).push_back(cpu);
  if (workers.cpus.empty()) return judge.ok("worker-cpus", "one worker, on whichever CPU is free");
  if (bad.empty()) {
    return judge.ok("worker-cpus", fmt::format("workers can run on CPUs {}", list_text(good)));
  }
  for (const int cpu : usable) {
    if (good.size() < workers.cpus.size() && !is_in(good, cpu)) good.push_back(cpu);
  }
  judge.say("worker-cpus", Verdict::kFault,
            fmt::format("workers cannot run on CPUs {}: offline, absent, or not of this process's "
                        "control group ({})",
                        list_text(bad), survey.plan.config.place(workers.mark_of("cpus"))),
            edit_command(survey.plan, workers, "cpus", fmt::format("[{}]", fmt::join(good, ", "))));
}

// A worker waits until such a thread has had its turn, which is not over before the next tick: 1 to 10 ms.
void judge_kernel_threads(const Survey& survey, Judge& judge) {
  constexpr double kNoticeable = 0.001;  // of a CPU: 4 ms every 4 s
  const std::vector<int>& workers = survey.plan.config.workers.cpus;
  if (workers.empty()) return judge.ok("kernel-threads", "no worker has a CPU of its own");
  std::vector<std::string> names, commands;
  for (const KernelThread& thread : survey.host.kernel_threads) {
    std::vector<int> others = thread.cpus;
    const auto shared = std::erase_if(
        others, [&](int cpu) { return std::ranges::find(workers, cpu) != workers.end(); });
    if (thread.cpu_share < kNoticeable || shared == 0 || others.empty()) continue;
    names.push_back(fmt::format("{} ({:.1f} % of a CPU)", thread.name, 100 * thread.cpu_share));
    commands.push_back(fmt::format("taskset -pc {} {}", list_text(others), thread.id));
  }
  if (names.empty()) {
    return judge.ok(
        "kernel-threads",
        "no busy thread of Linux's could as well run elsewhere than on the workers' CPUs");
  }
  judge.say(
      "kernel-threads", Verdict::kNote,
      fmt::format(
          "Linux runs {} on the workers' CPUs, too, and packets wait some milliseconds meanwhile",
          fmt::join(names, ", ")),
      fmt::format("{}", fmt::join(commands, " && ")), true);
}

// What is longer than the egress takes is dropped as drop_egress_mtu.
std::vector<Finding> judge_bridge_mtus(const Survey& survey) {
  std::vector<Finding> findings;
  for (const BridgeConfig& bridge : survey.plan.config.bridges) {
    std::vector<const InterfaceFacts*> members;
    for (const BridgeMember& member : bridge.interfaces) {
      const auto& interfaces = survey.plan.config.interfaces;
      const auto config = std::ranges::find(interfaces, member.interface, &InterfaceConfig::name);
      if (config == interfaces.end()) continue;
      if (const auto* facts = facts_of(survey, config->device)) members.push_back(facts);
    }
    if (members.empty()) continue;
    const uint32_t least = (*std::ranges::min_element(members, {}, &InterfaceFacts::mtu))->mtu;
    for (const InterfaceFacts* const member : members) {
      Judge judge(member->name);
      if (member->mtu == least) {
        judge.ok("bridge-mtu",
                 fmt::format("no interface of bridge '{}' has a lower MTU", bridge.name));
      } else {
        judge.say("bridge-mtu", Verdict::kWarning,
                  fmt::format("its MTU is {}, but bridge '{}' has interfaces of {}: longer packets "
                              "to them are dropped",
                              member->mtu, bridge.name, least),
                  fmt::format("ip link set dev {} mtu {}", shell_quoted(member->name), least));
      }
      for (Finding& finding : judge.take()) findings.push_back(std::move(finding));
    }
  }
  return findings;
}

}  // namespace

std::vector<Finding> judge_config(const Survey& survey) {
  if (!survey.plan.from_file()) return {};
  Judge judge;
  judge_frames(survey, judge);
  judge_worker_cpus(survey, judge);
  judge_kernel_threads(survey, judge);
  std::vector<Finding> findings = judge.take();
  for (Finding& finding : judge_bridge_mtus(survey)) findings.push_back(std::move(finding));
  return findings;
}

}  // namespace starocean::control::doctor
