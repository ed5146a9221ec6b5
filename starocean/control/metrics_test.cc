#include "starocean/control/metrics.h"

#include <regex.h>

#include <map>
#include <set>
#include <sstream>
#include <vector>

#include <gtest/gtest.h>

#include "starocean/control/exposition.h"
#include "starocean/control/status_sample.h"

namespace starocean::control {
namespace {

// The whole match and its groups; empty if `text` as a whole does not have this shape (POSIX extended).
std::vector<std::string> match(const std::string& text, const std::string& shape) {
  regex_t compiled;
  EXPECT_EQ(regcomp(&compiled, ("^(" + shape + ")$").c_str(), REG_EXTENDED), 0);
  constexpr size_t kMaxGroups = 10;
  regmatch_t found[kMaxGroups];
  std::vector<std::string> groups;
  if (regexec(&compiled, text.c_str(), kMaxGroups, found, 0) == 0) {
    for (size_t i = 1; i < kMaxGroups; ++i) {
      const regmatch_t& at = found[i];
      groups.push_back(at.rm_so < 0 ? ""
                                    : text.substr(static_cast<size_t>(at.rm_so),
                                                  static_cast<size_t>(at.rm_eo - at.rm_so)));
    }
  }
  regfree(&compiled);
  return groups;
}

const std::string kName = "([a-zA-Z_:][a-zA-Z0-9_:]*)";
const std::string kLabel = R"re([a-zA-Z_][a-zA-Z0-9_]*="([^"\\]|\\["n\\])*")re";

// A strict reader of the format: every line is HELP, TYPE or a sample; families stand together and
// are declared once, HELP before TYPE before samples; counters end in _total; no series comes
// twice.
class Reader {
 public:
  void read(const std::string& text) {
    ASSERT_FALSE(text.empty());
    ASSERT_EQ(text.back(), '\n') << "the last line must end with a line feed";
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      if (line.rfind("# HELP ", 0) == 0) {
        help(line);
      } else if (line.rfind("# TYPE ", 0) == 0) {
        type(line);
      } else {
        sample(line);
      }
      if (::testing::Test::HasFatalFailure()) return;
    }
  }
  std::map<std::string, std::string> series;  // name{labels} → value
  std::map<std::string, std::string> types;

 private:
  void help(const std::string& line) {
    const auto groups = match(line, "# HELP " + kName + " .+");
    ASSERT_FALSE(groups.empty()) << line;
    family_ = groups[1];
    ASSERT_TRUE(helped_.insert(family_).second) << "second HELP of " << family_;
  }
  void type(const std::string& line) {
    const auto groups = match(line, "# TYPE " + kName + " (counter|gauge)");
    ASSERT_FALSE(groups.empty()) << line;
    ASSERT_EQ(groups[1], family_) << "TYPE does not follow its HELP";
    ASSERT_TRUE(types.emplace(groups[1], groups[2]).second) << "second TYPE of " << family_;
    ASSERT_EQ(groups[2] == "counter", family_.ends_with("_total")) << family_;
  }
  void sample(const std::string& line) {
    const auto groups =
        match(line, kName + "([{]" + kLabel + "(," + kLabel + ")*[}])? (-?[0-9]+([.][0-9]+)?)");
    ASSERT_FALSE(groups.empty()) << line;
    ASSERT_EQ(groups[1], family_) << "sample outside its family: " << line;
    ASSERT_TRUE(types.contains(family_)) << "sample before TYPE: " << line;
    ASSERT_TRUE(series.emplace(groups[1] + groups[2], groups[6]).second) << line;
  }

  std::string family_;
  std::set<std::string> helped_;
};

TEST(Metrics, IsValidAndComplete) {
  Reader reader;
  reader.read(metrics_text(sample_status()));
  const auto value = [&](const std::string& name) { return reader.series[name]; };
  EXPECT_EQ(value(R"(starocean_port_rx_packets_total{interface="lan1"})"), "1000");
  EXPECT_EQ(value(R"(starocean_port_rx_bytes_total{interface="lan2"})"), "2000001");
  EXPECT_EQ(value(R"(starocean_queue_filled_total{interface="lan2",queue="0"})"), "6000");
  EXPECT_EQ(value(R"(starocean_worker_busy_turns_total{worker="1"})"), "91");
  EXPECT_EQ(value(R"(starocean_frames{place="depot"})"), "30577");
  EXPECT_EQ(value(R"(starocean_frames{place="missing"})"), "7");
  EXPECT_EQ(value("starocean_frames_configured"), "32768");
  EXPECT_EQ(value("starocean_uptime_seconds"), "3723.000");
  EXPECT_EQ(value(R"(starocean_info{version="0.1.0",node="edge-a"})"), "1");
  EXPECT_EQ(value(R"(starocean_port_up{interface="lan1"})"), "1");
  const size_t counters = 2 * (dataplane::kPortCounters.size() + dataplane::kQueueCounters.size() +
                               dataplane::kWorkerCounters.size());
  EXPECT_EQ(reader.series.size(), counters + 2 * 2 + 7 + 1 + 3 + 2 * 7);
}

TEST(Metrics, ClassesOfAnEgress) {
  const std::string text = metrics_text(sample_status());
  EXPECT_NE(
      text.find(
          "starocean_egress_class_dropped_codel_total{interface=\"lan2\",class=\"voice\"} 4\n"),
      std::string::npos);
  EXPECT_NE(
      text.find("starocean_egress_class_backlog_packets{interface=\"lan2\",class=\"rest\"} 0\n"),
      std::string::npos);
}

TEST(Metrics, IsValidWithNothingConfigured) {
  Reader reader;
  reader.read(metrics_text(DaemonStatus{}));
  EXPECT_EQ(reader.types.at("starocean_port_rx_packets_total"), "counter");
}

TEST(Metrics, HostileNamesStayInsideTheirQuotes) {
  DaemonStatus status = sample_status();
  status.interfaces[0].name = "a\"} 1\nevil{x=\"\\";
  Reader reader;
  reader.read(metrics_text(status));
  EXPECT_EQ(reader.series[R"(starocean_port_up{interface="a\"} 1\nevil{x=\"\\"})"], "1");
}

TEST(Metrics, EscapesLabels) {
  EXPECT_EQ(escape_label("a\\b\"c\nd"), R"(a\\b\"c\nd)");
  EXPECT_EQ(escape_label(""), "");
}

}  // namespace
}  // namespace starocean::control
