#include "starocean/wan/report.h"

#include <iterator>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "starocean/control/config_words.h"
#include "starocean/control/exposition.h"
#include "starocean/control/json_fields.h"
#include "starocean/control/metrics.h"
#include "starocean/control/text_table.h"
#include "starocean/wan/link_words.h"

namespace starocean::wan {
namespace {

using control::Json;

constexpr std::string_view kDropPrefix = "drop_";

uint64_t value(const DirectionStatus& direction, WanCounter counter) {
  return direction.counters[static_cast<size_t>(counter)];
}

uint64_t dropped(const DirectionStatus& direction) {
  uint64_t sum = 0;
  for (size_t i = 0; i < kWanCounters.size(); ++i) {
    if (kWanCounters[i].name.starts_with(kDropPrefix)) sum += direction.counters[i];
  }
  return sum;
}

uint64_t lost(const DirectionStatus& direction) {
  return value(direction, WanCounter::drop_loss) + value(direction, WanCounter::drop_burst_loss);
}

double microseconds(uint64_t ns) {
  return static_cast<double>(ns) / static_cast<double>(kNsPerUs);
}

Json lateness_json(const Lateness::Values& lateness) {
  uint64_t packets = 0;
  Json buckets = Json::array();
  for (size_t i = 0; i < lateness.packets.size(); ++i) {
    packets += lateness.packets[i];
    Json bound = nullptr;
    if (i < Lateness::kBoundsNs.size()) bound = Lateness::kBoundsNs[i] / kNsPerUs;
    buckets.push_back({{"up_to_us", bound}, {"packets", lateness.packets[i]}});
  }
  const double mean =
      packets == 0 ? 0 : microseconds(lateness.sum_ns) / static_cast<double>(packets);
  return {{"max_us", microseconds(lateness.max_ns)}, {"mean_us", mean}, {"buckets", buckets}};
}

Json direction_json(const EmulatorStatus& status, size_t way) {
  const DirectionStatus& direction = status.directions[way];
  const SideStatus& from = status.sides[way];
  const SideStatus& to = status.sides[1 - way];
  Json link;
  for (const LinkWord& word : link_words()) link[std::string(word.name)] = word.get(direction.link);
  Json counters;
  for (size_t i = 0; i < kWanCounters.size(); ++i) {
    counters[std::string(kWanCounters[i].name)] = direction.counters[i];
  }
  const uint64_t in =
      value(direction, WanCounter::rx_packets) + value(direction, WanCounter::duplicated);
  const uint64_t out =
      value(direction, WanCounter::tx_packets) + dropped(direction) + direction.held_packets;
  return {{"from", from.device},
          {"to", to.device},
          {"link", link},
          {"counters", counters},
          {"lost", lost(direction)},
          {"dropped", dropped(direction)},
          {"held", direction.held_packets},
          {"unaccounted", static_cast<int64_t>(in - out)},
          {"kernel",
           {{"rx_dropped", from.kernel_rx_dropped},
            {"rx_ring_full", from.kernel_rx_ring_full},
            {"tx_dropped", to.kernel_tx_dropped}}},
          {"lateness", lateness_json(direction.lateness)}};
}

Json side_json(const SideStatus& side) {
  return {{"device", side.device},
          {"ifindex", side.ifindex},
          {"up", side.up},
          {"mtu", side.mtu_bytes},
          {"queues", side.queues},
          {"attach", side.attach},
          {"mode", side.zero_copy ? "zero-copy" : "copy"},
          {"multi_buffer", side.multi_buffer}};
}

std::string interface_line(const char* name, const Json& side) {
  using control::flag;
  using control::word;
  return fmt::format("{}: {}, {}, MTU {}, {} XDP, {}{}\n", name, word(side, "device"),
                     flag(side, "up") ? "up" : "down", control::number(side, "mtu"),
                     word(side, "attach"), word(side, "mode"),
                     flag(side, "multi_buffer") ? ", multi-buffer" : "");
}

}  // namespace

Json status_json(const EmulatorStatus& status) {
  Json directions;
  uint64_t held_frames = 0;
  for (size_t way = 0; way < kSides; ++way) {
    directions[kWays[way]] = direction_json(status, way);
    held_frames += status.directions[way].held_frames;
  }
  const uint64_t known =
      status.frames_free + status.frames_in_rx + status.frames_in_tx + held_frames;
  return {{"schema_version", control::kSchemaVersion},
          {"seed", status.seed},
          {"interfaces", {{"a", side_json(status.sides[0])}, {"b", side_json(status.sides[1])}}},
          {"directions", directions},
          {"frames",
           {{"total", status.frames},
            {"free", status.frames_free},
            {"in_rx", status.frames_in_rx},
            {"in_tx", status.frames_in_tx},
            {"held", held_frames},
            {"missing", static_cast<int64_t>(status.frames - known)},
            {"capacity", status.capacity_frames}}},
          {"loop",
           {{"priority", status.realtime ? "realtime" : "normal"},
            {"turns", status.turns},
            {"sleeps", status.sleeps}}}};
}

std::string status_text(const Json& status) {
  using control::Align;
  using control::member;
  const Json& interfaces = member(status, "interfaces");
  std::string text = interface_line("A", member(interfaces, "a")) +
                     interface_line("B", member(interfaces, "b")) +
                     fmt::format("seed {}, up to {} frames under way in each direction\n\n",
                                 control::number(status, "seed"),
                                 control::grouped_number(member(status, "frames"), "capacity"));
  const Json& directions = member(status, "directions");
  const std::array<const Json*, kSides> ways = {&member(directions, kWays[0]),
                                                &member(directions, kWays[1])};
  const auto title = [&](size_t way) {
    return fmt::format("{} → {}", control::word(*ways[way], "from"),
                       control::word(*ways[way], "to"));
  };
  control::TextTable table(
      {{"", Align::kLeft}, {title(0), Align::kRight}, {title(1), Align::kRight}});
  for (const LinkWord& word : link_words()) {
    const std::string name(word.name);
    table.add_row({name, control::word(member(*ways[0], "link"), name.c_str()),
                   control::word(member(*ways[1], "link"), name.c_str())});
  }
  table.add_row({"", "", ""});
  const auto add = [&](const std::string& title_of_row, const char* group, const char* name) {
    const auto cell = [&](const Json& way) {
      return control::grouped_number(*group == '\0' ? way : member(way, group), name);
    };
    table.add_row({title_of_row, cell(*ways[0]), cell(*ways[1])});
  };
  for (const CounterInfo& counter : kWanCounters) {
    const std::string name(counter.name);
    add(name, "counters", name.c_str());
  }
  add("held", "", "held");
  for (const char* name : {"rx_dropped", "rx_ring_full", "tx_dropped"}) {
    add(fmt::format("[K]{}", name), "kernel", name);
  }
  const auto lateness = [](const Json& way, const char* name) {
    const Json& number = member(member(way, "lateness"), name);
    return number.is_number() ? fmt::format("{:.1f} us", number.get<double>()) : std::string("-");
  };
  for (const char* name : {"mean_us", "max_us"}) {
    table.add_row({fmt::format("late, {}",
                               std::string_view(name).substr(0, std::string_view(name).find('_'))),
                   lateness(*ways[0], name), lateness(*ways[1], name)});
  }
  return text + table.text();
}

std::string metrics_text(const EmulatorStatus& status) {
  control::Exposition out;
  const auto labels = [&](size_t way) {
    return fmt::format(R"(from="{}",to="{}")", control::escape_label(status.sides[way].device),
                       control::escape_label(status.sides[1 - way].device));
  };
  for (size_t i = 0; i < kWanCounters.size(); ++i) {
    out.family(fmt::format("starocean_wan_{}_total", kWanCounters[i].name), "counter",
               fmt::format("{} ({})", kWanCounters[i].help, kWanCounters[i].unit));
    for (size_t way = 0; way < kSides; ++way) {
      out.sample(fmt::format("{{{}}}", labels(way)), status.directions[way].counters[i]);
    }
  }
  out.family("starocean_wan_held_packets", "gauge", "packets waiting and under way");
  for (size_t way = 0; way < kSides; ++way) {
    out.sample(fmt::format("{{{}}}", labels(way)), status.directions[way].held_packets);
  }
  return out.take();
}

std::string status_line(const EmulatorStatus& status) {
  std::string line;
  for (size_t way = 0; way < kSides; ++way) {
    const DirectionStatus& direction = status.directions[way];
    fmt::format_to(std::back_inserter(line), "{}{} to {}: in {} out {} lost {} dropped {} held {}",
                   way == 0 ? "" : "; ", status.sides[way].device, status.sides[1 - way].device,
                   value(direction, WanCounter::rx_packets),
                   value(direction, WanCounter::tx_packets), lost(direction), dropped(direction),
                   direction.held_packets);
  }
  return line;
}

Status apply_change(LinkPair& links, std::string_view document) {
  const Json change = Json::parse(document, nullptr, false);
  const char* const what = "cannot read the change";
  const char* const remedy = R"(send {"a_to_b": {"delay": "50ms"}, "b_to_a": {"loss": "1%"}})";
  if (!change.is_object()) return fail(what, "it is not a JSON object", remedy);
  LinkPair changed = links;
  for (const auto& [way, words] : change.items()) {
    const auto* const known = std::find(kWays.begin(), kWays.end(), way);
    if (known == kWays.end()) {
      return fail(what, fmt::format("{} is not a direction", control::quote(way)), remedy);
    }
    if (!words.is_object()) {
      return fail(what, fmt::format("{} is not a JSON object", way), remedy);
    }
    LinkOptions& link = changed[static_cast<size_t>(known - kWays.begin())];
    for (const auto& [name, text] : words.items()) {
      if (!text.is_string()) {
        return fail(what, fmt::format("the value of {} is not a string", control::quote(name)),
                    remedy);
      }
      const Status set = set_word(link, name, text.get<std::string>());
      if (!set) return fail(set.error().in(way));
    }
  }
  for (size_t way = 0; way < kSides; ++way) {
    if (Status good = check(changed[way]); !good) return fail(good.error().in(kWays[way]));
  }
  links = changed;
  return {};
}

}  // namespace starocean::wan
