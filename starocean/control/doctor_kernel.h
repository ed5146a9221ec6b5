// What this kernel's AF_XDP can do, found out by trying (net/xdp/xsk.c, xsk_setsockopt and xsk_bind). Opens
// a socket and closes it again; binds nothing. Any thread.
#pragma once

#include "starocean/control/doctor_facts.h"

namespace starocean::control::doctor {

// Without CAP_NET_RAW there is no AF_XDP socket to ask, and what only it can answer stays empty.
KernelFeatures probe_kernel();

}  // namespace starocean::control::doctor
