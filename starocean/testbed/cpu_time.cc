#include "starocean/testbed/cpu_time.h"

#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>

#include <fmt/format.h>

#include "starocean/base/clock.h"

namespace starocean::testbed {
namespace {

uint64_t ticks_to_ns(uint64_t ticks) {
  static const auto ticks_per_second = static_cast<uint64_t>(sysconf(_SC_CLK_TCK));
  return ticks * (kNsPerSecond / ticks_per_second);
}

}  // namespace

CpuTime CpuTime::operator-(const CpuTime& earlier) const {
  return {.user_ns = user_ns - earlier.user_ns,
          .system_ns = system_ns - earlier.system_ns,
          .interrupt_ns = interrupt_ns - earlier.interrupt_ns,
          .idle_ns = idle_ns - earlier.idle_ns,
          .stolen_ns = stolen_ns - earlier.stolen_ns};
}

Result<CpuTime> cpu_time(int cpu) {
  std::ifstream file("/proc/stat");
  const std::string label = fmt::format("cpu{} ", cpu);
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(label)) continue;
    std::istringstream fields(line.substr(label.size()));
    uint64_t user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, steal = 0;
    fields >> user >> nice >> system >> idle >> iowait >> irq >> softirq >> steal;
    if (!fields) break;
    return CpuTime{.user_ns = ticks_to_ns(user + nice),
                   .system_ns = ticks_to_ns(system),
                   .interrupt_ns = ticks_to_ns(irq + softirq),
                   .idle_ns = ticks_to_ns(idle + iowait),
                   .stolen_ns = ticks_to_ns(steal)};
  }
  return fail(fmt::format("cannot read the time of CPU {}", cpu), "/proc/stat does not list it",
              "name a CPU that is online");
}

Result<CpuTime> process_time(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::string line;
  std::getline(file, line);
  // The program's name, in parentheses, may hold anything; fields are counted from behind it.
  const size_t name_end = line.rfind(')');
  if (name_end == std::string::npos) {
    return fail(fmt::format("cannot read the CPU time of process {}", pid), "it has ended");
  }
  std::istringstream fields(line.substr(name_end + 1));
  constexpr int kFieldsBeforeUtime = 11;  // 3 (state) to 13 (cmajflt)
  std::string skipped;
  for (int i = 0; i < kFieldsBeforeUtime; ++i) fields >> skipped;
  uint64_t user = 0, system = 0;
  fields >> user >> system;
  if (!fields)
    return fail(fmt::format("cannot read the CPU time of process {}", pid), "bad format");
  return CpuTime{.user_ns = ticks_to_ns(user), .system_ns = ticks_to_ns(system)};
}

Result<uint64_t> process_resident_bytes(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/status", pid));
  uint64_t kilobytes = 0;
  bool found = false;
  for (std::string line; std::getline(file, line);) {
    std::istringstream fields(line);
    std::string key;
    uint64_t value = 0;
    if (!(fields >> key >> value) || (key != "VmRSS:" && key != "HugetlbPages:")) continue;
    kilobytes += value;
    found = true;
  }
  if (!found) return fail(fmt::format("cannot read the memory of process {}", pid), "it has ended");
  return kilobytes * 1024;
}

}  // namespace starocean::testbed
