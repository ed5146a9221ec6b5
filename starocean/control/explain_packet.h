// Frames for `starocean explain`, of what one writes on the command line. Pure.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "starocean/base/result.h"
#include "starocean/net/mac_address.h"

namespace starocean::control {

// "tcp 10.0.0.1:1 > 10.0.0.2:443", "udp [fd00::1]:1 > [fd00::2]:53", "icmp 10.0.0.1 > 10.0.0.2": a TCP SYN, a UDP
// datagram, an echo request, in an Ethernet frame to `to`.
Result<std::vector<std::byte>> packet_from_words(std::string_view words, net::MacAddress to);

// Two digits a byte.
Result<std::vector<std::byte>> frame_from_hex(std::string_view digits);

}  // namespace starocean::control
