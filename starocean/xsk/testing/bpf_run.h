// For tests: a loaded XDP program's verdict on one frame, by BPF_PROG_TEST_RUN: no device takes
// part. The frame counts as received on queue 0 of the loopback device of the current network
// namespace.
#pragma once

#include <cstdint>

#include "starocean/xsk/testing/frames.h"

namespace starocean::xsk::testing {

// XDP_PASS, XDP_REDIRECT … Frames have at least 14 bytes.
uint32_t xdp_verdict(int program_fd, const Bytes& frame);

// A program that passes everything and is nobody's: an administrator's, for our purposes.
// Descriptor of the loaded program; the caller closes it.
int load_stranger(const char* name);

}  // namespace starocean::xsk::testing
