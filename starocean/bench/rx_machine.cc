#include "starocean/bench/rx_machine.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <cmath>
#include <fstream>
#include <sstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace starocean::bench {
namespace {

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// Behind "name   : " in the first such line of /proc/cpuinfo.
std::string cpuinfo(const std::string& name) {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const size_t colon = line.find(':');
    if (!line.starts_with(name) || colon == std::string::npos) continue;
    const size_t value = line.find_first_not_of(' ', colon + 1);
    return value == std::string::npos ? "" : line.substr(value);
  }
  return {};
}

bool has_word(const std::string& text, const std::string& wanted) {
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    if (word == wanted) return true;
  }
  return false;
}

}  // namespace

RxMachine describe_rx_machine() {
  RxMachine machine;
  utsname name{};
  uname(&name);
  machine.cpu = cpuinfo("model name");
  if (machine.cpu.empty()) machine.cpu = name.machine;
  machine.cpus = static_cast<uint32_t>(sysconf(_SC_NPROCESSORS_ONLN));
  std::istringstream(cpuinfo("cpu MHz")) >> machine.mhz;
  machine.is_virtual = has_word(cpuinfo("flags"), "hypervisor");
  machine.memory_bytes = static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) *
                         static_cast<uint64_t>(sysconf(_SC_PAGE_SIZE));
  const std::string release = name.release;
  machine.kernel = release.substr(0, release.find('-'));
  machine.governor = first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
  machine.spectre_v2 = first_line("/sys/devices/system/cpu/vulnerabilities/spectre_v2");
  const std::string jit = first_line("/proc/sys/net/core/bpf_jit_enable");
  machine.bpf_jit = !jit.empty() && jit != "0";
  return machine;
}

nlohmann::ordered_json rx_machine_json(const RxMachine& machine) {
  return {{"cpu", machine.cpu},
          {"cpus", machine.cpus},
          {"mhz", machine.mhz},
          {"virtual", machine.is_virtual},
          {"memory_bytes", machine.memory_bytes},
          {"kernel", machine.kernel},
          {"governor", machine.governor},
          {"spectre_v2", machine.spectre_v2},
          {"bpf_jit", machine.bpf_jit}};
}

std::string rx_machine_text(const RxMachine& machine) {
  return fmt::format("{} × {}{}{}, Linux {}", machine.cpus, machine.cpu,
                     machine.mhz != 0 ? fmt::format(" at {} MHz", machine.mhz) : "",
                     machine.is_virtual ? ", a virtual machine" : "", machine.kernel);
}

}  // namespace starocean::bench
