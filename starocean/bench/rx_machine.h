// The machine that figures hold for: what a report of a measurement has to say with them. Any thread.
#pragma once

#include <cstdint>
#include <string>

#include <nlohmann/json_fwd.hpp>

namespace starocean::bench {

struct RxMachine {
  std::string cpu = {};     // the model's name; the architecture where Linux does not know one
  uint32_t cpus = 0;        // online
  uint32_t mhz = 0;         // now, of the first CPU; 0: not known
  bool is_virtual = false;  // a hypervisor is underneath (x86 only)
  uint64_t memory_bytes = 0;
  std::string kernel = {};    // "6.18.44", without the distributor's suffix
  std::string governor = {};  // of cpufreq; empty: none
  std::string spectre_v2 =
      {};  // the kernel's mitigation, which prices indirect calls; empty: not known
  bool bpf_jit = false;
};

RxMachine describe_rx_machine();

nlohmann::ordered_json rx_machine_json(const RxMachine& machine);
// "2 × AMD EPYC at 2450 MHz, a virtual machine, Linux 6.18.44".
std::string rx_machine_text(const RxMachine& machine);

}  // namespace starocean::bench
