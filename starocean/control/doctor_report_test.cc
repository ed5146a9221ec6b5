// What people and programs get to see, the small tools behind it, and the documentation.

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "starocean/control/doctor_quote.h"
#include "starocean/control/doctor_render.h"
#include "starocean/control/doctor_sample.h"
#include "starocean/control/doctor_sysfs.h"

namespace starocean::control::doctor {
namespace {

TEST(Lists, AsTheKernelWritesThem) {
  EXPECT_EQ(parse_list("0-3,8"), (std::vector<int>{0, 1, 2, 3, 8}));
  EXPECT_EQ(parse_list("5"), (std::vector<int>{5}));
  for (const char* wrong : {"", "x", "3-1", "1,", "-1", "0-9999999", "1 2"}) {
    EXPECT_TRUE(parse_list(wrong).empty()) << wrong;
  }
  EXPECT_EQ(list_text({0, 1, 2, 3, 8}), "0-3,8");
  EXPECT_EQ(list_text({}), "");
  EXPECT_EQ(parse_list(list_text({0, 2, 4, 5})), (std::vector<int>{0, 2, 4, 5}));
}

// What the shell makes of a quoted name is the name.
TEST(Quoting, SurvivesTheShell) {
  const std::string file = ::testing::TempDir() + "quoted";
  for (const char* name : {"lan1", "a;b", "a'b", "$(id)", "`id`", "a\\b", "a b", "*", "\"", ""}) {
    const std::string command = std::string("printf %s ") + shell_quoted(name) + " > " + file;
    ASSERT_EQ(std::system(command.c_str()), 0) << command;
    std::stringstream text;
    text << std::ifstream(file).rdbuf();
    EXPECT_EQ(text.str(), name);
  }
  std::filesystem::remove(file);
  EXPECT_EQ(shell_quoted("wan1.35"), "wan1.35");
}

std::vector<std::string> keys_of(const Json& object) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : object.items()) keys.push_back(key);
  return keys;
}

Report sample_report() {
  Report report;
  report.survey = sample_survey();
  report.survey.host.pages_2m = HugePagePool{};
  report.survey.interfaces[1].mtu = 1400;
  report.findings = judge(report.survey);
  report.fixes.push_back({"rings", "nic0", "ethtool -G nic0 rx 1024", 0, "", true});
  return report;
}

using Keys = std::vector<std::string>;

// Whoever reads the JSON counts on these names; one that goes raises the schema version.
TEST(ReportJson, SchemaIsStable) {
  const Json json = report_json(sample_report());
  EXPECT_EQ(json["schema_version"], 1);
  EXPECT_EQ(keys_of(json), (Keys{"schema_version", "starocean", "config", "host", "interfaces",
                                 "findings", "fixes", "summary"}));
  EXPECT_EQ(keys_of(json["host"]), (Keys{"kernel_release", "kernel_features", "tick_hz", "cpus",
                                         "governors", "irqbalance_pids", "huge_pages",
                                         "memlock_bytes", "stack_bytes", "missing_capabilities"}));
  const Keys interface = {"name",         "exists", "driver",    "kind",      "up",
                          "carrier",      "mtu",    "rx_queues", "tx_queues", "xdp_program",
                          "xdp_reported", "trial",  "offloads",  "rings",     "coalescing",
                          "irqs",         "peer"};
  for (const Json& each : json["interfaces"]) EXPECT_EQ(keys_of(each), interface);
  EXPECT_EQ(
      keys_of(json["interfaces"][0]["trial"]),
      (Keys{"skipped", "native", "fragments", "generic", "zero_copy", "copy", "multi_buffer"}));
  for (const Json& each : json["findings"]) {
    EXPECT_EQ(keys_of(each), (Keys{"id", "interface", "verdict", "text", "remedy", "safe"}));
  }
  EXPECT_EQ(keys_of(json["fixes"][0]),
            (Keys{"id", "interface", "command", "exit_status", "output", "mended"}));
  EXPECT_EQ(json["summary"]["warning"], 2);
  EXPECT_EQ(json["summary"]["fault"], 0);
  EXPECT_TRUE(json["config"].is_null());
  EXPECT_TRUE(json["host"]["memlock_bytes"].is_null()) << "unlimited";
}

TEST(ReportText, EveryFindingHasALineAndItsRemedyOneOfItsOwn) {
  const Report report = sample_report();
  const std::string text = report_text(report);
  for (const Finding& finding : report.findings) {
    EXPECT_NE(text.find(finding.text + "\n"), std::string::npos) << finding.text;
    if (finding.remedy.empty()) continue;
    EXPECT_NE(text.find(" " + finding.remedy + "\n"), std::string::npos) << finding.remedy;
  }
  EXPECT_NE(text.find("2 warnings, 0 faults\n"), std::string::npos) << text;
  EXPECT_NE(text.find("mended"), std::string::npos);
}

TEST(Fixing, OnlyWhatIsSafeAndWorse) {
  Finding finding{"rings", "nic0", Verdict::kWarning, "small", "true", true};
  EXPECT_TRUE(is_fixable(finding));
  finding.verdict = Verdict::kNote;
  EXPECT_FALSE(is_fixable(finding));
  finding = {"link", "nic0", Verdict::kFault, "down", "true", false};
  EXPECT_FALSE(is_fixable(finding));
  finding = {"lro", "nic0", Verdict::kWarning, "fixed", "", true};
  EXPECT_FALSE(is_fixable(finding));
}

TEST(Fixing, RunsTheCommandAndSaysWhatItSaid) {
  const std::vector<Finding> findings = {
      {"rings", "nic0", Verdict::kWarning, "small", "echo done", true},
      {"lro", "nic0", Verdict::kWarning, "on", "echo no >&2; exit 3", true},
      {"link", "nic0", Verdict::kFault, "down", "exit 4", false}};
  auto fixes = apply_fixes(findings);
  ASSERT_EQ(fixes.size(), 2u);
  EXPECT_EQ(fixes[0].exit_status, 0);
  EXPECT_EQ(fixes[0].output, "done");
  EXPECT_EQ(fixes[1].exit_status, 3);
  EXPECT_EQ(fixes[1].output, "no");
  note_mended(fixes, std::span(findings).subspan(1));
  EXPECT_TRUE(fixes[0].mended);
  EXPECT_FALSE(fixes[1].mended);
}

// docs/doctor.md has a row for every check, and none for others.
TEST(Documentation, EveryCheckHasARow) {
  std::ifstream page("docs/doctor.md");
  ASSERT_TRUE(page) << "run from the root of the source";
  std::vector<std::string> documented;
  bool inside = false;
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with("## ")) inside = line == "## Checks";
    if (!inside || !line.starts_with("| `")) continue;
    const std::string id = line.substr(3, line.find('`', 3) - 3);
    documented.push_back(id);
  }
  std::vector<std::string> checks;
  for (const Check& check : all_checks()) checks.emplace_back(check.id);
  EXPECT_EQ(documented, checks);
}

}  // namespace
}  // namespace starocean::control::doctor
