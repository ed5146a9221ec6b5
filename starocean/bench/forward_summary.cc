#include <algorithm>
#include <map>

#include "starocean/bench/forward_bench.h"

namespace starocean::bench {
namespace {

double flood_of(const Turn& turn) {
  return turn.flood ? turn.flood->received_pps : 0;
}
double pdr_of(const Turn& turn) {
  return turn.pdr ? turn.pdr->search.pps : 0;
}

// Values by repetition.
using ByPair = std::map<uint32_t, double>;

struct References {
  ByPair peer_flood, peer_pdr, ours_flood, ours_pdr;
  ByPair peer_p99_ns;  // the smallest
};

double peer_half_p99_of(const Turn& turn) {
  return turn.delay_peer_half ? turn.delay_peer_half->sent_delay.p99_ns : 0;
}

void raise(ByPair& values, uint32_t pair, double value) {
  if (value > 0) values[pair] = std::max(values[pair], value);
}

void lower(ByPair& values, uint32_t pair, double value) {
  if (value <= 0) return;
  const auto [at, is_new] = values.emplace(pair, value);
  if (!is_new) at->second = std::min(at->second, value);
}

bool is_peer(const std::vector<DutInfo>& duts, const std::string& name, DutJob job) {
  return std::any_of(duts.begin(), duts.end(), [&](const DutInfo& dut) {
    return dut.name == name && dut.kind == DutKind::kPeer && dut.job == job;
  });
}

// Among those that do `job`: the best peer of each repetition, and the first of ours.
References references_of(const ScenarioResult& result, const std::vector<DutInfo>& duts,
                         DutJob job) {
  References found;
  std::string ours;
  for (const DutInfo& dut : duts) {
    if (ours.empty() && dut.kind == DutKind::kOurs && dut.job == job) ours = dut.name;
  }
  for (const Turn& turn : result.turns) {
    if (is_peer(duts, turn.dut, job)) {
      raise(found.peer_flood, turn.pair, flood_of(turn));
      raise(found.peer_pdr, turn.pair, pdr_of(turn));
      lower(found.peer_p99_ns, turn.pair, peer_half_p99_of(turn));
    }
    if (turn.dut == ours) {
      raise(found.ours_flood, turn.pair, flood_of(turn));
      raise(found.ours_pdr, turn.pair, pdr_of(turn));
    }
  }
  return found;
}

struct Samples {
  std::vector<double> values;
  void add(double value) {
    if (value > 0) values.push_back(value);
  }
  void add_ratio(double value, const ByPair& references, uint32_t pair) {
    const auto reference = references.find(pair);
    if (reference != references.end()) values.push_back(value / reference->second);
  }
  Spread spread() const { return spread_of(values); }
};

// Seconds of the forwarder's CPU per million frames that came out.
double cpu_cost(const Trial& trial) {
  if (trial.received == 0) return 0;
  constexpr double kNs = 1e9, kMillion = 1e6;
  return static_cast<double>(trial.cpu.forwarder_cpu.busy_ns()) / kNs /
         (static_cast<double>(trial.received) / kMillion);
}

// What became of a device in the first scenario.
void compare_with(const ScenarioResult& first, const ScenarioResult& result, Summary& summary) {
  if (&first == &result) return;
  ByPair flood, pdr;
  for (const Turn& turn : first.turns) {
    if (turn.dut != summary.dut) continue;
    raise(flood, turn.pair, flood_of(turn));
    raise(pdr, turn.pair, pdr_of(turn));
  }
  Samples flood_ratios, pdr_ratios;
  for (const Turn& turn : result.turns) {
    if (turn.dut != summary.dut) continue;
    if (turn.flood) flood_ratios.add_ratio(flood_of(turn), flood, turn.pair);
    if (turn.pdr) pdr_ratios.add_ratio(pdr_of(turn), pdr, turn.pair);
  }
  summary.flood_to_first = flood_ratios.spread();
  summary.pdr_to_first = pdr_ratios.spread();
}

Summary summary_of(const ScenarioResult& result, const DutInfo& dut, const References& references) {
  Summary summary;
  summary.dut = dut.name;
  Samples flood, pdr, ndr, collapse, pdr_peer, flood_peer, pdr_ours, flood_ours;
  Samples half_p50, half_p99, peer_p50, peer_p99, peer_p99_ratio, common_p50, common_p99, cpu,
      calls;
  for (const Turn& turn : result.turns) {
    if (turn.dut != dut.name) continue;
    flood.add(flood_of(turn));
    if (turn.pdr) pdr.values.push_back(pdr_of(turn));  // 0 is a result
    if (turn.ndr) ndr.values.push_back(turn.ndr->search.pps);
    if (flood_of(turn) > 0 && pdr_of(turn) > 0) collapse.add(flood_of(turn) / pdr_of(turn));
    if (turn.pdr) pdr_peer.add_ratio(pdr_of(turn), references.peer_pdr, turn.pair);
    if (turn.flood) flood_peer.add_ratio(flood_of(turn), references.peer_flood, turn.pair);
    if (turn.pdr) pdr_ours.add_ratio(pdr_of(turn), references.ours_pdr, turn.pair);
    if (turn.flood) flood_ours.add_ratio(flood_of(turn), references.ours_flood, turn.pair);
    if (turn.delay_half) {
      half_p50.add(turn.delay_half->sent_delay.p50_ns);
      half_p99.add(turn.delay_half->sent_delay.p99_ns);
    }
    if (turn.delay_peer_half) {
      peer_p50.add(turn.delay_peer_half->sent_delay.p50_ns);
      peer_p99.add(peer_half_p99_of(turn));
      peer_p99_ratio.add_ratio(peer_half_p99_of(turn), references.peer_p99_ns, turn.pair);
    }
    if (turn.delay_common) {
      common_p50.add(turn.delay_common->sent_delay.p50_ns);
      common_p99.add(turn.delay_common->sent_delay.p99_ns);
    }
    if (turn.flood) {
      cpu.add(cpu_cost(*turn.flood));
      if (turn.flood->system_calls_per_packet) {
        calls.values.push_back(*turn.flood->system_calls_per_packet);
      }
    }
    summary.frames_verified += turn.frames_verified;
    summary.corrupted += turn.corrupted;
    summary.duplicates += turn.duplicates;
    summary.reordered += turn.reordered;
  }
  summary.flood = flood.spread();
  summary.pdr = pdr.spread();
  summary.ndr = ndr.spread();
  summary.collapse = collapse.spread();
  summary.pdr_to_peer = pdr_peer.spread();
  summary.flood_to_peer = flood_peer.spread();
  summary.pdr_to_ours = pdr_ours.spread();
  summary.flood_to_ours = flood_ours.spread();
  summary.delay_half_p50_ns = half_p50.spread();
  summary.delay_half_p99_ns = half_p99.spread();
  summary.delay_peer_half_p50_ns = peer_p50.spread();
  summary.delay_peer_half_p99_ns = peer_p99.spread();
  summary.delay_peer_half_p99_to_peer = peer_p99_ratio.spread();
  summary.delay_common_p50_ns = common_p50.spread();
  summary.delay_common_p99_ns = common_p99.spread();
  summary.cpu_s_per_million = cpu.spread();
  summary.system_calls_per_packet = calls.spread();
  return summary;
}

}  // namespace

double best_peer_pdr(const ScenarioResult& result, const std::vector<DutInfo>& duts, DutJob job,
                     uint32_t pair) {
  const ByPair found = references_of(result, duts, job).peer_pdr;
  const auto best = found.find(pair);
  return best == found.end() ? 0 : best->second;
}

void summarize(ScenarioResult& result, const std::vector<DutInfo>& duts,
               const ScenarioResult& first) {
  result.summaries.clear();
  for (const DutInfo& dut : duts) {
    Summary summary = summary_of(result, dut, references_of(result, duts, dut.job));
    compare_with(first, result, summary);
    result.summaries.push_back(std::move(summary));
  }
}

}  // namespace starocean::bench
