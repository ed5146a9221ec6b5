#include "starocean/bench/gen_report.h"

#include <cmath>

#include <fmt/format.h>

#include "starocean/base/clock.h"
#include "starocean/control/text_table.h"

namespace starocean::bench {
namespace {

using control::Align;
using control::grouped;
using control::TextTable;

struct Quantile {
  const char* name;
  double share;
};
constexpr Quantile kQuantiles[] = {
    {"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p999", 0.999}, {"max", 1}};

std::string text_of(const IpAddress& address) {
  return std::visit([](const auto& value) { return value.to_string(); }, address);
}

template <class T, class Text>
Json range_json(const Range<T>& range, Text text) {
  return {{"first", text(range.first)}, {"count", range.count}};
}
Json range_json(const Range<net::MacAddress>& range) {
  return range_json(range, [](const net::MacAddress& mac) { return mac.to_string(); });
}
Json range_json(const Range<IpAddress>& range) {
  return range_json(range, text_of);
}
Json range_json(const Range<uint16_t>& range) {
  return range_json(range, [](uint16_t value) { return value; });
}

double seconds(uint64_t first_ns, uint64_t last_ns) {
  return last_ns <= first_ns ? 0 : seconds_of(last_ns - first_ns);
}

std::string rate_text(double per_second) {
  return fmt::format("{} pps", grouped(static_cast<uint64_t>(std::llround(per_second))));
}

std::string percent_text(uint64_t part, uint64_t whole) {
  if (whole == 0) return "-";
  return fmt::format("{:.4g} %", 100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

void add_delay_row(TextTable& table, const char* name, const DelayHistogram& delay) {
  if (delay.count() == 0) return;
  std::vector<std::string> cells = {name, delay_text(delay.min_ns()), delay_text(delay.mean_ns())};
  for (const Quantile& quantile : kQuantiles) {
    cells.push_back(delay_text(delay.quantile_ns(quantile.share)));
  }
  table.add_row(std::move(cells));
}

}  // namespace

std::string delay_text(double delay_ns) {
  if (delay_ns < 1e3) return fmt::format("{:.0f} ns", delay_ns);
  if (delay_ns < 1e6) return fmt::format("{:.2f} µs", delay_ns / 1e3);
  if (delay_ns < 1e9) return fmt::format("{:.2f} ms", delay_ns / 1e6);
  return fmt::format("{:.2f} s", delay_ns / 1e9);
}

Json to_json(const TrafficSpec& traffic) {
  Json json = {{"frame_bytes", traffic.frame_bytes},
               {"flows", traffic.flows},
               {"order", traffic.random_order ? "random" : "turn"},
               {"source", range_json(traffic.source)},
               {"destination", range_json(traffic.destination)},
               {"source_mac", range_json(traffic.source_mac)},
               {"destination_mac", range_json(traffic.destination_mac)},
               {"source_port", range_json(traffic.source_port)},
               {"destination_port", range_json(traffic.destination_port)}};
  json["vlan"] = traffic.vlan ? range_json(*traffic.vlan) : Json();
  return json;
}

Json to_json(const Load& load) {
  Json json;
  json["frames_per_second"] =
      load.frames_per_second > 0 ? Json(load.frames_per_second) : Json("flood");
  json["count"] = load.count != 0 ? Json(load.count) : Json();
  json["duration_ns"] = load.duration_ns != 0 ? Json(load.duration_ns) : Json();
  json["stream"] = load.stream;
  return json;
}

Json to_json(const Capture& capture) {
  const std::string& ends = capture.ends_early();
  return {{"frames", capture.frames()},
          {"mean_bytes", capture.mean_bytes()},
          {"seconds", seconds(0, capture.offset_ns(capture.frames() - 1))},
          {"left_out",
           {{"cut_off", capture.cut_off()},
            {"too_long", capture.too_long()},
            {"too_short", capture.too_short()}}},
          {"backwards", capture.backwards()},
          {"ends_early", ends.empty() ? Json() : Json(ends)}};
}

Json to_json(const EngineInfo& info) {
  if (!info.af_xdp) return {};
  Json json = {{"mode", info.zero_copy ? "zero-copy" : "copy"},
               {"multi_buffer", info.multi_buffer},
               {"queue", info.queue}};
  if (!info.note.empty()) json["note"] = info.note;
  return json;
}

Json to_json(const SendReport& report, const Load& load) {
  return {{"generated", report.generated},
          {"generated_bytes", report.generated_bytes},
          {"sent", report.sent},
          {"dropped_by_egress", report.dropped},
          {"seconds", seconds(report.first_ns, report.last_ns)},
          {"generated_per_second", report.generated_per_second()},
          {"sent_per_second", report.sent_per_second()},
          {"rate_reached", report.reached(load)},
          {"max_late_ns", report.max_late_ns},
          {"pauses", report.pauses},
          {"paused_ns", report.paused_ns}};
}

Json to_json(const DelayHistogram& delay) {
  const bool known = delay.count() != 0;
  Json json = {{"count", delay.count()}};
  json["min"] = known ? Json(delay.min_ns()) : Json();
  json["mean"] = known ? Json(delay.mean_ns()) : Json();
  for (const Quantile& quantile : kQuantiles) {
    json[quantile.name] = known ? Json(delay.quantile_ns(quantile.share)) : Json();
  }
  return json;
}

Json to_json(const FlowReport& flow) {
  return {{"flow", flow.flow},
          {"received", flow.received},
          {"lost", flow.lost},
          {"duplicates", flow.duplicates},
          {"reordered", flow.reordered},
          {"corrupted", flow.corrupted},
          {"beyond_window", flow.beyond_window},
          {"delay_ns",
           {{"min", flow.min_delay_ns}, {"mean", flow.mean_delay_ns}, {"max", flow.max_delay_ns}}}};
}

Json to_json(const ReceiveReport& report, uint64_t sent) {
  return {{"received", report.received},
          {"received_bytes", report.received_bytes},
          {"distinct", report.distinct()},
          {"lost", sent != 0 ? report.lost(sent) : report.lost()},
          {"lost_of", sent != 0 ? Json(sent) : Json(report.span)},
          {"lost_counts", sent != 0 ? "frames sent" : "up to the highest sequence numbers"},
          {"duplicates", report.duplicates},
          {"reordered", report.reordered},
          {"corrupted", report.corrupted},
          {"unattributed", report.unattributed},
          {"beyond_window", report.beyond_window},
          {"other_stream", report.other_stream},
          {"unknown_flow", report.unknown_flow},
          {"foreign", report.foreign},
          {"contended", report.contended},
          {"seconds", seconds(report.first_ns, report.last_ns)},
          {"received_per_second", report.received_per_second()},
          {"delay_ns",
           {{"from_scheduled", to_json(report.scheduled_delay)},
            {"from_sent", to_json(report.sent_delay)}}}};
}

std::string to_text(const SendReport& report, const Load& load) {
  std::string text = fmt::format(
      "generated   {}  in {:.3f} s: {}\n"
      "on the wire {}  ({} not taken by the device)\n",
      grouped(report.generated), seconds(report.first_ns, report.last_ns),
      rate_text(report.generated_per_second()), grouped(report.sent), grouped(report.dropped));
  if (load.frames_per_second > 0) {
    text += fmt::format("asked for   {}; sent at most {} after it was due\n",
                        rate_text(load.frames_per_second),
                        delay_text(static_cast<double>(report.max_late_ns)));
  }
  if (report.pauses != 0) {
    text += fmt::format("pauses      {}, {} in all, left out of the rate\n", report.pauses,
                        delay_text(static_cast<double>(report.paused_ns)));
  }
  return text;
}

std::string to_text(const Capture& capture) {
  std::string text = fmt::format("capture     {} frames over {:.3f} s\n", grouped(capture.frames()),
                                 seconds(0, capture.offset_ns(capture.frames() - 1)));
  const std::pair<const char*, uint64_t> oddities[] = {
      {"left out, of which the capture has only the beginning", capture.cut_off()},
      {"left out, longer than the device takes", capture.too_long()},
      {"left out, shorter than an Ethernet header", capture.too_short()},
      {"recorded before the one ahead of them", capture.backwards()}};
  for (const auto& [name, count] : oddities) {
    if (count != 0) text += fmt::format("            {} {}\n", grouped(count), name);
  }
  if (!capture.ends_early().empty()) {
    text += fmt::format("            the file ends early: {}\n", capture.ends_early());
  }
  return text;
}

std::string to_text(const ReceiveReport& report, uint64_t sent) {
  const uint64_t lost = sent != 0 ? report.lost(sent) : report.lost();
  const uint64_t of = sent != 0 ? sent : report.span;
  std::string text = fmt::format("received   {}  in {:.3f} s: {}\n", grouped(report.received),
                                 seconds(report.first_ns, report.last_ns),
                                 rate_text(report.received_per_second()));
  text += fmt::format("lost       {}  {} of {} {}\n", grouped(lost), percent_text(lost, of),
                      grouped(of), sent != 0 ? "sent" : "up to the highest sequence numbers");
  const std::pair<const char*, uint64_t> counts[] = {{"duplicates", report.duplicates},
                                                     {"reordered", report.reordered},
                                                     {"corrupted", report.corrupted}};
  for (const auto& [name, count] : counts) {
    text +=
        fmt::format("{:<10} {}  {}\n", name, grouped(count), percent_text(count, report.received));
  }
  const std::pair<const char*, uint64_t> oddities[] = {
      {"older than the window", report.beyond_window},
      {"of another stream", report.other_stream},
      {"of an unknown flow", report.unknown_flow},
      {"given to Linux", report.foreign},
      {"not counted for contention", report.contended}};
  for (const auto& [name, count] : oddities) {
    if (count != 0) text += fmt::format("{}: {}\n", name, grouped(count));
  }
  TextTable table({{"DELAY"},
                   {"MIN", Align::kRight},
                   {"MEAN", Align::kRight},
                   {"P50", Align::kRight},
                   {"P90", Align::kRight},
                   {"P99", Align::kRight},
                   {"P99.9", Align::kRight},
                   {"MAX", Align::kRight}});
  add_delay_row(table, "since due", report.scheduled_delay);
  add_delay_row(table, "since sent", report.sent_delay);
  return table.empty() ? text : text + "\n" + table.text();
}

std::string to_text(const std::vector<FlowReport>& flows) {
  TextTable table({{"FLOW", Align::kRight},
                   {"RECEIVED", Align::kRight},
                   {"LOST", Align::kRight},
                   {"DUPLICATES", Align::kRight},
                   {"REORDERED", Align::kRight},
                   {"CORRUPTED", Align::kRight},
                   {"MIN", Align::kRight},
                   {"MEAN", Align::kRight},
                   {"MAX", Align::kRight}});
  for (const FlowReport& flow : flows) {
    table.add_row({fmt::format("{}", flow.flow), grouped(flow.received), grouped(flow.lost),
                   grouped(flow.duplicates), grouped(flow.reordered), grouped(flow.corrupted),
                   delay_text(static_cast<double>(flow.min_delay_ns)),
                   delay_text(flow.mean_delay_ns),
                   delay_text(static_cast<double>(flow.max_delay_ns))});
  }
  return table.text();
}

}  // namespace starocean::bench
