#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "starocean/cli/command_line.h"
#include "starocean/control/api_server.h"
#include "starocean/control/render_text.h"
#include "starocean/control/status_sample.h"
#include "starocean/control/version.h"

namespace starocean::cli {
namespace {

using control::Json;

struct Outcome {
  int code = 0;
  std::string out;
  std::string err;
};

Outcome run(const std::vector<std::string>& words) {
  std::vector<const char*> argv = {"starocean"};
  for (const std::string& word : words) argv.push_back(word.c_str());
  std::ostringstream out;
  std::ostringstream err;
  const int code = run_command_line(static_cast<int>(argv.size()), argv.data(), out, err);
  return {code, out.str(), err.str()};
}

// A daemon's API that answers with the sample; what it serves is real HTTP on a real socket.
class Cli : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "starocean-cli-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    socket_ = directory_ + "/s";
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::unique_ptr<control::ApiServer> serve(control::ApiHandlers handlers) {
    auto claim = control::SocketClaim::take(socket_);
    EXPECT_TRUE(claim) << claim.error().message();
    auto server = control::ApiServer::start({std::move(*claim), {}}, std::move(handlers));
    EXPECT_TRUE(server) << server.error().message();
    return std::move(*server);
  }
  static control::ApiHandlers sample() {
    return {.status = control::sample_status,
            .fdb = control::sample_fdb,
            .memory = control::sample_memory,
            .reload = []() -> Status { return {}; },
            .pages = {}};
  }
  std::string write(const std::string& name, const std::string& text) {
    std::string path = directory_ + "/" + name;
    std::ofstream(path) << text;
    return path;
  }

  std::string directory_;
  std::string socket_;
};

TEST_F(Cli, ShowPrintsTheSameAnswerAsTableAndAsJson) {
  const auto server = serve(sample());
  const Json interfaces = control::interfaces_json(control::sample_status());
  const Outcome table = run({"show", "interfaces", "--socket", socket_});
  EXPECT_EQ(table.code, kDone) << table.err;
  EXPECT_EQ(table.out, control::interfaces_text(interfaces));
  const Outcome json = run({"--socket", socket_, "show", "interfaces", "--json"});
  EXPECT_EQ(json.code, kDone) << json.err;
  EXPECT_EQ(Json::parse(json.out), interfaces);
  for (const char* view : {"fdb", "drops", "queues", "workers", "memory"}) {
    EXPECT_EQ(run({"show", view, "--socket", socket_}).code, kDone) << view;
    const Outcome answer = run({"show", view, "--json", "--socket", socket_});
    EXPECT_EQ(Json::parse(answer.out)["schema_version"], 1) << view;
  }
}

TEST_F(Cli, ShowFdbFilters) {
  const auto server = serve(sample());
  const auto count = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {"show", "fdb", "--json", "--socket", socket_});
    return Json::parse(run(words).out)["count"].get<int>();
  };
  EXPECT_EQ(count({}), 3);
  EXPECT_EQ(count({"--bridge", "office"}), 2);
  EXPECT_EQ(count({"--bridge", "office", "--interface", "lan1"}), 1);
  EXPECT_EQ(count({"--mac", "02:00:00:00:00:0c"}), 1);
  EXPECT_EQ(count({"--vlan", "10"}), 2);
  EXPECT_EQ(count({"--bridge", "a&mac=b %"}), 0) << "reserved characters stay in their value";
}

TEST_F(Cli, WatchEndsWhenTheDaemonDoes) {
  std::atomic<int> asked = 0;
  control::ApiHandlers handlers = sample();
  handlers.status = [&asked] {
    ++asked;
    return control::sample_status();
  };
  auto server = serve(std::move(handlers));
  Outcome outcome;
  std::thread watcher([&] {
    outcome = run({"show", "drops", "--json", "--watch", "--socket", socket_});
  });
  while (asked < 2) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  server.reset();
  watcher.join();
  EXPECT_EQ(outcome.code, kFailed);
  std::istringstream lines(outcome.out);
  int documents = 0;
  for (std::string line; std::getline(lines, line); ++documents) {
    EXPECT_EQ(Json::parse(line)["schema_version"], 1) << "one document per line";
  }
  EXPECT_GE(documents, 1);
}

TEST_F(Cli, WithoutADaemonASentence) {
  const Outcome outcome = run({"show", "interfaces", "--socket", socket_});
  EXPECT_EQ(outcome.code, kFailed);
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(outcome.err, "starocean: cannot reach the daemon at " + socket_ +
                             ": no such file; is `starocean run` running?, or name its socket "
                             "with --socket\n");
}

TEST_F(Cli, AnotherSchemaIsNotGuessedAt) {
  control::ApiHandlers handlers;
  handlers.pages["/v1/interfaces"] = [] {
    return control::ApiPage{"application/json", R"({"schema_version":2})"};
  };
  handlers.pages["/v1/fdb"] = [] { return control::ApiPage{"text/html", "<html>"}; };
  const auto server = serve(std::move(handlers));
  const Outcome newer = run({"show", "interfaces", "--socket", socket_});
  EXPECT_EQ(newer.code, kFailed);
  EXPECT_NE(newer.err.find("schema version 2, not 1"), std::string::npos) << newer.err;
  EXPECT_NE(run({"show", "fdb", "--socket", socket_}).err.find("not JSON"), std::string::npos);
}

TEST_F(Cli, Reload) {
  control::ApiHandlers handlers = sample();
  bool refuse = false;
  handlers.reload = [&]() -> Status {
    if (refuse) return fail("cannot use the key 'qeues'", "there is no such key");
    return {};
  };
  const auto server = serve(std::move(handlers));
  EXPECT_EQ(run({"reload", "--socket", socket_}).code, kDone);
  EXPECT_EQ(Json::parse(run({"reload", "--json", "--socket", socket_}).out)["generation"], 7);
  refuse = true;
  const Outcome refused = run({"reload", "--socket", socket_});
  EXPECT_EQ(refused.code, kFailed);
  EXPECT_NE(refused.err.find("there is no such key"), std::string::npos) << refused.err;
}

TEST_F(Cli, WanSetSendsWhatWasSaid) {
  control::ApiHandlers handlers;
  Json asked;
  handlers.actions["/v1/wan"] = [&asked](const std::string& body) -> Result<control::ApiPage> {
    asked = Json::parse(body);
    if (asked.contains("b_to_a")) return fail("b_to_a", "it is not liked");
    return control::ApiPage{"application/json", R"({"schema_version":1})"};
  };
  const auto server = serve(std::move(handlers));
  EXPECT_EQ(run({"wan", "set", "--delay", "50ms/", "--loss-burst", "3/", "--socket", socket_}).code,
            kDone);
  EXPECT_EQ(asked, Json::parse(R"({"a_to_b": {"delay": "50ms", "loss_burst": "3"}})"));
  const Outcome refused =
      run({"wan", "set", "--rate", "/10M", "--loss", "1%", "--socket", socket_});
  EXPECT_EQ(asked, Json::parse(R"({"a_to_b": {"loss": "1%"},
                                   "b_to_a": {"loss": "1%", "rate": "10M"}})"));
  EXPECT_EQ(refused.code, kFailed);
  EXPECT_NE(refused.err.find("b_to_a: it is not liked"), std::string::npos) << refused.err;
}

TEST_F(Cli, ConfigCheck) {
  const std::string good = write("good.yaml",
                                 "version: 1\ninterfaces: {lan1: {}, lan2: {}}\n"
                                 "bridges: {office: {interfaces: [lan1, lan2]}}\n");
  const Outcome checked = run({"config", "check", good});
  EXPECT_EQ(checked.code, kDone) << checked.err;
  EXPECT_NE(checked.out.find("office"), std::string::npos);
  EXPECT_EQ(Json::parse(run({"config", "check", "--config", good, "--json"}).out)["file"], good);
  const std::string bad =
      write("bad.yaml", "version: 1\ninterfaces: {lan1: {qeues: 1}}\nnodee: x\n");
  const Outcome refused = run({"config", "check", bad});
  EXPECT_EQ(refused.code, kFailed);
  EXPECT_EQ(refused.out, "");
  std::istringstream lines(refused.err);
  int mistakes = 0;
  for (std::string line; std::getline(lines, line); ++mistakes) {
    EXPECT_EQ(line.rfind("starocean: " + bad + ":", 0), 0u) << line;
  }
  EXPECT_EQ(mistakes, 2);
  EXPECT_EQ(run({"config", "check", directory_ + "/none.yaml"}).code, kFailed);
}

TEST_F(Cli, ConfigSchemaIsJson) {
  const Outcome schema = run({"config", "schema"});
  EXPECT_EQ(schema.code, kDone);
  EXPECT_TRUE(Json::parse(schema.out).contains("properties"));
}

TEST_F(Cli, RunRefusesAMissingFile) {
  const Outcome outcome = run({"run", "--config", directory_ + "/none.yaml", "--socket", socket_});
  EXPECT_EQ(outcome.code, kFailed);
  EXPECT_EQ(outcome.err.rfind("starocean: ", 0), 0u);
  EXPECT_NE(outcome.err.find("none.yaml"), std::string::npos) << outcome.err;
}

TEST_F(Cli, Version) {
  const std::string version(control::version_text());
  EXPECT_EQ(run({"version"}).out, "starocean " + version + "\n");
  EXPECT_EQ(Json::parse(run({"version", "--json"}).out)["version"], version);
}

TEST_F(Cli, HelpIsNoError) {
  for (const auto& words : std::vector<std::vector<std::string>>{{"--help"},
                                                                 {"show", "--help"},
                                                                 {"show", "fdb", "--help"},
                                                                 {"run", "--help"},
                                                                 {"config", "check", "--help"},
                                                                 {"echo", "--help"},
                                                                 {"gen", "--help"},
                                                                 {"gen", "send", "--help"},
                                                                 {"gen", "receive", "--help"},
                                                                 {"wan", "--help"},
                                                                 {"wan", "set", "--help"},
                                                                 {"reload", "--help"}}) {
    const Outcome help = run(words);
    EXPECT_EQ(help.code, kDone);
    EXPECT_NE(help.out.find("--help"), std::string::npos);
    EXPECT_EQ(help.err, "");
  }
}

TEST_F(Cli, WrongUsageNamesTheHelpOfTheCommand) {
  EXPECT_EQ(run({"show", "fdb", "--mac", "x"}).err,
            "starocean: --mac: 'x' is not a MAC address like 02:00:00:00:00:01; see `starocean "
            "show fdb --help`\n");
}

TEST_F(Cli, WrongUsageIsStatusTwoAndOneSentence) {
  const std::vector<std::string> echo = {"echo", "--interface", "lo", "--address", "192.0.2.1"};
  const auto echo_with = [&](const std::string& option, const std::string& value) {
    std::vector<std::string> words = echo;
    words.insert(words.end(), {option, value});
    return words;
  };
  const auto gen_with = [&](const std::string& option, const std::string& value) {
    return std::vector<std::string>{"gen", "send", "--interface", "lo", option, value};
  };
  for (const auto& words : std::vector<std::vector<std::string>>{
           {},
           {"fly"},
           {"show"},
           {"show", "everything"},
           {"show", "fdb", "--mac", "02:00:00:00:00"},
           {"run"},
           {"run", "--config"},
           {"config"},
           {"config", "check"},
           {"reload", "now"},
           {"version", "--nonsense"},
           {"echo", "--interface", "lo"},
           {"echo", "--interface", "lo", "--address", "192.0.2.300"},
           echo_with("--mac", "02-00-00-00-00-01"),
           echo_with("--queue", "-1"),
           {"gen"},
           {"gen", "send"},
           gen_with("--rate", "fast"),
           gen_with("--rate", "50%"),
           gen_with("--size", "63"),
           gen_with("--source", "10.0.0.300"),
           gen_with("--source", "fd00::1"),
           gen_with("--flows", "0"),
           gen_with("--vlan", "4095"),
           gen_with("--order", "sorted"),
           gen_with("--stream", "16"),
           gen_with("--count", "0"),
           gen_with("--engine", "warp"),
           gen_with("--loop", "2"),
           {"gen", "send", "--interface", "lo", "--pcap", "x", "--flows", "2"},
           {"gen", "send", "--interface", "lo", "--pcap", "x", "--engine", "live"},
           {"gen", "send", "--interface", "lo", "--pcap", "x", "--rate", "1kpps", "--speed", "2"},
           {"gen", "send", "--interface", "lo", "--pcap", "x", "--rate", "1kpps", "--pace",
            "recorded"},
           {"gen", "receive", "--interface", "lo", "--flows", "0"},
           {"gen", "receive", "--interface", "lo", "--idle", "soon"},
           echo_with("--listen", "30088"),
           {"wan"},
           {"wan", "--a", "lan1"},
           {"wan", "--a", "lan1", "--b", "lan2", "--delay", "50"},
           {"wan", "--a", "lan1", "--b", "lan2", "--delay", "1ms/2ms/3ms"},
           {"wan", "--a", "lan1", "--b", "lan2", "--jitter", "5ms"},
           {"wan", "--a", "lan1", "--b", "lan2", "--seed", "-1"},
           {"wan", "--a", "lan1", "--b", "lan2", "--frames", "0"},
           {"wan", "--a", "lan1", "--b", "lan2", "--priority", "high"},
           {"wan", "set"},
           {"wan", "set", "--loss", "1"},
           {"wan", "set", "--lost", "1%"},
           {"wan", "show", "everything"},
           {"--log-level", "loud", "version"}}) {
    const Outcome outcome = run(words);
    EXPECT_EQ(outcome.code, kWrongUsage) << ::testing::PrintToString(words);
    EXPECT_EQ(outcome.out, "");
    EXPECT_EQ(outcome.err.rfind("starocean: ", 0), 0u) << outcome.err;
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    EXPECT_NE(outcome.err.find("--help"), std::string::npos) << outcome.err;
  }
}

}  // namespace
}  // namespace starocean::cli
