#include <fmt/format.h>

#include "starocean/bench/forward_report.h"

namespace starocean::bench {
namespace {

constexpr double kMillion = 1e6;

// What the hypervisor did to the forwarder's CPU, and how much of the loss was then.
std::string fate_of_cpu(const Soak& soak) {
  const auto ms = [](uint64_t ns) { return 1e3 * seconds_of(ns); };
  std::string text = fmt::format(
      "; the forwarder's CPU was away for {:.0f} ms and more {} times, {:.0f} ms in all, {:.1f} ms "
      "at most",
      ms(kLeastAbsenceNs), soak.absences.count, ms(soak.absences.sum_ns),
      ms(soak.absences.longest_ns));
  for (const SoakClass& each : soak.by_absence) {
    if (each.seconds == 0) continue;
    text += each.least_absence_ns == 0
                ? fmt::format("; {} frames lost in the {} seconds in which it was not", each.lost,
                              each.seconds)
                : fmt::format(", {} in {} with one of {:.0f} ms and more", each.lost, each.seconds,
                              ms(each.least_absence_ns));
  }
  return text;
}

}  // namespace

std::string soak_text(const Soak& soak) {
  constexpr double kMegabyte = 1 << 20;
  const double grown_bytes = static_cast<double>(soak.resident_after_bytes) -
                             static_cast<double>(soak.resident_before_bytes);
  std::string text = fmt::format(
      "{:.0f} s at 80 % of PDR, {:.3f} Mpps: {} of {} frames lost ({:.4f} %), resident memory "
      "{:+.2f} MiB",
      soak.trial.seconds, soak.trial.offered_pps / kMillion, soak.trial.lost, soak.trial.generated,
      soak.trial.loss_ratio() * 100, grown_bytes / kMegabyte);
  if (soak.frames_missing) text += fmt::format(", {} packet buffers missing", *soak.frames_missing);
  return text + fate_of_cpu(soak);
}

}  // namespace starocean::bench
