// What follows from the figures of the ladder, in sentences. Each says what was measured and what to do; a
// difference that the repetitions do not agree on is called none.
#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "starocean/bench/rx_comparison.h"
#include "starocean/bench/rx_report.h"

namespace starocean::bench {
namespace {

constexpr double kDisturbedPercent = 3;
constexpr double kReached = 0.98;

struct Step {
  std::string_view from, to, what;
};
constexpr std::array kSteps = {
    Step{"xdp-native", "tc-ingress", "making an sk_buff, GRO, and the way to tc ingress"},
    Step{"tc-ingress", "prerouting", "IPv4's checks and the hook at PREROUTING"},
    Step{"prerouting", "local-in", "the route look-up and local delivery"},
    Step{"local-in", "no-handler", "UDP's search for a socket that is not there"},
    Step{"no-handler", "udp-socket", "queueing, waking the program and copying to it"},
};

// "…, 120 ns more", if the repetitions agree that it is more, or less.
std::string step_text(const Step& step, const Spread& more) {
  if (more.count < 3) {
    return fmt::format("{}, perhaps {:.0f} ns more (too few repetitions to tell)", step.what,
                       more.median);
  }
  if (more.least > 0 || more.most < 0) {
    return fmt::format("{}, {:.0f} ns {}", step.what, std::abs(more.median),
                       more.median > 0 ? "more" : "less");
  }
  return fmt::format("{}, no clear difference ({:.0f} … {:.0f} ns)", step.what, more.least,
                     more.most);
}

void add_costs(std::vector<std::string>& said, const RxPathSummary& summary) {
  std::vector<std::string> parts;
  const RxCaseSummary* const xdp = summary.find("xdp-native");
  if (xdp != nullptr && xdp->flood && xdp->flood->ns_per_packet.count != 0) {
    parts.push_back(fmt::format("to receive a packet and drop it in the driver, {:.0f} ns",
                                xdp->flood->ns_per_packet.median));
  }
  for (const Step& step : kSteps) {
    const RxCaseSummary* const from = summary.find(step.from);
    const RxCaseSummary* const to = summary.find(step.to);
    if (from == nullptr || to == nullptr) continue;
    const Spread more = extra_cost(*to, *from);
    if (more.count != 0) parts.push_back(step_text(step, more));
  }
  if (parts.empty()) return;
  said.push_back(fmt::format("What the places cost, in time of the receive core: {}.",
                             fmt::join(parts, "; ")));
}

const RxCaseSummary* best_behind_xdp(const RxPathSummary& summary) {
  const RxCaseSummary* best = nullptr;
  for (const char* name : {"xdp-generic", "tc-ingress", "netdev-ingress"}) {
    const RxCaseSummary* const one = summary.find(name);
    if (one == nullptr || !one->flood) continue;
    const auto median = [](const RxCaseSummary& of) { return of.flood->handled_mpps.median; };
    if (best == nullptr || median(*one) > median(*best)) best = one;
  }
  return best;
}

void add_places_to_drop(std::vector<std::string>& said, const RxPathSummary& summary) {
  constexpr auto kHandled = RxMetric::kFloodHandled;
  std::vector<std::string> parts;
  if (const Comparison early(summary, "xdp-native", "prerouting", kHandled); early) {
    const Comparison late(summary, "xdp-native", "local-in", kHandled);
    parts.push_back(fmt::format(
        "native XDP ended {} as many packets as a rule in PREROUTING{}: {}", early.times(),
        late ? fmt::format(", {} as many as one in LOCAL_IN", late.times()) : "",
        early.verdict("where the driver has it, it is the place",
                      "it is not worth its trouble here")));
  }
  const RxCaseSummary* const best = best_behind_xdp(summary);
  if (best != nullptr) {
    if (const Comparison against(summary, best->what().name, "prerouting", kHandled); against) {
      parts.push_back(
          fmt::format("of the hooks between the two, {} ended most, {} what PREROUTING did: {}",
                      best->what().title, against.times(),
                      against.verdict("the place without native XDP",
                                      "PREROUTING is the place without native XDP")));
    }
  }
  if (const Comparison raw(summary, "prerouting", "local-in", kHandled); raw) {
    parts.push_back(fmt::format(
        "a rule in PREROUTING ended {} as many as one in INPUT: {}", raw.times(),
        raw.verdict("put drop rules there, with priority raw", "put drop rules into INPUT")));
  }
  if (!parts.empty()) said.push_back(fmt::format("Where to drop: {}.", fmt::join(parts, "; ")));
}

void add_user_space(std::vector<std::string>& said, const RxPathSummary& summary) {
  std::vector<std::string> parts;
  for (const auto& [name, title] : {std::pair{"af-packet-mmap", "AF_PACKET with a TPACKET_V3 ring"},
                                    std::pair{"af-packet", "AF_PACKET with recvfrom"},
                                    std::pair{"udp-socket", "a UDP socket with recvmmsg"}}) {
    if (const Comparison against(summary, "af-xdp", name, RxMetric::kFloodHandled); against) {
      parts.push_back(fmt::format("{} what {} took", against.times(), title));
    }
  }
  if (parts.empty()) return;
  said.push_back(
      fmt::format("Where a program wants the packets themselves: with the driver's work on the "
                  "same core, AF_XDP (copy mode, as veth "
                  "has no other) took {}.",
                  fmt::join(parts, ", ")));
}

void add_order(std::vector<std::string>& said, const RxPathSummary& summary) {
  const RxOrder order = rx_order(summary);
  if (!order.faults.empty()) {
    said.push_back(
        fmt::format("The order is not the source's: {}.", fmt::join(order.faults, "; ")));
  } else if (!order.compared.empty()) {
    said.push_back(fmt::format("The order is the source's: {}.", fmt::join(order.compared, "; ")));
  }
}

// The smallest share of the rate that was asked for, over all rungs.
double reached_share(const RxPathSummary& summary, double rate_pps) {
  double share = 1;
  for (const RxCaseSummary& rung : summary.rungs) {
    if (rung.at_rate) share = std::min(share, rung.at_rate->generated_mpps.median * 1e6 / rate_pps);
  }
  return share;
}

void add_caveats(std::vector<std::string>& said, const RxPathSummary& summary, double rate_pps) {
  std::vector<std::string_view> below_limit;
  double worst = 0, stolen = 0;
  for (const RxCaseSummary& rung : summary.rungs) {
    if (!rung.flood) continue;
    if (rung.is_bound()) below_limit.push_back(rung.what().title);
    worst = std::max(worst, rung.flood->worst_others_percent);
    stolen = std::max(stolen, rung.flood->stolen_percent);
  }
  if (!below_limit.empty()) {
    said.push_back(fmt::format(
        "These took all that one core can generate, or left time of their own core unused, so that "
        "the limit lies higher than the figure (≥); see ns per packet: {}.",
        fmt::join(below_limit, "; ")));
  }
  if (const double reached = reached_share(summary, rate_pps); reached < kReached) {
    said.push_back(fmt::format(
        "The generator did not reach the {:g} kpps asked for everywhere: {:.0f} % of it at worst.",
        rate_pps / 1000, 100 * reached));
  }
  if (worst > kDisturbedPercent || stolen > kDisturbedPercent) {
    said.push_back(
        fmt::format("This run was disturbed: other programs had up to {:.0f} % of the receive "
                    "core, and the hypervisor {:.0f} %. "
                    "Do not quote its absolute figures; run it again on a quiet machine.",
                    worst, stolen));
  }
}

// A lower bound cannot be held against a limit: then what a packet costs decides.
bool cost_decides(const RxCaseSummary& a, const RxCaseSummary& b) {
  return (a.is_bound() || b.is_bound()) && a.flood->ns_per_packet.count != 0 &&
         b.flood->ns_per_packet.count != 0;
}

bool stands_above(const RxCaseSummary& upper, const RxCaseSummary& lower) {
  if (cost_decides(upper, lower)) {
    return upper.flood->ns_per_packet.median < lower.flood->ns_per_packet.median;
  }
  return upper.flood->handled_mpps.median > lower.flood->handled_mpps.median;
}

std::string figure(const RxCaseSummary& of, bool cost) {
  return cost ? fmt::format("{:.0f} ns a packet", of.flood->ns_per_packet.median)
              : fmt::format("{:.2f} Mpps", of.flood->handled_mpps.median);
}

}  // namespace

Comparison::Comparison(const RxPathSummary& summary, std::string_view a, std::string_view b,
                       RxMetric metric) {
  const RxCaseSummary* const left = summary.find(a);
  const RxCaseSummary* const right = summary.find(b);
  if (left == nullptr || right == nullptr) return;
  ratio_ = ratio_of(*left, *right, metric);
  if (metric != RxMetric::kFloodHandled || left->is_bound() == right->is_bound()) return;
  bound_ = left->is_bound() ? "at least " : "at most ";
}

std::string Comparison::times() const {
  return fmt::format("{}{:.2f} times ({:.2f} … {:.2f})", bound_, ratio_.median, ratio_.least,
                     ratio_.most);
}

std::string Comparison::verdict(std::string_view if_above, std::string_view if_below) const {
  if (!enough()) return "too few repetitions to tell";
  if (above()) return std::string(if_above);
  return below() ? std::string(if_below) : "no clear difference";
}

RxOrder rx_order(const RxPathSummary& summary) {
  constexpr std::array kOrder = {
      std::pair{"xdp-native", "prerouting"},
      std::pair{"prerouting", "local-in"},
      std::pair{"af-xdp", "af-packet-mmap"},
      std::pair{"af-xdp", "af-packet"},
  };
  RxOrder order;
  for (const auto& [above, below] : kOrder) {
    const RxCaseSummary* const upper = summary.find(above);
    const RxCaseSummary* const lower = summary.find(below);
    if (upper == nullptr || lower == nullptr || !upper->flood || !lower->flood) continue;
    if (stands_above(*upper, *lower)) {
      order.compared.push_back(
          fmt::format("{} above {}", upper->what().title, lower->what().title));
    } else {
      const bool cost = cost_decides(*upper, *lower);
      order.faults.push_back(fmt::format("{} ({}) is not above {} ({})", upper->what().title,
                                         figure(*upper, cost), lower->what().title,
                                         figure(*lower, cost)));
    }
  }
  return order;
}

std::vector<std::string> rx_conclusions(const RxPathSummary& summary,
                                        const RxPathOptions& options) {
  std::vector<std::string> said;
  add_order(said, summary);
  add_costs(said, summary);
  add_places_to_drop(said, summary);
  add_user_space(said, summary);
  add_tuning_conclusions(said, summary, options.rate_pps);
  add_caveats(said, summary, options.rate_pps);
  return said;
}

}  // namespace starocean::bench
