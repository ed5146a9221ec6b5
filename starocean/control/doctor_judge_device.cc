#include <algorithm>

#include "starocean/control/doctor_judge_parts.h"

namespace starocean::control::doctor {
namespace {

void judge_link(const Case& c, Judge& judge) {
  if (!c.facts.up) {
    return judge.say("link", Case::worse(c.plan.names(c.facts.name)),
                     "it is down, and no AF_XDP socket can be bound to it",
                     fmt::format("ip link set dev {} up", c.quoted));
  }
  if (!c.facts.carrier) return judge.note("link", "it is up, but has no carrier");
  judge.ok("link", "it is up and has a carrier");
}

void judge_master(const Case& c, Judge& judge) {
  if (c.facts.master.empty()) return judge.ok("master", "no bridge or bond of Linux has it");
  judge.say("master", Verdict::kWarning,
            fmt::format("it belongs to '{}', which gets no packets any more once starocean has it",
                        c.facts.master),
            fmt::format("ip link set dev {} nomaster", c.quoted));
}

void judge_queues(const Case& c, Judge& judge) {
  const InterfaceFacts& facts = c.facts;
  const std::string have =
      fmt::format("it has {} and {}", counted(facts.rx_queues, "receive queue"),
                  counted(facts.tx_queues, "transmit queue"));
  const uint32_t wanted = c.config.queues.value_or(facts.rx_queues);
  if (wanted > facts.rx_queues) {
    std::string remedy = queue_command(facts, wanted);
    if (remedy.empty()) {
      remedy = edit_command(c.plan, c.config, "queues", fmt::format("{}", facts.rx_queues));
    }
    return judge.say("queues", Verdict::kFault,
                     fmt::format("{}, but the configuration takes {} ({})", have, wanted,
                                 c.plan.config.place(c.config.mark_of("queues"))),
                     std::move(remedy));
  }
  if (wanted < facts.rx_queues) {
    return judge.say("queues", Verdict::kWarning,
                     fmt::format("{}, of which the configuration takes {}: what arrives on the "
                                 "others goes to Linux, past starocean",
                                 have, wanted),
                     queue_command(facts, wanted));
  }
  if (facts.tx_queues < facts.rx_queues) {
    return judge.note("queues", fmt::format("{}: sockets from queue {} on can only receive", have,
                                            facts.tx_queues));
  }
  judge.ok("queues", have);
}

void judge_foreign_program(const Case& c, const xsk::PresentProgram& program, Judge& judge) {
  if (program.name.empty()) {
    return judge.note(
        "xdp-program",
        fmt::format("an XDP program (id {}) is attached; whose, only root can see", program.id));
  }
  const std::string remedy = program.link_id != 0
                                 ? fmt::format("bpftool link detach id {}", program.link_id)
                                 : fmt::format("ip link set dev {} {} off", c.quoted,
                                               program.generic ? "xdpgeneric" : "xdp");
  judge.say("xdp-program", Verdict::kFault,
            fmt::format("somebody else's XDP program '{}' (id {}) is attached, and starocean never "
                        "replaces one",
                        program.name, program.id),
            remedy);
}

void judge_program(const Case& c, Judge& judge) {
  const auto& program = c.facts.program;
  if (!program) return judge.ok("xdp-program", "no XDP program is attached");
  if (!program->is_ours()) return judge_foreign_program(c, *program, judge);
  const std::string lasting = program->link_id != 0
                                  ? ""
                                  : fmt::format(
                                        "; it stays when starocean ends (on_exit: block), until "
                                        "`ip link set dev {} {} off`",
                                        c.quoted, program->generic ? "xdpgeneric" : "xdp");
  judge.ok("xdp-program", fmt::format("starocean has it ({} program '{}', id {}){}",
                                      program->generic ? "generic" : "native", program->name,
                                      program->id, lasting));
}

}  // namespace

void judge_device(const Case& c, Judge& judge) {
  const InterfaceFacts& facts = c.facts;
  if (!facts.exists) {
    const std::string at =
        c.plan.names(facts.name)
            ? fmt::format(" ({})", c.plan.config.place(c.config.mark_of("device")))
            : "";
    return judge.say("device", Verdict::kFault,
                     facts.problem.empty()
                         ? fmt::format("Linux has no device of this name here{}", at)
                         : facts.problem);
  }
  const std::string driver = facts.driver.empty() ? "without a driver's name"
                                                  : fmt::format("of the driver {}", facts.driver);
  if (facts.problem.empty()) {
    judge.ok("device", fmt::format("a device {}", driver));
  } else {
    judge.note("device", fmt::format("a device {}, of which not all could be asked: {}", driver,
                                     facts.problem));
  }
  judge_link(c, judge);
  judge_master(c, judge);
  judge_queues(c, judge);
  judge_program(c, judge);
}

}  // namespace starocean::control::doctor
