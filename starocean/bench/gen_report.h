// What `starocean gen` prints. JSON has a schema_version of 1; times are in ns, sizes in bytes, rates per
// second. Pure.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "starocean/bench/receiver.h"
#include "starocean/bench/send_engine.h"

namespace starocean::bench {

using Json = nlohmann::ordered_json;

Json to_json(const TrafficSpec& traffic);
Json to_json(const Load& load);
// What was read, and what was left out.
Json to_json(const Capture& capture);
// {"mode", "multi_buffer", "queue"} of AF_XDP; null of live frames.
Json to_json(const EngineInfo& info);
Json to_json(const SendReport& report, const Load& load);
// {"count", "min", "mean", "p50", "p90", "p99", "p999", "max"}; all but "count" are null when it is 0.
Json to_json(const DelayHistogram& delay);
Json to_json(const FlowReport& flow);
// `sent`: how many frames were sent; 0: not known, so that loss is that up to the highest sequence numbers.
Json to_json(const ReceiveReport& report, uint64_t sent);

std::string to_text(const SendReport& report, const Load& load);
// One line, and one for each thing that was left out.
std::string to_text(const Capture& capture);
std::string to_text(const ReceiveReport& report, uint64_t sent);
std::string to_text(const std::vector<FlowReport>& flows);
// "1.234 µs", in the unit that suits.
std::string delay_text(double delay_ns);

}  // namespace starocean::bench
