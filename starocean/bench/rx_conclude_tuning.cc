// Advice on tuning, from the cases that differ from a rung in one setting.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "starocean/bench/rx_comparison.h"

namespace starocean::bench {
namespace {

using Said = std::vector<std::string>;
constexpr auto kHandled = RxMetric::kFloodHandled;

// "Topic: part; part." if there is any part.
void add(Said& said, std::string_view topic, const Said& parts) {
  if (!parts.empty()) said.push_back(fmt::format("{}: {}.", topic, fmt::join(parts, "; ")));
}

void add_priorities(Said& said, const RxPathSummary& summary) {
  Said parts;
  for (const auto& [tuned, base, title] :
       {std::tuple{"af-xdp/fair", "af-xdp", "AF_XDP"},
        std::tuple{"udp-socket/fair", "udp-socket", "a UDP socket"}}) {
    const Comparison handled(summary, tuned, base, kHandled);
    if (!handled) continue;
    parts.push_back(fmt::format(
        "{} handled {} as much in a flood, and {:.0f} % of what the wire took was lost: {}", title,
        handled.times(), summary.find(tuned)->flood->lost_percent,
        handled.verdict(
            "leave the shares fair",
            "where both must live on one core, thread NAPI and give the program the higher "
            "priority (chrt -f)")));
  }
  add(said,
      "Sharing a core, fairly between NAPI and program, as Linux has it, instead of the program "
      "first",
      parts);
}

void add_pinning(Said& said, const RxPathSummary& summary) {
  Said parts;
  if (const Comparison xdp(summary, "xdp-native/unpinned", "xdp-native", kHandled); xdp) {
    parts.push_back(fmt::format(
        "with receive processing where Linux puts it, XDP handled {} what it did pinned to a core "
        "of its own: {}",
        xdp.times(),
        xdp.verdict("pinning costs throughput here, so measure on your own wire before you pin",
                    "pin the interrupts or threaded NAPI, and switch irqbalance off")));
  }
  if (const Comparison udp(summary, "udp-socket/unpinned", "udp-socket", kHandled); udp) {
    parts.push_back(fmt::format(
        "a UDP socket, whose program then had its core to itself, handled {} as much: {}",
        udp.times(),
        udp.verdict("give interrupts and program different cores",
                    "keep interrupts and program on one core, where the data is in the cache")));
  }
  add(said, "IRQ pinning", parts);
}

void add_sizes(Said& said, const RxPathSummary& summary) {
  Said parts;
  for (const auto& [tuned, base, small, grow] :
       {std::tuple{"af-xdp/ring-256", "af-xdp", "AF_XDP rings of 256 descriptors, instead of 2048,",
                   "take rings of 2048"},
        std::tuple{"udp-socket/default-buffer", "udp-socket",
                   "the default socket buffer, instead of 8 MiB,",
                   "raise net.core.rmem_max and SO_RCVBUF"}}) {
    const Comparison handled(summary, tuned, base, kHandled);
    if (!handled) continue;
    parts.push_back(fmt::format("with {} {} the packets were handled in a flood: {}", small,
                                handled.times(),
                                handled.verdict("the smaller one is better here", grow)));
  }
  add(said, "Ring and buffer sizes", parts);
}

void add_coalescing(Said& said, const RxPathSummary& summary, double rate_pps) {
  Said parts;
  for (const auto& [tuned, base, title] :
       {std::tuple{"af-xdp/coalesced", "af-xdp", "an AF_XDP program"},
        std::tuple{"udp-socket/coalesced", "udp-socket", "a UDP program"}}) {
    const Comparison cpu(summary, tuned, base, RxMetric::kRateCpu);
    if (!cpu) continue;
    parts.push_back(
        fmt::format("{} and its NAPI needed {} the CPU time at "
                    "{:g} kpps: {}",
                    title, cpu.times(), rate_pps / 1000,
                    cpu.verdict("leave it off", "worth it where 100 us more delay are bearable")));
  }
  add(said, "Coalescing, with interrupts deferred by 100 us", parts);
}

void add_busy_poll(Said& said, const RxPathSummary& summary, double rate_pps) {
  Said parts;
  for (const auto& [tuned, base, title] :
       {std::tuple{"af-xdp/busy-poll", "af-xdp", "AF_XDP"},
        std::tuple{"udp-socket/busy-poll", "udp-socket", "a UDP socket"}}) {
    const Comparison flood(summary, tuned, base, kHandled);
    if (!flood) continue;
    std::string text = fmt::format("with SO_PREFER_BUSY_POLL {} handled {} as much in a flood",
                                   title, flood.times());
    const RxCaseSummary* const busy = summary.find(tuned);
    const RxCaseSummary* const usual = summary.find(base);
    if (busy->at_rate && usual->at_rate) {
      text += fmt::format(", and kept the core {:.0f} % busy at {:g} kpps, instead of {:.0f} %",
                          busy->at_rate->own_percent, rate_pps / 1000, usual->at_rate->own_percent);
    }
    parts.push_back(
        fmt::format("{}: {}", text,
                    flood.verdict("use it where a core can be given away for throughput",
                                  "it does not pay here")));
  }
  add(said, "Busy-poll", parts);
}

}  // namespace

void add_tuning_conclusions(Said& said, const RxPathSummary& summary, double rate_pps) {
  add_priorities(said, summary);
  add_pinning(said, summary);
  add_sizes(said, summary);
  add_coalescing(said, summary, rate_pps);
  add_busy_poll(said, summary, rate_pps);
}

}  // namespace starocean::bench
