// What a long trial loses, second by second, beside what the hypervisor did to the forwarder's CPU meanwhile: whether loss is
// the device's, or that of a CPU that was not there.
//
// Counts are read while frames are on their way, so frames of a second that are neither lost nor yet counted have to be told
// apart: what is missing at any later look was not lost before, so the lowest number that is missing from a moment on is what
// had been lost by then, up to the few that are always on their way.
//
// Control thread; pure but for what it is given.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "starocean/bench/cpu_absence.h"

namespace starocean::bench {

// Seconds by the longest absence that touched them.
struct SoakClass {
  uint64_t least_absence_ns = 0;
  uint64_t seconds = 0;  // intervals between two looks, which are a second apart
  uint64_t lost = 0;     // frames
};

inline constexpr std::array<uint64_t, 6> kSoakClassesNs = {
    0, kLeastAbsenceNs, 2 * kNsPerMs, 5 * kNsPerMs, 10 * kNsPerMs, 20 * kNsPerMs};

class SoakWatch {
 public:
  // Whether a second has gone by since the last look.
  bool due(uint64_t now_ns) const;
  void look(uint64_t now_ns, uint64_t generated, uint64_t received);
  // The last look, when nothing is on its way any more, and the classes, one for each of kSoakClassesNs. `absences` are in
  // the order of time. One that ended up to kSettleNs before a second counts for it, too: rings run over at its end.
  std::vector<SoakClass> finish(uint64_t now_ns, uint64_t generated, uint64_t received,
                                std::span<const Absence> absences);

  static constexpr uint64_t kSettleNs = 50 * kNsPerMs;

 private:
  struct Look {
    uint64_t at_ns = 0;
    uint64_t missing = 0;
  };
  std::vector<Look> looks_;
};

}  // namespace starocean::bench
