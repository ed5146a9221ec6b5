#include "starocean/bench/send_report.h"

#include "starocean/base/clock.h"

namespace starocean::bench {
namespace {

constexpr double kTolerance = 0.005;

}  // namespace

double SendReport::generated_per_second() const {
  if (generated < 2 || last_ns <= first_ns + paused_ns) return 0;
  return static_cast<double>(generated - 1) * static_cast<double>(kNsPerSecond) /
         static_cast<double>(last_ns - first_ns - paused_ns);
}

double SendReport::sent_per_second() const {
  if (generated == 0) return 0;
  return generated_per_second() * static_cast<double>(sent) / static_cast<double>(generated);
}

bool SendReport::reached(const Load& load) const {
  if (load.frames_per_second <= 0 || generated < 2) return true;
  return generated_per_second() >= load.frames_per_second * (1 - kTolerance);
}

}  // namespace starocean::bench
