// Which XDP program a device has, and whose it is. Asking needs no privileges; names and links of
// programs need CAP_SYS_ADMIN. Any thread; speaks of the calling thread's network namespace.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "starocean/base/result.h"

namespace starocean::xsk {

// Ours are told from other people's by the programs' names, which begin like one of these: the steering
// program, and the checker of generated traffic (starocean/bench/receiver.h).
inline constexpr std::string_view kProgramPrefixes[] = {"steer_xdp", "check_xdp"};

struct PresentProgram {
  uint32_t id = 0;
  std::string name;  // empty if we may not ask
  bool generic = false;
  // The bpf_link that attached it; 0: a netlink message did, or we may not ask.
  uint32_t link_id = 0;

  bool is_ours() const {
    for (const std::string_view prefix : kProgramPrefixes) {
      if (name.starts_with(prefix)) return true;
    }
    return false;
  }
  bool operator==(const PresentProgram&) const = default;
};

// nullopt: none. `device` is for the error.
Result<std::optional<PresentProgram>> present_program(uint32_t ifindex, const std::string& device);

// Whether the kernel compiles BPF programs instead of interpreting them, found out by loading one.
// nullopt without the privileges to load one (CAP_BPF and CAP_NET_ADMIN).
std::optional<bool> compiles_programs();

}  // namespace starocean::xsk
