// The proof: attach the steering program, bind AF_XDP sockets, and take it all away again.
//
// The program has no sockets in its map, so every packet goes on to Linux; the sockets' fill rings are full,
// so that in zero-copy mode the driver has frames to receive into. A veth loses at most the packets of the
// instant in which the program goes (drivers/net/veth.c, veth_napi_del_range). A driver of real hardware
// rebuilds its queues for it, which may interrupt the link for a moment; therefore an interface by which
// Linux reaches the world is left alone, and one of a bridge or bond, unless `force` is set. Never touched,
// forced or not: an interface with an XDP program (anybody's) or an AF_XDP socket. If this process dies, the
// kernel removes everything.
#pragma once

#include <cstdint>

#include "starocean/control/doctor_facts.h"

namespace starocean::control::doctor {

struct TrialOptions {
  bool force = false;
  uint32_t frame_size_bytes = 2048;
};

// Some tens of milliseconds, and with zero-copy half a second. A program or socket that is there is given half
// a second to go, in case its process has just ended; `interface` is brought up to date then. Any thread;
// speaks of its network namespace.
Trial try_interface(const HostFacts& host, InterfaceFacts& interface, const TrialOptions& options);

}  // namespace starocean::control::doctor
