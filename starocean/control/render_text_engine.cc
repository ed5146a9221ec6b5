// The tables about the engine: queues, workers and memory.
#include <fmt/format.h>

#include "starocean/control/json_fields.h"
#include "starocean/control/render_text.h"

namespace starocean::control {
namespace {

std::string ratio_text(uint64_t part, uint64_t whole, double scale, const char* unit) {
  if (whole == 0) return "-";
  return fmt::format("{:.2f}{}", scale * static_cast<double>(part) / static_cast<double>(whole),
                     unit);
}

uint64_t kernel_losses(const Json& counters) {
  return number(counters, "kernel_rx_dropped") + number(counters, "kernel_rx_ring_full") +
         number(counters, "kernel_rx_invalid_descs") + number(counters, "kernel_tx_invalid_descs");
}

std::string joined(const Json& words) {
  std::string text;
  for (const Json& item : words) {
    if (!text.empty()) text += ' ';
    text += item.get<std::string>();
  }
  return text.empty() ? "-" : text;
}

std::string frames_text(const Json& frames) {
  const int64_t missing = signed_number(frames, "missing");
  std::string text = fmt::format(
      "frames: {} = depot {} + pools {} + receive {} + transmit {} + in flight {} + punting {}",
      grouped_number(frames, "total"), grouped_number(frames, "depot"),
      grouped_number(frames, "pools"), grouped_number(frames, "in_rx"),
      grouped_number(frames, "in_tx"), grouped_number(frames, "in_flight"),
      grouped_number(frames, "punting"));
  if (missing != 0) text += fmt::format(" + moving at this instant {}", grouped(missing));
  return text + '\n';
}

}  // namespace

namespace {

std::string classes_text(const Json& answer) {
  TextTable table({{"EGRESS"},
                   {"CLASS"},
                   {"SENT", Align::kRight},
                   {"BYTES", Align::kRight},
                   {"NO ROOM", Align::kRight},
                   {"CODEL", Align::kRight},
                   {"MARKED", Align::kRight},
                   {"WAITING", Align::kRight}});
  for (const Json& queue : member(answer, "queues")) {
    for (const Json& one : member(queue, "classes")) {
      table.add_row({word(queue, "interface"), word_or_dash(one, "name"),
                     grouped_number(one, "sent_packets"), grouped_number(one, "sent_bytes"),
                     grouped_number(one, "dropped_full"), grouped_number(one, "dropped_codel"),
                     grouped_number(one, "marked"), grouped_number(one, "backlog_packets")});
    }
  }
  return table.empty() ? "" : fmt::format("\n{}", table.text());
}

}  // namespace

std::string queues_text(const Json& answer) {
  TextTable table({{"QUEUE"},
                   {"WORKER", Align::kRight},
                   {"MODE"},
                   {"WAKE-UP"},
                   {"BUSY-POLL"},
                   {"RINGS RX/TX/FILL/COMPL"},
                   {"FRAMES IN RX", Align::kRight},
                   {"IN TX", Align::kRight},
                   {"RECEIVED", Align::kRight},
                   {"TRANSMITTED", Align::kRight},
                   {"TX KICKS", Align::kRight},
                   {"KERNEL LOSSES", Align::kRight}});
  for (const Json& queue : member(answer, "queues")) {
    const Json& rings = member(queue, "rings");
    const Json& counters = member(queue, "counters");
    table.add_row({fmt::format("{}:{}", word(queue, "interface"), number(queue, "queue")),
                   fmt::to_string(number(queue, "worker")), word_or_dash(queue, "mode"),
                   flag(queue, "need_wakeup") ? "on request" : "always",
                   flag(queue, "busy_poll") ? "yes" : "no",
                   fmt::format("{}/{}/{}/{}", number(rings, "rx"), number(rings, "tx"),
                               number(rings, "fill"), number(rings, "completion")),
                   grouped_number(queue, "in_rx"), grouped_number(queue, "in_tx"),
                   grouped_number(counters, "received"), grouped_number(counters, "transmitted"),
                   grouped_number(counters, "tx_kicks"), grouped(kernel_losses(counters))});
  }
  return table.empty() ? "No queues: no interface is attached.\n"
                       : table.text() + classes_text(answer);
}

std::string workers_text(const Json& answer) {
  TextTable table({{"WORKER", Align::kRight},
                   {"CPU", Align::kRight},
                   {"POLL"},
                   {"STATE"},
                   {"SENDS BY"},
                   {"POOL", Align::kRight},
                   {"IN FLIGHT", Align::kRight},
                   {"PACKETS", Align::kRight},
                   {"BUSY TURNS", Align::kRight},
                   {"PACKETS/TURN", Align::kRight},
                   {"CALLS/PACKET", Align::kRight},
                   {"SLEEPS", Align::kRight},
                   {"QUEUES"}});
  for (const Json& worker : member(answer, "workers")) {
    const Json& counters = member(worker, "counters");
    const int64_t cpu = signed_number(worker, "cpu");
    const uint64_t packets = number(counters, "packets");
    const uint64_t busy = number(counters, "busy_turns");
    table.add_row({fmt::to_string(number(worker, "id")), cpu < 0 ? "any" : fmt::to_string(cpu),
                   word(worker, "poll"), word(worker, "state"), word(worker, "sends_by"),
                   grouped_number(worker, "pool_frames"), grouped_number(worker, "in_flight"),
                   grouped(packets), ratio_text(busy, number(counters, "turns"), 100, " %"),
                   ratio_text(packets, busy, 1, ""),
                   ratio_text(number(counters, "system_calls"), packets, 1, ""),
                   grouped_number(counters, "sleeps"), joined(member(worker, "queues"))});
  }
  return table.text();
}

std::string memory_text(const Json& answer) {
  TextTable table({{"NAME"},
                   {"KIND"},
                   {"PERM"},
                   {"START"},
                   {"SIZE", Align::kRight},
                   {"PAGES", Align::kRight},
                   {"RESIDENT", Align::kRight},
                   {"LOCKED", Align::kRight},
                   {"BACKING"}});
  uint64_t resident = 0;
  uint64_t locked = 0;
  for (const Json& mapping : member(answer, "mappings")) {
    table.add_row({word(mapping, "name"), word(mapping, "kind"), word(mapping, "permissions"),
                   word(mapping, "start"), bytes_text(number(mapping, "size_bytes")),
                   bytes_text(number(mapping, "page_size_bytes")),
                   bytes_text(number(mapping, "resident_bytes")),
                   bytes_text(number(mapping, "locked_bytes")), word(mapping, "backing")});
    resident += number(mapping, "resident_bytes");
    locked += number(mapping, "locked_bytes");
  }
  const std::string note = word(answer, "note");
  return fmt::format(
      "huge pages: {}{}\n{}resident {}, of this locked {}\n\n{}", word_or_dash(answer, "hugepages"),
      note.empty() ? "" : fmt::format(" ({})", note), frames_text(member(answer, "frames")),
      bytes_text(resident), bytes_text(locked), table.text());
}

}  // namespace starocean::control
