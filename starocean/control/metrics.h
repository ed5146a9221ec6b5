// The daemon's counters for Prometheus: text exposition format 0.0.4
// (prometheus.io/docs/instrumenting/exposition_formats, "Text format details").
//
//   starocean_port_<counter>_total{interface="lan1"}            dataplane/counters.h, SO_PORT_COUNTERS
//   starocean_queue_<counter>_total{interface="lan1",queue="0"} the same, SO_QUEUE_COUNTERS
//   starocean_worker_<counter>_total{worker="0"}                the same, SO_WORKER_COUNTERS
//   starocean_frames{place="depot"|"pools"|"in_rx"|"in_tx"|"in_flight"|"punting"|"missing"}
//   starocean_frames_configured                                 what the places add up to
//   starocean_port_up, starocean_port_mac_entries{interface="lan1"}
//   starocean_uptime_seconds, starocean_config_generation, starocean_info{version="…",node="…"} 1
//
// Pure; any thread.
#pragma once

#include <string>

#include "starocean/control/status.h"

namespace starocean::control {

std::string metrics_text(const DaemonStatus& status);

}  // namespace starocean::control
