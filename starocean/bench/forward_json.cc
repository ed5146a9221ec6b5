#include "starocean/bench/forward_report.h"

namespace starocean::bench {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kNs = 1e9;

double seconds(uint64_t ns) {
  return static_cast<double>(ns) / kNs;
}

Json json_of(const Settings& settings) {
  Json object = Json::object();
  for (const auto& [name, value] : settings) object[name] = value;
  return object;
}

Json json_of(const Spread& spread) {
  if (spread.count == 0) return nullptr;
  return {{"median", spread.median},
          {"min", spread.least},
          {"max", spread.most},
          {"count", spread.count}};
}

Json json_of(const DelaySummary& delay) {
  return {{"count", delay.count}, {"mean", delay.mean_ns}, {"p50", delay.p50_ns},
          {"p90", delay.p90_ns},  {"p99", delay.p99_ns},   {"p99.9", delay.p999_ns},
          {"max", delay.max_ns}};
}

Json json_of(const testbed::CpuTime& time) {
  return {{"user", seconds(time.user_ns)},
          {"system", seconds(time.system_ns)},
          {"interrupt", seconds(time.interrupt_ns)},
          {"idle", seconds(time.idle_ns)},
          {"stolen", seconds(time.stolen_ns)}};
}

Json json_of(const CpuUse& cpu) {
  return {{"wall", cpu.wall_s},
          {"generator_cpu", json_of(cpu.generator_cpu)},
          {"forwarder_cpu", json_of(cpu.forwarder_cpu)},
          {"process",
           {{"user", seconds(cpu.process.user_ns)}, {"system", seconds(cpu.process.system_ns)}}}};
}

Json json_of(const ReceivePlace& place) {
  return {{"share_on_cpu", place.share}, {"frames_per_poll", place.frames_per_poll}};
}

Json json_of(const Trial& trial) {
  Json object = {{"asked_pps", trial.asked_pps == 0 ? Json("flood") : Json(trial.asked_pps)},
                 {"seconds", trial.seconds},
                 {"offered_pps", trial.offered_pps},
                 {"received_pps", trial.received_pps},
                 {"generated", trial.generated},
                 {"refused_by_ring", trial.refused},
                 {"received", trial.received},
                 {"lost", trial.lost},
                 {"loss_ratio", trial.loss_ratio()},
                 {"duplicates", trial.duplicates},
                 {"reordered", trial.reordered},
                 {"corrupted", trial.corrupted},
                 {"uncertain", trial.uncertain},
                 {"reached", trial.reached},
                 {"generator_late_ns", trial.max_late_ns},
                 {"generator_skipped_ns", trial.skipped_ns},
                 {"delay_from_sent_ns", json_of(trial.sent_delay)},
                 {"delay_from_due_ns", json_of(trial.scheduled_delay)},
                 {"received_at_in", json_of(trial.at_in)},
                 {"received_at_end", json_of(trial.at_end)},
                 {"cpu_s", json_of(trial.cpu)}};
  if (trial.system_calls_per_packet) {
    object["system_calls_per_packet"] = *trial.system_calls_per_packet;
  }
  if (trial.flooded) object["flooded"] = *trial.flooded;
  if (trial.redirected) object["redirected"] = *trial.redirected;
  if (trial.routed) object["routed"] = *trial.routed;
  return object;
}

Json json_of(const RateFound& found) {
  return {{"pps", found.search.pps},
          {"loss_ratio", found.search.loss_ratio},
          {"failed_pps", found.search.failed_pps},
          {"generator_limited", found.search.generator_limited},
          {"confirmed", found.search.confirmed},
          {"trials", found.search.trials},
          {"trial", json_of(found.trial)}};
}

Json json_of(const Soak& soak) {
  Json object = {{"trial", json_of(soak.trial)},
                 {"resident_before_bytes", soak.resident_before_bytes},
                 {"resident_after_bytes", soak.resident_after_bytes}};
  if (soak.frames_missing) object["frames_missing"] = *soak.frames_missing;
  object["forwarder_cpu_absences"] = {{"least_ns", kLeastAbsenceNs},
                                      {"count", soak.absences.count},
                                      {"sum_ns", soak.absences.sum_ns},
                                      {"longest_ns", soak.absences.longest_ns}};
  for (const SoakClass& each : soak.by_absence) {
    object["seconds_by_absence"].push_back({{"absence_at_least_ns", each.least_absence_ns},
                                            {"seconds", each.seconds},
                                            {"lost", each.lost}});
  }
  return object;
}

Json json_of(const TurnDistance& distance) {
  return {{"distance", to_string(distance.distance)},
          {"line_least_ns", distance.least_line_ns},
          {"line_most_ns", distance.most_line_ns},
          {"moved", distance.moved}};
}

template <class T>
void put(Json& object, const char* name, const std::optional<T>& value) {
  if (value) object[name] = json_of(*value);
}

Json json_of(const Turn& turn) {
  Json object = {
      {"pair", turn.pair},
      {"dut", turn.dut},
      {"failure", turn.failure},
      {"engine", turn.engine},
      {"engine_reason", turn.engine_reason},
      {"trials", turn.trials},
      {"frames_verified", turn.frames_verified},
      {"corrupted", turn.corrupted},
      {"duplicates", turn.duplicates},
      {"reordered", turn.reordered},
      {"least_share_on_cpu", {{"in", turn.least_share_in}, {"end", turn.least_share_end}}},
      {"stolen_s", turn.stolen_s},
      {"wall_s", turn.wall_s}};
  put(object, "flood", turn.flood);
  put(object, "pdr", turn.pdr);
  put(object, "ndr", turn.ndr);
  put(object, "delay_half_pdr", turn.delay_half);
  put(object, "delay_peer_half_pdr", turn.delay_peer_half);
  put(object, "delay_common_rate", turn.delay_common);
  for (const Trial& trial : turn.delay_at) object["delay_at_rates"].push_back(json_of(trial));
  put(object, "soak", turn.soak);
  put(object, "cpus", turn.distance);
  if (turn.taken_share) object["forwarder_cpu_taken"] = *turn.taken_share;
  object["repeats"] = turn.repeats;
  object["delay_repeats"] = turn.delay_repeats;
  return object;
}

Json json_of(const Summary& summary) {
  return {{"dut", summary.dut},
          {"flood_pps", json_of(summary.flood)},
          {"pdr_pps", json_of(summary.pdr)},
          {"ndr_pps", json_of(summary.ndr)},
          {"flood_to_pdr", json_of(summary.collapse)},
          {"pdr_to_best_peer", json_of(summary.pdr_to_peer)},
          {"flood_to_best_peer", json_of(summary.flood_to_peer)},
          {"pdr_to_starocean", json_of(summary.pdr_to_ours)},
          {"flood_to_starocean", json_of(summary.flood_to_ours)},
          {"pdr_to_first_scenario", json_of(summary.pdr_to_first)},
          {"flood_to_first_scenario", json_of(summary.flood_to_first)},
          {"delay_half_pdr_p50_ns", json_of(summary.delay_half_p50_ns)},
          {"delay_half_pdr_p99_ns", json_of(summary.delay_half_p99_ns)},
          {"delay_peer_half_pdr_p50_ns", json_of(summary.delay_peer_half_p50_ns)},
          {"delay_peer_half_pdr_p99_ns", json_of(summary.delay_peer_half_p99_ns)},
          {"delay_peer_half_pdr_p99_to_best_peer", json_of(summary.delay_peer_half_p99_to_peer)},
          {"delay_common_rate_p50_ns", json_of(summary.delay_common_p50_ns)},
          {"delay_common_rate_p99_ns", json_of(summary.delay_common_p99_ns)},
          {"cpu_s_per_million_frames", json_of(summary.cpu_s_per_million)},
          {"system_calls_per_packet", json_of(summary.system_calls_per_packet)},
          {"frames_verified", summary.frames_verified},
          {"corrupted", summary.corrupted},
          {"duplicates", summary.duplicates},
          {"reordered", summary.reordered}};
}

Json json_of(const DutInfo& dut) {
  return {{"name", dut.name},
          {"kind", to_string(dut.kind)},
          {"job", to_string(dut.job)},
          {"description", dut.description},
          {"available", dut.unavailable.empty()},
          {"reason", dut.unavailable},
          {"version", dut.version},
          {"receive_cpu", dut.receive_cpu},
          {"settings", json_of(dut.settings)}};
}

template <class T>
Json list(const std::vector<T>& items) {
  Json array = Json::array();
  for (const T& item : items) array.push_back(json_of(item));
  return array;
}

Json json_of(const ScenarioResult& result) {
  return {{"label", result.scenario.label},
          {"frame_bytes", result.scenario.frame_bytes},
          {"mean_frame_bytes", result.mean_frame_bytes},
          {"flows", result.scenario.flows},
          {"macs_per_side", result.macs},
          {"destinations", result.destinations},
          {"pairs", result.scenario.pairs},
          {"summary", list(result.summaries)},
          {"turns", list(result.turns)}};
}

}  // namespace

nlohmann::ordered_json forward_json(const ForwardResults& results) {
  Json scenarios = Json::array();
  for (const ScenarioResult& scenario : results.scenarios) scenarios.push_back(json_of(scenario));
  return {{"schema_version", kForwardSchemaVersion},
          {"interrupted", results.interrupted},
          {"notes", results.notes},
          {"machine", json_of(results.machine)},
          {"method", json_of(results.method)},
          {"duts", list(results.duts)},
          {"scenarios", std::move(scenarios)}};
}

}  // namespace starocean::bench
