#include "starocean/bench/forward_delay.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "starocean/bench/forward_report.h"

namespace starocean::bench {
namespace {

constexpr double kWorthMentioning = 0.001;  // of the frames: what is lost has no delay
constexpr double kThousand = 1e3;           // frames per second, and ns per µs

const DutInfo* find(const std::vector<DutInfo>& duts, const std::string& name) {
  const auto found = std::ranges::find(duts, name, &DutInfo::name);
  return found == duts.end() ? nullptr : &*found;
}

size_t rates_of(const ScenarioResult& result) {
  size_t rates = 0;
  for (const Turn& turn : result.turns) rates = std::max(rates, turn.delay_at.size());
  return rates;
}

DelayPoint point_of(const ScenarioResult& result, const std::string& dut, size_t rate) {
  std::vector<double> offered, loss, p50, p99, polled;
  DelayPoint point;
  for (const Turn& turn : result.turns) {
    if (turn.dut != dut || turn.delay_at.size() <= rate) continue;
    const Trial& trial = turn.delay_at[rate];
    point.asked_pps = trial.asked_pps;
    offered.push_back(trial.offered_pps / trial.asked_pps);
    loss.push_back(trial.loss_ratio());
    p50.push_back(trial.sent_delay.p50_ns);
    p99.push_back(trial.sent_delay.p99_ns);
    polled.push_back(trial.at_in.frames_per_poll);
  }
  point.offered_share = spread_of(offered);
  point.loss_ratio = spread_of(loss);
  point.p50_ns = spread_of(p50);
  point.p99_ns = spread_of(p99);
  point.frames_per_poll = spread_of(polled);
  return point;
}

// p99 of a device at a rate by repetition.
std::map<uint32_t, double> p99_by_pair(const ScenarioResult& result, const std::string& dut,
                                       size_t rate) {
  std::map<uint32_t, double> found;
  for (const Turn& turn : result.turns) {
    if (turn.dut == dut && turn.delay_at.size() > rate) {
      found[turn.pair] = turn.delay_at[rate].sent_delay.p99_ns;
    }
  }
  return found;
}

Spread ratio_of(const ScenarioResult& result, const DelayRatio& pair, size_t rate) {
  const auto ours = p99_by_pair(result, pair.ours, rate);
  const auto peer = p99_by_pair(result, pair.peer, rate);
  std::vector<double> ratios;
  for (const auto& [number, p99_ns] : ours) {
    const auto other = peer.find(number);
    if (other != peer.end() && other->second > 0) ratios.push_back(p99_ns / other->second);
  }
  return spread_of(ratios);
}

std::string table(const std::vector<DelayCurve>& curves, const std::string& first_title) {
  std::string text = fmt::format("| {} |", first_title), rule = "|---|";
  for (const DelayPoint& point : curves.front().points) {
    text += fmt::format(" {:.0f}k |", point.asked_pps / kThousand);
    rule += "---:|";
  }
  return text + "\n" + rule + "\n";
}

template <class Cell>
std::string rows(const std::vector<DelayCurve>& curves, const Cell& cell) {
  std::string text;
  for (const DelayCurve& curve : curves) {
    text += fmt::format("| {} |", curve.dut);
    for (const DelayPoint& point : curve.points) text += fmt::format(" {} |", cell(point));
    text += "\n";
  }
  return text + "\n";
}

std::string delay_cell(const DelayPoint& point) {
  if (point.p50_ns.count == 0) return "–";
  const std::string loss = point.loss_ratio.median > kWorthMentioning
                               ? fmt::format(", {:.1f} % lost", 100 * point.loss_ratio.median)
                               : "";
  return fmt::format("{:.0f} / {:.0f} ({:.0f}–{:.0f}){}", point.p50_ns.median / kThousand,
                     point.p99_ns.median / kThousand, point.p99_ns.least / kThousand,
                     point.p99_ns.most / kThousand, loss);
}

std::string sender_cell(const DelayPoint& point) {
  if (point.p50_ns.count == 0) return "–";
  return fmt::format("{:.1f} %, {:.1f}", 100 * point.offered_share.median,
                     point.frames_per_poll.median);
}

std::string panel(const std::vector<DelayCurve>& curves, const char* title, int column) {
  std::string text = fmt::format("set title '{}'\nplot ", title);
  for (size_t i = 0; i < curves.size(); ++i) {
    text += fmt::format("{}$curve{} using 1:{}:{}:{} with yerrorlines title '{}' lw 2 pt 7 ps 0.6",
                        i == 0 ? "" : ", ", i, column, column + 1, column + 2, curves[i].dut);
  }
  return text + "\n";
}

}  // namespace

bool has_delay_curves(const ScenarioResult& result) {
  return rates_of(result) != 0;
}

std::vector<DelayCurve> delay_curves(const ScenarioResult& result) {
  std::vector<DelayCurve> curves;
  const size_t rates = rates_of(result);
  for (const Summary& summary : result.summaries) {
    DelayCurve curve{.dut = summary.dut, .points = {}};
    for (size_t rate = 0; rate < rates; ++rate) {
      curve.points.push_back(point_of(result, summary.dut, rate));
    }
    if (!curve.points.empty() && curve.points.front().p50_ns.count != 0) curves.push_back(curve);
  }
  return curves;
}

std::vector<DelayRatio> delay_ratios(const ScenarioResult& result,
                                     const std::vector<DutInfo>& duts) {
  std::vector<DelayRatio> ratios;
  const auto curves = delay_curves(result);
  for (const DelayCurve& ours : curves) {
    const DutInfo* const our_info = find(duts, ours.dut);
    if (our_info == nullptr || our_info->kind != DutKind::kOurs) continue;
    for (const DelayCurve& peer : curves) {
      const DutInfo* const info = find(duts, peer.dut);
      if (info == nullptr || info->kind != DutKind::kPeer || info->job != our_info->job) continue;
      DelayRatio pair{.ours = ours.dut, .peer = peer.dut, .p99 = {}};
      for (size_t rate = 0; rate < ours.points.size(); ++rate) {
        pair.p99.push_back(ratio_of(result, pair, rate));
      }
      ratios.push_back(pair);
    }
  }
  return ratios;
}

std::string delay_markdown(const ScenarioResult& result, const std::vector<DutInfo>& duts) {
  const auto curves = delay_curves(result);
  if (curves.empty()) return "";
  std::string text =
      "Delay in µs at the same load for all: p50 / p99 (smallest–largest p99 of the "
      "repetitions).\n\n" +
      table(curves, "device") + rows(curves, delay_cell);
  const auto ratios = delay_ratios(result, duts);
  if (!ratios.empty()) {
    text += "p99 by that of a peer, repetition by repetition: median (smallest–largest).\n\n" +
            table(curves, "ratio");
    for (const DelayRatio& pair : ratios) {
      text += fmt::format("| {} : {} |", pair.ours, pair.peer);
      for (const Spread& spread : pair.p99) text += fmt::format(" {} |", ratio_text(spread));
      text += "\n";
    }
    text += "\n";
  }
  return text +
         "What the generator's CPU, which also receives, still managed: the share of the load that "
         "it offered, and frames\nper poll of in0. Where more than two or three have come "
         "together, "
         "frames wait for that CPU, whatever the device.\n\n" +
         table(curves, "device") + rows(curves, sender_cell);
}

std::string delay_plot(const ScenarioResult& result) {
  const auto curves = delay_curves(result);
  if (curves.empty()) return "";
  std::string data;
  for (size_t i = 0; i < curves.size(); ++i) {
    data += fmt::format("$curve{} << END\n", i);
    for (const DelayPoint& point : curves[i].points) {
      if (point.p50_ns.count == 0) continue;
      data += fmt::format("{:.0f} {:.2f} {:.2f} {:.2f} {:.2f} {:.2f} {:.2f}\n",
                          point.asked_pps / kThousand, point.p50_ns.median / kThousand,
                          point.p50_ns.least / kThousand, point.p50_ns.most / kThousand,
                          point.p99_ns.median / kThousand, point.p99_ns.least / kThousand,
                          point.p99_ns.most / kThousand);
    }
    data += "END\n";
  }
  return data +
         "set grid\nset key top left\nset xlabel 'thousand frames a second'\nset ylabel 'µs'\n"
         "set yrange [0:*]\n" +
         panel(curves, "Delay, p50", 2) + "set logscale y\nset yrange [10:*]\n" +
         panel(curves, "Delay, p99", 5);
}

}  // namespace starocean::bench
