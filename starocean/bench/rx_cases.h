// What the ladder measures: the rungs, and some of them again with one setting changed, from which advice on
// tuning is drawn. Beside each, the figures of the source. Pure; any thread.
#pragma once

#include <span>
#include <string_view>

#include "starocean/bench/rx_rung.h"

namespace starocean::bench {

// Mpps on one core with frames of 64 bytes, from the articles about the predecessor of the same name (in Go),
// measured on a 10 Gbit/s card (line rate 14.88 Mpps); 0: no figure.
struct SourceFigures {
  double mpps_2ghz = 0;
  double mpps_3_6ghz = 0;
  std::string_view note = {};
};

struct RxCase {
  std::string_view name;      // "xdp-native", on the command line and in JSON
  std::string_view title;     // "XDP drop, native"
  std::string_view how = {};  // a sentence on what is done to the packet, and where
  OpenRung open = nullptr;
  // Whether the program is native XDP: without one, the device needs GRO on to take the traffic at all.
  bool native_xdp = false;
  bool user_space = false;
  SourceFigures source = {};
  // Of a case of tuning: the rung it is a variation of, and what is different.
  std::string_view base = {};
  std::string_view change = {};
  RxTuning tuning = {};
  bool only_at_rate = false;  // shows at a fixed rate, not in a flood
};

std::span<const RxCase> rx_ladder();  // from the first place where a packet can end to the last
std::span<const RxCase> rx_tunings();

}  // namespace starocean::bench
