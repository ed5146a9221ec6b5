#include <algorithm>

#include "starocean/control/doctor_judge_parts.h"
#include "starocean/control/doctor_sysfs.h"
#include "starocean/control/privileges.h"

namespace starocean::control::doctor {
namespace {

constexpr uint32_t kCoarseTickHz = 100;

void judge_kernel(const HostFacts& host, Judge& judge) {
  const std::string name = fmt::format("Linux {}", host.kernel_release);
  if (host.kernel.af_xdp == false) {
    judge.say(
        "kernel", Verdict::kFault,
        fmt::format("{} has no AF_XDP sockets: it was built without CONFIG_XDP_SOCKETS", name));
  } else if (std::pair(host.kernel_major, host.kernel_minor) < std::pair(6u, 1u)) {
    judge.say("kernel", Verdict::kFault,
              fmt::format("{} is too old: starocean needs Linux 6.1 or later", name));
  } else if (!host.kernel.af_xdp) {
    judge.note("kernel", fmt::format("whether {} has AF_XDP could not be tried: opening such a "
                                     "socket takes CAP_NET_RAW",
                                     name));
  } else {
    judge.ok("kernel", fmt::format("{} has AF_XDP sockets", name));
  }
}

void judge_kernel_features(const KernelFeatures& kernel, Judge& judge) {
  const struct {
    std::optional<bool> has;
    const char* name;
    const char* since;
  } features[] = {{kernel.need_wakeup, "need-wakeup", "5.4"},
                  {kernel.prefer_busy_poll, "preferred busy polling", "5.11"},
                  {kernel.netdev_family, "XDP features of drivers", "6.3"},
                  {kernel.multi_buffer, "multi-buffer", "6.6"},
                  {kernel.tx_metadata, "transmit metadata", "6.8"},
                  {kernel.tx_budget, "transmit budget", "6.17"}};
  std::vector<std::string> there;
  std::vector<std::string> lacking;
  std::vector<std::string> unknown;
  for (const auto& feature : features) {
    if (!feature.has) {
      unknown.emplace_back(feature.name);
    } else if (*feature.has) {
      there.emplace_back(feature.name);
    } else {
      lacking.push_back(fmt::format("{} (Linux {})", feature.name, feature.since));
    }
  }
  std::string text = there.empty() ? "" : "there are " + enumerate(there);
  const auto add = [&](const char* word, const std::vector<std::string>& items) {
    if (!items.empty())
      text += (text.empty() ? "" : "; ") + fmt::format("{} {}", word, enumerate(items));
  };
  add("lacking:", lacking);
  add("not to be asked without CAP_NET_RAW:", unknown);
  if (lacking.empty() && unknown.empty()) return judge.ok("kernel-features", text);
  judge.note("kernel-features", text);
}

void judge_compiler(const HostFacts& host, Judge& judge) {
  if (!host.kernel.program_compiler) {
    return judge.note("bpf-compiler",
                      "whether BPF programs are compiled could not be tried: loading "
                      "one takes CAP_BPF and CAP_NET_ADMIN");
  }
  if (*host.kernel.program_compiler) return judge.ok("bpf-compiler", "BPF programs are compiled");
  judge.say("bpf-compiler", Verdict::kWarning,
            "BPF programs are interpreted, which makes each packet several times as dear",
            fmt::format("{}sysctl -w net.core.bpf_jit_enable=1",
                        host.sees_bpf_settings ? "" : kInFirstNamespace),
            true);
}

void judge_tick(const HostFacts& host, Judge& judge) {
  if (!host.tick_hz) return judge.note("tick-rate", "the length of a timer tick is unknown");
  std::string text = fmt::format(
      "{} timer ticks a second (the resolution of "
      "CLOCK_MONOTONIC_COARSE is one)",
      *host.tick_hz);
  if (*host.tick_hz > kCoarseTickHz) return judge.ok("tick-rate", std::move(text));
  judge.note("tick-rate", text +
                              ": soft interrupts that are put off wait up to 10 ms; kernels with "
                              "CONFIG_HZ=250 or 1000 are quicker");
}

void judge_cpus(const HostFacts& host, Judge& judge) {
  std::string text = fmt::format("{} online: {}", counted(host.online_cpus.size(), "CPU"),
                                 list_text(host.online_cpus));
  if (host.usable_cpus.size() < host.online_cpus.size()) {
    text += fmt::format("; workers can use {}", list_text(host.usable_cpus));
  }
  if (!host.isolated_cpus.empty()) {
    text += fmt::format("; isolated for `workers: cpus`: {}", list_text(host.isolated_cpus));
  }
  if (host.usable_cpus.size() != 1) return judge.ok("cpus", text);
  judge.note("cpus", text + ": a worker and the driver's receive work take turns on the only one");
}

void judge_governor(const HostFacts& host, Judge& judge) {
  std::vector<std::string> slow;
  for (const auto& [governor, cpus] : host.governors) {
    if (governor != "performance") {
      slow.push_back(fmt::format("'{}' on CPUs {}", governor, list_text(cpus)));
    }
  }
  if (host.governors.empty()) {
    return judge.ok("cpu-governor",
                    "Linux does not scale the CPUs' frequency here, as in most "
                    "virtual machines");
  }
  if (slow.empty()) return judge.ok("cpu-governor", "all CPUs have the governor 'performance'");
  judge.say("cpu-governor", Verdict::kWarning,
            fmt::format("the frequency governor is {}: the first packets after a pause find a slow "
                        "CPU",
                        enumerate(slow)),
            "for f in /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor; do echo performance > "
            "\"$f\"; done");
}

void judge_irqbalance(const Survey& survey, Judge& judge) {
  const std::vector<int>& pids = survey.host.irqbalance_pids;
  if (pids.empty()) return judge.ok("irqbalance", "irqbalance does not run");
  const bool matters =
      std::ranges::any_of(survey.interfaces, [](const auto& f) { return !f.irqs.empty(); });
  if (!matters) {
    return judge.note("irqbalance", fmt::format("irqbalance runs (process {}), but none of these "
                                                "interfaces has interrupts",
                                                list_text(pids)));
  }
  judge.say("irqbalance", Verdict::kWarning,
            fmt::format("irqbalance (process {}) moves the interfaces' interrupts from CPU to CPU",
                        list_text(pids)),
            fmt::format("systemctl disable --now irqbalance || kill {}", fmt::join(pids, " ")));
}

}  // namespace

std::vector<Finding> judge_host(const Survey& survey) {
  Judge judge;
  judge_kernel(survey.host, judge);
  judge_kernel_features(survey.host.kernel, judge);
  judge_compiler(survey.host, judge);
  judge_tick(survey.host, judge);
  judge_cpus(survey.host, judge);
  judge_governor(survey.host, judge);
  judge_irqbalance(survey, judge);
  judge_limits(survey, judge);
  return judge.take();
}

}  // namespace starocean::control::doctor
