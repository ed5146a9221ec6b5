#include "starocean/bench/machine.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include <fmt/format.h>

#include "starocean/bench/cpu_thief.h"
#include "starocean/bench/generator.h"
#include "starocean/control/version.h"

namespace starocean::bench {
namespace {

// The value of the first line of a file that begins with `key`, or nothing.
std::string value_of(const char* path, const std::string& key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(key)) continue;
    const size_t colon = line.find(':');
    const size_t from = line.find_first_not_of(" \t", colon + 1);
    return colon == std::string::npos || from == std::string::npos ? "" : line.substr(from);
  }
  return "";
}

std::string first_line(const char* path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::string megabytes(const std::string& kilobytes) {
  uint64_t value = 0;
  std::istringstream(kilobytes) >> value;
  return fmt::format("{} MiB", value / 1024);
}

std::string forwarder_text(const ForwardOptions& options) {
  std::string text = fmt::format("CPU {}", options.placement.forwarder_cpu);
  if (options.forwarder_share < 1) {
    text += fmt::format(
        ", of which {:.0f} % are left to it: an interrupt there takes the rest, a piece of every "
        "{} µs, so that the device is the limit and not the generator; rates are of this slower "
        "CPU",
        options.forwarder_share * 100, kThiefPeriodNs / 1000);
  }
  return text;
}

}  // namespace

Settings describe_machine() {
  utsname name{};
  uname(&name);
  const std::string release = name.release;
  const bool is_virtual =
      value_of("/proc/cpuinfo", "flags").find(" hypervisor") != std::string::npos;
  const std::string governor = first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
  return {{"cpu", value_of("/proc/cpuinfo", "model name")},
          {"cpus", fmt::to_string(sysconf(_SC_NPROCESSORS_ONLN))},
          {"architecture", name.machine},
          {"virtual", is_virtual ? "yes" : "no"},
          {"kernel", release.substr(0, release.find('-'))},
          {"memory", megabytes(value_of("/proc/meminfo", "MemTotal"))},
          {"free huge pages", value_of("/proc/meminfo", "HugePages_Free") + " of " +
                                  value_of("/proc/meminfo", "Hugepagesize")},
          {"governor", governor.empty() ? "none" : governor},
          {"clock", first_line("/sys/devices/system/clocksource/clocksource0/current_clocksource")},
          {"starocean", std::string(control::version_text())}};
}

Settings describe_method(const ForwardOptions& options) {
  const Placement& at = options.placement;
  return {
      {"wires", "gen0 → in0 [device under test] out0 → sink0; veth, one queue"},
      {"mode", "AF_XDP in copy mode: veth has no zero-copy"},
      {"generator",
       fmt::format("CPU {}, BPF live frames, for frames beyond {} bytes AF_XDP, open loop, "
                   "CLOCK_MONOTONIC",
                   at.generator_cpu, kMaxLiveFrameBytes)},
      {"checker",
       fmt::format("in sink0's driver, on CPU {}: every frame's sequence, order, checksums "
                   "and bytes, by flow",
                   at.checker_cpu)},
      {"forwarder", forwarder_text(options)},
      {"receive processing",
       options.receive_cpu >= 0
           ? fmt::format("of in0 on CPU {}", options.receive_cpu)
           : fmt::format("of in0 on CPU {}, for what runs in the kernel on CPU {}",
                         at.generator_cpu, at.forwarder_cpu)},
      {"polling",
       fmt::format(
           "sink0, and in0 where it is not on the generator's CPU, polled by a timer every {} µs, "
           "{} µs while delay is measured, but for what AF_XDP sends; placement is counted per "
           "trial",
           kPollIntervalNs / 1000, kDelayPollIntervalNs / 1000)},
      {"flows", options.random_order
                    ? "at random"
                    : "in turn: each comes again when all others have been; generator and checker "
                      "find theirs side by side"},
      {"MAC addresses", "half as many on each side as there are flows, taught both ways before"},
      {"routers",
       "are sent frames from one neighbour to half as many IPv4 destinations as there are flows "
       "(65,000 at most), in one "
       "prefix, with one next hop; the checker looks at TTL and destination MAC address too"},
      {"trial", fmt::format("{} s; a load is judged by the majority of up to {}",
                            options.trial_seconds, options.votes)},
      {"PDR", fmt::format("loss at most {} %, searched to {} %", options.loss_ratio * 100,
                          options.precision * 100)},
      {"NDR", "no loss"},
      {"loss", "of all frames generated: those that the ring of in0 refused are lost too"},
      {"delay",
       fmt::format(
           "from sending to sink0's driver; at half of the own PDR, from the second repetition on "
           "at half of what the best peer's was in the one before, and at 200 kpps for all, but "
           "for "
           "what AF_XDP sends; again, {} times at most, where the hypervisor took more than {:.1f} "
           "% "
           "of the two CPUs' time",
           kMostDelayRepeats, kQuietStolenShare * 100)},
      {"repetitions", fmt::format("{}, devices and scenarios interleaved, another device first "
                                  "each time, each with a new set-up",
                                  options.pairs)},
      {"command", options.command}};
}

}  // namespace starocean::bench
