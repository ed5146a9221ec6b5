#include "starocean/control/doctor_judge.h"

#include <algorithm>

#include "starocean/control/doctor_judge_parts.h"

namespace starocean::control::doctor {
namespace {

size_t rank_of(const Finding& finding) {
  const auto checks = all_checks();
  return static_cast<size_t>(std::ranges::find(checks, finding.id, &Check::id) - checks.begin());
}

void append(std::vector<Finding>& to, std::vector<Finding> more) {
  std::ranges::stable_sort(more, {}, rank_of);
  to.insert(to.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

}  // namespace

InterfaceConfig Plan::interface_of(const std::string& device) const {
  const auto found = std::ranges::find(config.interfaces, device, &InterfaceConfig::device);
  if (found != config.interfaces.end()) return *found;
  InterfaceConfig defaults;
  defaults.name = defaults.device = device;
  return defaults;
}

bool Plan::names(const std::string& device) const {
  return std::ranges::find(config.interfaces, device, &InterfaceConfig::device) !=
         config.interfaces.end();
}

bool Case::generic_mode() const {
  if (config.attach == Attach::kGeneric) return true;
  if (config.attach == Attach::kNative || facts.trial.native.granted()) return false;
  if (facts.trial.native.refused()) return true;
  return facts.report && !facts.report->has(xsk::kXdpActBasic);
}

uint32_t Case::frame_room() const {
  const MemoryConfig& memory = plan.config.memory;
  return memory.frame_size - kKernelHeadroomBytes - memory.headroom;
}

uint32_t Case::one_frame_mtu() const {
  uint32_t room = frame_room();
  if (!generic_mode()) room = std::min(room, host.single_page_mtu + kEthernetHeaderBytes);
  return room - kLinkHeaderBytes;
}

std::vector<Finding> judge_interface(const Survey& survey, const InterfaceFacts& interface) {
  const Case c{survey.host, interface, survey.plan, survey.plan.interface_of(interface.name),
               shell_quoted(interface.name)};
  Judge judge(interface.name);
  judge_device(c, judge);
  if (interface.exists) {
    judge_xdp(c, judge);
    judge_mtu(c, judge);
    judge_offloads(c, judge);
    judge_tuning(c, judge);
  }
  return judge.take();
}

std::vector<Finding> judge(const Survey& survey) {
  std::vector<Finding> findings;
  const std::vector<Finding> of_config = judge_config(survey);
  // What the configuration has to do with `interface`, or with the machine ("").
  const auto append_with_config = [&](std::vector<Finding> mine, const std::string& interface) {
    for (const Finding& finding : of_config) {
      if (finding.interface == interface) mine.push_back(finding);
    }
    append(findings, std::move(mine));
  };
  append_with_config(judge_host(survey), "");
  for (const InterfaceFacts& interface : survey.interfaces) {
    append_with_config(judge_interface(survey, interface), interface.name);
  }
  return findings;
}

std::string edit_command(const Plan& plan, const Origin& item, std::string_view key,
                         std::string_view value) {
  const auto written = std::ranges::find(item.key_marks, key, &std::pair<std::string, Mark>::first);
  if (written == item.key_marks.end()) return {};
  const Mark mark = written->second;
  if (mark.line == 0 || mark.line > plan.config_lines.size() || mark.column == 0) return {};
  const std::string& line = plan.config_lines[mark.line - 1];
  const size_t start = mark.column - 1;
  if (start >= line.size()) return {};
  // A plain value ends at white space or at the flow's punctuation; a flow list at its bracket.
  const bool list = line[start] == '[';
  if (list != value.starts_with('[')) return {};
  if (list && line.find(']', start) == std::string::npos) return {};
  if (std::string_view("'\"|>&*{-").find(line[start]) != std::string_view::npos) return {};
  const char* const pattern = list ? "\\[[^]]*\\]" : "[^] ,}]*";
  return fmt::format("sed -i '{}s/^\\(.\\{{{}\\}}\\){}/\\1{}/' {}", mark.line, start, pattern,
                     value, shell_quoted(plan.config.file));
}

std::string queue_command(const InterfaceFacts& facts, uint32_t queues) {
  if (!facts.channels) return {};
  const xsk::Channels& channels = *facts.channels;
  const std::string device = shell_quoted(facts.name);
  if (channels.combined_max >= queues) {
    return fmt::format("ethtool -L {} combined {}", device, queues);
  }
  if (channels.rx_max >= queues && channels.tx_max >= queues) {
    return fmt::format("ethtool -L {} rx {} tx {}", device, queues, queues);
  }
  return {};
}

std::string counted(uint64_t count, std::string_view singular) {
  return fmt::format("{} {}{}", count, singular, count == 1 ? "" : "s");
}

}  // namespace starocean::control::doctor
