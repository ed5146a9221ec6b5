// `starocean gen send` and `starocean gen receive`: a SendEngine or a Receiver with progress, signals and a report. Main thread only; blocks SIGINT and SIGTERM meanwhile, which end the run with the result so far.
#pragma once

#include <cstdint>
#include <ostream>
#include <string>

#include "starocean/base/result.h"
#include "starocean/bench/gen_report.h"
#include "starocean/bench/receiver.h"
#include "starocean/bench/send_engine.h"
#include "starocean/bench/traffic_parse.h"

namespace starocean::bench {

struct GenOutput {
  std::ostream& out;  // the report
  std::ostream& err;  // notes and, on a terminal, progress
  bool json = false;

  void note(const std::string& text) const { err << "starocean: " << text << std::endl; }
  void print(const Json& report) const { out << report.dump(2) << '\n'; }
};

inline constexpr int kGenSchemaVersion = 1;  // of both commands' reports
inline constexpr int kGenPollMs = 20;        // how often a run is looked at

struct GenSendOptions {
  EngineOptions engine;
  Load load;
  std::string rate;  // as asked for, for the report
  // Instead of engine.traffic: a capture to be read, at `capture_rate` unless engine.replay.recorded.
  std::string capture_path = {};
  Rate capture_rate = {};
  double line_rate_bps = 0;
};
// The report is printed even when the work fails: when the device took no frame at all, or the run broke off.
Status run_gen_send(const GenSendOptions& options, const GenOutput& output);

struct GenReceiveOptions {
  Receiver::Options receiver;
  uint64_t count = 0;  // how many frames are sent: ends when all are accounted for; 0: not known
  uint64_t duration_ns = 0;  // ends this long after the start; 0: no limit
  uint64_t idle_ns = 0;     // ends when, after the first frame, none has come for so long; 0: never
  uint32_t flow_rows = 16;  // flows are listed if no more than this were seen
};
Status run_gen_receive(const GenReceiveOptions& options, const GenOutput& output);

}  // namespace starocean::bench
