#include <nlohmann/json.hpp>

#include "starocean/bench/rx_report.h"

namespace starocean::bench {
namespace {

using Json = nlohmann::ordered_json;

Json spread_json(const Spread& spread) {
  if (spread.count == 0) return nullptr;
  return {{"median", spread.median}, {"min", spread.least}, {"max", spread.most}};
}

Json counts_json(const std::vector<NamedCount>& counts) {
  Json result = Json::object();
  for (const NamedCount& count : counts) result[count.name] = count.packets;
  return result;
}

Json source_json(const SourceFigures& source) {
  if (source.mpps_2ghz == 0) return nullptr;
  Json result = {{"mpps_at_2ghz", source.mpps_2ghz}, {"mpps_at_3_6ghz", source.mpps_3_6ghz}};
  if (!source.note.empty()) result["note"] = source.note;
  return result;
}

Json load_json(const std::optional<RxLoadSummary>& load) {
  if (!load) return nullptr;
  return {{"generated_mpps", spread_json(load->generated_mpps)},
          {"on_wire_mpps", spread_json(load->on_wire_mpps)},
          {"handled_mpps", spread_json(load->handled_mpps)},
          {"ns_per_packet", spread_json(load->ns_per_packet)},
          {"lost_percent", load->lost_percent},
          {"kept_up_with_generator", load->kept_up},
          {"below_limit", load->below_limit},
          {"receive_core_percent",
           {{"user", load->user_percent},
            {"system", load->system_percent},
            {"interrupt", load->interrupt_percent},
            {"idle", load->idle_percent},
            {"stolen", load->stolen_percent},
            {"receiver", load->own_percent},
            {"others", load->others_percent},
            {"others_worst", load->worst_others_percent}}}};
}

Json measurement_json(const std::optional<RxMeasurement>& one) {
  if (!one) return nullptr;
  return {{"seconds", one->seconds},
          {"handled", one->handled},
          {"on_wire", one->on_wire},
          {"generated", one->generated},
          {"receive_core_ns",
           {{"user", one->receive_core.user_ns},
            {"system", one->receive_core.system_ns},
            {"interrupt", one->receive_core.interrupt_ns},
            {"idle", one->receive_core.idle_ns},
            {"stolen", one->receive_core.stolen_ns}}},
          {"napi_ns", one->napi_ns},
          {"program_ns", one->program_ns},
          {"total",
           {{"generated", one->total_generated},
            {"on_wire", one->total_on_wire},
            {"handled", one->total.handled},
            {"lost", counts_json(one->total.lost)},
            {"unaccounted", one->unaccounted()},
            {"beside", counts_json(one->total.beside)}}}};
}

Json trials_json(const std::vector<RxTrial>& trials) {
  Json list = Json::array();
  for (const RxTrial& trial : trials) {
    list.push_back({{"repetition", trial.repetition},
                    {"place_in_order", trial.place_in_order},
                    {"granted", trial.granted},
                    {"flood", measurement_json(trial.flood)},
                    {"at_rate", measurement_json(trial.at_rate)}});
  }
  return list;
}

Json case_json(const RxCaseSummary& one) {
  const RxCase& what = one.what();
  Json result = {{"name", what.name}, {"title", what.title}};
  if (what.base.empty()) {
    result["how"] = what.how;
    result["source"] = source_json(what.source);
  } else {
    result["base"] = what.base;
    result["change"] = what.change;
  }
  result["available"] = one.available();
  if (!one.available()) result["unavailable_because"] = one.result->unavailable;
  result["flood"] = load_json(one.flood);
  result["at_rate"] = load_json(one.at_rate);
  result["trials"] = trials_json(one.result->trials);
  return result;
}

Json settings_json(const RxPathOptions& options) {
  return {{"frame_bytes", options.frame_bytes},
          {"flows", options.flows},
          {"generate_cpu", options.generate_cpu},
          {"receive_cpu", options.receive_cpu},
          {"repetitions", options.repetitions},
          {"measure_seconds", static_cast<double>(options.measure_ns) / 1e9},
          {"warm_up_seconds", static_cast<double>(options.warm_up_ns) / 1e9},
          {"rate_pps", options.rate_pps},
          {"wire",
           "veth pair, one queue, between two network namespaces; XDP native, AF_XDP in copy mode"},
          {"receive_processing", "threaded NAPI, pinned to the receive CPU"},
          {"order", "rotated in each repetition; everything set up anew each time"}};
}

}  // namespace

Json rx_path_json(const RxReport& report) {
  const RxPathSummary summary = summarize(report.result);
  Json rungs = Json::array(), tunings = Json::array();
  for (const RxCaseSummary& rung : summary.rungs) rungs.push_back(case_json(rung));
  for (const RxCaseSummary& tuning : summary.tunings) tunings.push_back(case_json(tuning));
  const RxOrder order = rx_order(summary);
  return {{"schema_version", kRxPathSchemaVersion},
          {"benchmark", "rx-path"},
          {"starocean", report.version},
          {"command", report.command},
          {"date", report.date_utc},
          {"machine", rx_machine_json(report.machine)},
          {"settings", settings_json(report.result.options)},
          {"rungs", std::move(rungs)},
          {"tunings", std::move(tunings)},
          {"order", {{"as_in_source", order.compared}, {"not_as_in_source", order.faults}}},
          {"conclusions", rx_conclusions(summary, report.result.options)},
          {"duration_seconds", static_cast<double>(report.result.duration_ns) / 1e9}};
}

}  // namespace starocean::bench
