#include "starocean/control/render_text.h"

#include <fmt/format.h>

#include "starocean/control/json_fields.h"

namespace starocean::control {
namespace {

uint64_t drops_of(const Json& counters) {
  uint64_t drops = 0;
  for (const auto& [name, value] : counters.items()) {
    if (name.starts_with(dataplane::kDropPrefix)) drops += value.get<uint64_t>();
  }
  return drops;
}

std::string interface_name(const Json& port) {
  const std::string name = word(port, "name");
  const std::string device = word(port, "device");
  return device.empty() || device == name ? name : fmt::format("{} ({})", name, device);
}

std::string mode_text(const Json& port) {
  std::string text = word(port, "attach");
  for (const std::string& more :
       {word(port, "mode"), std::string(flag(port, "multi_buffer") ? "multi-buffer" : "")}) {
    if (!more.empty()) text += fmt::format("{}{}", text.empty() ? "" : ", ", more);
  }
  return text.empty() ? "-" : text;
}

std::string loops_text(const Json& loops) {
  std::string text;
  for (const Json& loop : loops) {
    text +=
        fmt::format("loop: {} moves between {} in bridge {}: {} moves, the last {} ago\n",
                    word(loop, "mac"), word(loop, "interfaces"), word(loop, "bridge"),
                    grouped_number(loop, "moves"), duration_text(number(loop, "last_seen_ms_ago")));
  }
  return text;
}

// "lan1 12, lan2 3, removed interfaces 7": where it happened.
std::string places_text(const Json& drop) {
  std::string text;
  const auto add = [&](std::string_view name, uint64_t count) {
    if (count == 0) return;
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name, grouped(count));
  };
  for (const auto& [name, packets] : member(drop, "by_interface").items()) {
    add(name, packets.get<uint64_t>());
  }
  add("removed interfaces", number(drop, "removed_interfaces"));
  return text;
}

std::string drop_totals_text(const Json& totals) {
  std::string text = fmt::format(
      "received {} + copies {} + ICMP errors made {} = transmitted {} + punted to Linux {} + "
      "dropped {}",
      grouped_number(totals, "rx_packets"), grouped_number(totals, "copies"),
      grouped_number(totals, "icmp_errors"), grouped_number(totals, "tx_packets"),
      grouped_number(totals, "punted"), grouped_number(totals, "dropped"));
  const int64_t unaccounted = signed_number(totals, "unaccounted");
  if (unaccounted != 0) text += fmt::format(" + in hand at this instant {}", grouped(unaccounted));
  return text + '\n';
}

}  // namespace

std::string interfaces_text(const Json& answer) {
  TextTable table({{"INTERFACE"},
                   {"STATE"},
                   {"BRIDGE"},
                   {"MAC"},
                   {"MTU", Align::kRight},
                   {"MODE"},
                   {"QUEUES", Align::kRight},
                   {"MACS", Align::kRight},
                   {"RX PACKETS", Align::kRight},
                   {"TX PACKETS", Align::kRight},
                   {"DROPS", Align::kRight}});
  std::string problems;
  for (const Json& port : member(answer, "interfaces")) {
    const Json& counters = member(port, "counters");
    table.add_row({interface_name(port), word(port, "state"), word_or_dash(port, "bridge"),
                   word_or_dash(port, "mac"), fmt::to_string(number(port, "mtu")), mode_text(port),
                   fmt::to_string(number(port, "queues")), grouped_number(port, "mac_entries"),
                   grouped_number(counters, "rx_packets"), grouped_number(counters, "tx_packets"),
                   grouped(drops_of(counters))});
    if (const std::string problem = word(port, "problem"); !problem.empty()) {
      problems += fmt::format("{}: {}\n", word(port, "name"), problem);
    }
  }
  const std::string remarks = problems + loops_text(member(answer, "loops"));
  return fmt::format("node {}, up {}, configuration {}\n\n{}{}{}", word_or_dash(answer, "node"),
                     duration_text(number(answer, "uptime_ms")), number(answer, "generation"),
                     table.text(), remarks.empty() ? "" : "\n", remarks);
}

std::string fdb_text(const Json& answer) {
  TextTable table(
      {{"BRIDGE"}, {"VLAN", Align::kRight}, {"MAC"}, {"INTERFACE"}, {"LAST SEEN", Align::kRight}});
  for (const Json& entry : member(answer, "entries")) {
    const uint64_t vlan = number(entry, "vlan");
    const std::string age = duration_text(number(entry, "age_ms"));
    table.add_row({word(entry, "bridge"), vlan == 0 ? "-" : fmt::to_string(vlan),
                   word(entry, "mac"), word(entry, "interface"),
                   flag(entry, "static")   ? "static"
                   : flag(entry, "sticky") ? age + ", sticky"
                                           : age});
  }
  const uint64_t count = number(answer, "count");
  const std::string total =
      fmt::format("{} {}\n", grouped(count), count == 1 ? "entry" : "entries");
  return table.empty() ? total : table.text() + total;
}

std::string drops_text(const Json& answer) {
  TextTable table({{"REASON"}, {"PACKETS", Align::kRight}, {"WHERE"}, {"MEANING"}});
  size_t hidden = 0;
  for (const Json& drop : member(answer, "drops")) {
    if (number(drop, "packets") == 0) {
      ++hidden;
      continue;
    }
    table.add_row({word(drop, "reason"), grouped_number(drop, "packets"), places_text(drop),
                   word(drop, "help")});
  }
  std::string text = drop_totals_text(member(answer, "totals")) + '\n';
  text += table.empty() ? "No drops.\n" : table.text();
  text += fmt::format("({} {} without drops not shown; --json lists all)\n", hidden,
                      hidden == 1 ? "reason" : "reasons");
  TextTable kernel({{"IN THE KERNEL"}, {"COUNT", Align::kRight}});
  for (const auto& [name, value] : member(answer, "kernel").items()) {
    kernel.add_row({name, grouped(value.get<uint64_t>())});
  }
  return text + '\n' + kernel.text();
}

}  // namespace starocean::control
