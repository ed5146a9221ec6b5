#include "starocean/control/doctor_render.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "starocean/control/doctor_judge_parts.h"
#include "starocean/control/version.h"

namespace starocean::control::doctor {
namespace {

constexpr size_t kIdWidth = 16;

template <class T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json();
}

Json bytes_or_null(uint64_t bytes) {
  return bytes == kUnlimited ? Json() : Json(bytes);
}

Json features_json(const KernelFeatures& kernel) {
  return {{"af_xdp", or_null(kernel.af_xdp)},
          {"need_wakeup", or_null(kernel.need_wakeup)},
          {"prefer_busy_poll", or_null(kernel.prefer_busy_poll)},
          {"netdev_family", or_null(kernel.netdev_family)},
          {"multi_buffer", or_null(kernel.multi_buffer)},
          {"tx_metadata", or_null(kernel.tx_metadata)},
          {"tx_budget", or_null(kernel.tx_budget)},
          {"program_compiler", or_null(kernel.program_compiler)}};
}

Json pages_json(const std::optional<HugePagePool>& pool) {
  if (!pool) return Json();
  return {{"total", pool->total}, {"free", pool->free}, {"reserved", pool->reserved}};
}

Json host_json(const HostFacts& host) {
  Json governors = Json::object();
  for (const auto& [governor, cpus] : host.governors) governors[governor] = cpus;
  return {{"kernel_release", host.kernel_release},
          {"kernel_features", features_json(host.kernel)},
          {"tick_hz", or_null(host.tick_hz)},
          {"cpus",
           {{"online", host.online_cpus},
            {"usable", host.usable_cpus},
            {"isolated", host.isolated_cpus}}},
          {"governors", governors},
          {"irqbalance_pids", host.irqbalance_pids},
          {"huge_pages", {{"2M", pages_json(host.pages_2m)}, {"1G", pages_json(host.pages_1g)}}},
          {"memlock_bytes", bytes_or_null(host.memlock.hard)},
          {"stack_bytes", bytes_or_null(host.stack.hard)},
          {"missing_capabilities", host.missing_capabilities}};
}

Json attempt_json(const Attempt& attempt) {
  switch (attempt.outcome) {
    case Attempt::Outcome::kNotTried:
      return Json();
    case Attempt::Outcome::kGranted:
      return {{"granted", true}};
    case Attempt::Outcome::kRefused:
      return {{"granted", false}, {"reason", attempt.reason}};
  }
  return Json();
}

Json trial_json(const Trial& trial) {
  return {{"skipped", trial.skipped.empty() ? Json() : Json(trial.skipped)},
          {"native", attempt_json(trial.native)},
          {"fragments", attempt_json(trial.fragments)},
          {"generic", attempt_json(trial.generic)},
          {"zero_copy", attempt_json(trial.zero_copy)},
          {"copy", attempt_json(trial.copy)},
          {"multi_buffer", attempt_json(trial.multi_buffer)}};
}

Json xdp_report_json(const std::optional<xsk::XdpReport>& report) {
  if (!report) return Json();
  return {{"native", report->has(xsk::kXdpActBasic)},
          {"redirect", report->has(xsk::kXdpActRedirect)},
          {"zero_copy", report->has(xsk::kXdpActZeroCopy)},
          {"multi_buffer", report->has(xsk::kXdpActReceiveFragments)},
          {"zero_copy_segments", report->zero_copy_segments},
          {"rx_metadata", xsk::rx_metadata_names(report->rx_metadata)},
          {"tx_metadata", xsk::tx_metadata_names(report->tx_metadata)}};
}

Json program_json(const std::optional<xsk::PresentProgram>& program) {
  if (!program) return Json();
  return {{"id", program->id},
          {"name", program->name},
          {"mode", program->generic ? "generic" : "native"},
          {"ours", program->is_ours()}};
}

Json settings_json(const InterfaceFacts& facts) {
  Json offloads = Json::object();
  for (const auto& [name, offload] : facts.offloads) offloads[name] = offload.on;
  Json irqs = Json::array();
  for (const IrqFacts& irq : facts.irqs) {
    irqs.push_back({{"number", irq.number},
                    {"name", irq.name},
                    {"allowed_cpus", irq.allowed_cpus},
                    {"effective_cpus", irq.effective_cpus}});
  }
  Json rings;
  if (facts.rings) {
    rings = {{"rx", facts.rings->rx},
             {"rx_max", facts.rings->rx_max},
             {"tx", facts.rings->tx},
             {"tx_max", facts.rings->tx_max}};
  }
  Json coalescing;
  if (facts.coalescing) {
    coalescing = {{"rx_usecs", facts.coalescing->rx_usecs},
                  {"rx_frames", facts.coalescing->rx_frames},
                  {"adaptive_rx", facts.coalescing->adaptive_rx}};
  }
  return {{"offloads", offloads}, {"rings", rings}, {"coalescing", coalescing}, {"irqs", irqs}};
}

Json interface_json(const InterfaceFacts& facts) {
  Json json = {{"name", facts.name},
               {"exists", facts.exists},
               {"driver", facts.driver},
               {"kind", facts.kind},
               {"up", facts.up},
               {"carrier", facts.carrier},
               {"mtu", facts.mtu},
               {"rx_queues", facts.rx_queues},
               {"tx_queues", facts.tx_queues},
               {"xdp_program", program_json(facts.program)},
               {"xdp_reported", xdp_report_json(facts.report)},
               {"trial", trial_json(facts.trial)}};
  json.update(settings_json(facts));
  Json peer;
  if (facts.peer) {
    peer = {{"name", facts.peer->name}, {"place", facts.peer->place}, {"mtu", facts.peer->mtu}};
  }
  json["peer"] = peer;
  return json;
}

void add_findings(std::string& out, const std::vector<Finding>& findings,
                  const std::string& interface) {
  for (const Finding& finding : findings) {
    if (finding.interface != interface) continue;
    out += fmt::format("  {:<8} {:<{}} {}\n", to_string(finding.verdict), finding.id, kIdWidth,
                       finding.text);
    if (!finding.remedy.empty()) {
      out += fmt::format("  {:<8} {:<{}} {}\n", "", "", kIdWidth, finding.remedy);
    }
  }
}

std::string headline(const InterfaceFacts& facts) {
  if (!facts.exists) return fmt::format("{}\n", facts.name);
  return fmt::format("{}: {}, MTU {}, {}\n", facts.name,
                     facts.driver.empty() ? "no driver's name" : facts.driver, facts.mtu,
                     counted(facts.rx_queues, "queue"));
}

std::string fixes_text(const std::vector<Fix>& fixes) {
  std::string out = "fixes\n";
  for (const Fix& fix : fixes) {
    const std::string outcome = fix.exit_status != 0 ? "failed" : fix.mended ? "mended" : "no help";
    out += fmt::format("  {:<8} {:<{}} {}\n", outcome, fix.id, kIdWidth, fix.command);
    if (!fix.output.empty())
      out += fmt::format("  {:<8} {:<{}} {}\n", "", "", kIdWidth, fix.output);
  }
  return out + "\n";
}

}  // namespace

Json report_json(const Report& report) {
  const Survey& survey = report.survey;
  Json interfaces = Json::array();
  for (const InterfaceFacts& facts : survey.interfaces) interfaces.push_back(interface_json(facts));
  Json findings = Json::array();
  for (const Finding& finding : report.findings) {
    findings.push_back({{"id", finding.id},
                        {"interface", finding.interface},
                        {"verdict", to_string(finding.verdict)},
                        {"text", finding.text},
                        {"remedy", finding.remedy},
                        {"safe", finding.safe}});
  }
  Json fixes = Json::array();
  for (const Fix& fix : report.fixes) {
    fixes.push_back({{"id", fix.id},
                     {"interface", fix.interface},
                     {"command", fix.command},
                     {"exit_status", fix.exit_status},
                     {"output", fix.output},
                     {"mended", fix.mended}});
  }
  Json summary = Json::object();
  for (const Verdict verdict : {Verdict::kOk, Verdict::kNote, Verdict::kWarning, Verdict::kFault}) {
    summary[to_string(verdict)] = count_of(report.findings, verdict);
  }
  return {{"schema_version", kReportSchemaVersion},
          {"starocean", version_text()},
          {"config", survey.plan.from_file() ? Json(survey.plan.config.file) : Json()},
          {"host", host_json(survey.host)},
          {"interfaces", interfaces},
          {"findings", findings},
          {"fixes", fixes},
          {"summary", summary}};
}

std::string report_text(const Report& report) {
  std::string out = report.fixes.empty() ? "" : fixes_text(report.fixes);
  out += "this machine\n";
  add_findings(out, report.findings, "");
  for (const InterfaceFacts& facts : report.survey.interfaces) {
    out += '\n';
    out += headline(facts);
    add_findings(out, report.findings, facts.name);
  }
  const auto count = [&](Verdict verdict) { return count_of(report.findings, verdict); };
  out += fmt::format(
      "\n{} ok, {}, {}, {}\n", count(Verdict::kOk), counted(count(Verdict::kNote), "note"),
      counted(count(Verdict::kWarning), "warning"), counted(count(Verdict::kFault), "fault"));
  return out;
}

}  // namespace starocean::control::doctor
