// What `starocean echo` says of itself: plain values, taken once, so that JSON, Prometheus text and the
// status line tell the same.
#pragma once

#include <cstdint>
#include <string>

#include "starocean/control/render_json.h"
#include "starocean/control/status.h"
#include "starocean/dataplane/echo_responder.h"

namespace starocean::control {

struct EchoStatus {
  std::string address;  // that it answers for
  std::string attach;   // "native" or "generic"
  QueueStatus queue;    // the one that it serves; no rings' sizes
  dataplane::EchoCounters::Values counters{};
  xsk::XdpCounters steering;
  uint64_t frames = 0;       // in the UMEM
  uint64_t free_frames = 0;  // in depot and pool

  // Frames that are nowhere: 0 but for those in motion while the others were counted.
  int64_t missing_frames() const {
    return static_cast<int64_t>(frames) -
           static_cast<int64_t>(free_frames + queue.in_rx + queue.in_tx);
  }
};

// Any thread.
EchoStatus echo_status(const std::string& interface, uint32_t queue, const std::string& address,
                       const dataplane::EchoResponder& echo);

// Pure. "queue_counters" has the names of the status line.
Json echo_json(const EchoStatus& status);
// Pure. The queue's counters have the names of the daemon's (metrics.h).
//   starocean_echo_<counter>_total{interface,queue}      dataplane/echo_responder.h, SO_ECHO_COUNTERS
//   starocean_queue_<counter>_total{interface,queue}     dataplane/counters.h, SO_QUEUE_COUNTERS
//   starocean_steering_redirected_total, _passed_total, _no_socket_total{interface}
//   starocean_frames{place="free"|"in_rx"|"in_tx"|"missing"}, starocean_frames_configured
std::string echo_metrics(const EchoStatus& status);

}  // namespace starocean::control
