// `starocean echo`: answers ARP and ping for an address that Linux does not own.
#pragma once

#include <cstdint>
#include <string>

#include "starocean/base/result.h"

namespace starocean::control {

struct EchoOptions {
  std::string interface;  // the Linux device
  std::string address;    // IPv4, dotted: the address to answer for
  std::string mac;        // the MAC address to answer with; empty: the device's own
  uint32_t queue = 0;
  std::string listen;  // where to serve the counters, "0.0.0.0:30088"; empty: nowhere
};

// Returns when asked to end (SIGTERM, SIGINT) and detached, or with the reason why it could not
// start.
Status run_echo(const EchoOptions& options);

}  // namespace starocean::control
