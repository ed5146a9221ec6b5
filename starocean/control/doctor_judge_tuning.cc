#include <algorithm>
#include <set>

#include "starocean/control/doctor_judge_parts.h"
#include "starocean/control/doctor_sysfs.h"
#include "starocean/control/privileges.h"

namespace starocean::control::doctor {
namespace {

// At a million packets a second, the time that a worker may be away: a millisecond.
constexpr uint32_t kRoomyRing = 1024;
constexpr uint32_t kLongWait_us = 100;

void judge_rings(const Case& c, Judge& judge) {
  if (!c.facts.rings) return judge.ok("rings", "the driver has no hardware rings to set");
  const xsk::DeviceRings& rings = *c.facts.rings;
  const std::string have = fmt::format(
      "hardware rings of {} receive and {} transmit descriptors "
      "(at most {} and {})",
      rings.rx, rings.tx, rings.rx_max, rings.tx_max);
  const uint32_t rx = std::min(rings.rx_max, kRoomyRing);
  if (rings.rx >= rx) return judge.ok("rings", have);
  judge.say("rings", Verdict::kWarning, have + ": bursts are lost in the card",
            fmt::format("ethtool -G {} rx {}", c.quoted, rx), !c.facts.has_default_route);
}

void judge_coalescing(const Case& c, Judge& judge) {
  if (!c.facts.coalescing) return judge.ok("coalescing", "the driver has no coalescing to set");
  const xsk::Coalescing& waits = *c.facts.coalescing;
  if (waits.adaptive_rx) return judge.ok("coalescing", "interrupts wait as the driver sees fit");
  const std::string text = fmt::format("an interrupt waits for up to {} µs or {}", waits.rx_usecs,
                                       counted(waits.rx_frames, "packet"));
  if (waits.rx_usecs < kLongWait_us) return judge.ok("coalescing", text);
  judge.note("coalescing", text + ", which adds to the delay of a lone packet",
             fmt::format("ethtool -C {} adaptive-rx off rx-usecs 20", c.quoted));
}

bool contains(const std::vector<int>& cpus, int cpu) {
  return std::ranges::find(cpus, cpu) != cpus.end();
}

// Interrupts of received packets: as the driver tells, else by the name that drivers give them.
bool is_receive(const IrqFacts& irq) {
  if (irq.rx_queue) return true;
  return std::ranges::any_of(
      std::initializer_list<const char*>{"input", "rx", "Rx", "comp"},
      [&](const char* part) { return irq.name.find(part) != std::string::npos; });
}

std::string pin_command(const std::vector<std::pair<uint32_t, int>>& pins) {
  std::vector<std::string> commands;
  commands.reserve(pins.size());
  for (const auto& [irq, cpu] : pins) {
    commands.push_back(fmt::format("echo {} > /proc/irq/{}/smp_affinity_list", cpu, irq));
  }
  return fmt::format("{}", fmt::join(commands, " && "));
}

// CPUs for interrupts: those on which no worker is pinned, if there are any.
std::vector<int> quiet_cpus(const Case& c) {
  std::vector<int> quiet;
  for (const int cpu : c.host.online_cpus) {
    if (!contains(c.plan.config.workers.cpus, cpu) && !contains(c.host.isolated_cpus, cpu)) {
      quiet.push_back(cpu);
    }
  }
  return quiet;
}

void judge_irqs(const Case& c, Judge& judge) {
  if (c.facts.irqs.empty()) {
    return judge.ok("irqs", "it has no interrupts of its own, or they cannot be seen from here");
  }
  std::vector<const IrqFacts*> receive;
  std::vector<std::string> where;
  std::set<int> busy;
  for (const IrqFacts& irq : c.facts.irqs) {
    if (!is_receive(irq)) continue;
    receive.push_back(&irq);
    where.push_back(
        fmt::format("{} ({}) on CPU {}", irq.number, irq.name, list_text(irq.effective_cpus)));
    busy.insert(irq.effective_cpus.begin(), irq.effective_cpus.end());
  }
  const std::string text = fmt::format("{}; receive: {}", counted(c.facts.irqs.size(), "interrupt"),
                                       where.empty() ? "none by name" : enumerate(where));
  const std::vector<int> quiet = quiet_cpus(c);
  if (receive.size() > 1 && busy.size() == 1 && c.host.online_cpus.size() > 1) {
    const std::vector<int>& targets = quiet.size() > 1 ? quiet : c.host.online_cpus;
    std::vector<std::pair<uint32_t, int>> pins;
    for (size_t i = 0; i < receive.size(); ++i) {
      pins.emplace_back(receive[i]->number, targets[i % targets.size()]);
    }
    return judge.say("irqs", Verdict::kWarning, text + ": one CPU receives for all queues",
                     pin_command(pins), true);
  }
  // A worker that polls wants the interrupt on its own CPU; one that sleeps has it beside.
  std::vector<std::pair<uint32_t, int>> pins;
  for (const IrqFacts* const irq : receive) {
    const bool beside = std::ranges::any_of(
        irq->effective_cpus, [&](int cpu) { return contains(c.plan.config.workers.cpus, cpu); });
    if (beside && !quiet.empty()) pins.emplace_back(irq->number, quiet[pins.size() % quiet.size()]);
  }
  if (!pins.empty() && c.plan.config.workers.poll != Poll::kBusy) {
    return judge.note("irqs", text + ": they take time from the worker that is pinned there",
                      pin_command(pins));
  }
  judge.ok("irqs", text);
}

void judge_steering(const Case& c, Judge& judge) {
  if (c.facts.steering_masks.empty()) {
    return judge.ok("packet-steering", "RPS and XPS are off, or cannot be seen from here");
  }
  std::vector<std::string> masks;
  for (const auto& [file, mask] : c.facts.steering_masks) {
    masks.push_back(fmt::format("{} is {}", file, mask));
  }
  judge.ok("packet-steering",
           fmt::format("{}: of no effect on what AF_XDP takes and sends", enumerate(masks)));
}

}  // namespace

void judge_tuning(const Case& c, Judge& judge) {
  judge_rings(c, judge);
  judge_coalescing(c, judge);
  judge_irqs(c, judge);
  judge_steering(c, judge);
}

}  // namespace starocean::control::doctor
