#include "starocean/bench/soak_watch.h"

#include <algorithm>

namespace starocean::bench {
namespace {

uint64_t longest_within(std::span<const Absence> absences, uint64_t from_ns, uint64_t to_ns) {
  // Found, not gone through: a soak may take a day, with a million absences.
  const auto is_over = [from_ns](const Absence& absence) {
    return absence.began_ns + absence.lasted_ns <= from_ns;
  };
  uint64_t longest_ns = 0;
  for (auto at = std::ranges::partition_point(absences, is_over);
       at != absences.end() && at->began_ns < to_ns; ++at) {
    longest_ns = std::max(longest_ns, at->lasted_ns);
  }
  return longest_ns;
}

size_t class_of(uint64_t absence_ns) {
  const auto above = std::ranges::upper_bound(kSoakClassesNs, absence_ns);
  return static_cast<size_t>(above - kSoakClassesNs.begin()) - 1;
}

}  // namespace

bool SoakWatch::due(uint64_t now_ns) const {
  return looks_.empty() || now_ns - looks_.back().at_ns >= kNsPerSecond;
}

void SoakWatch::look(uint64_t now_ns, uint64_t generated, uint64_t received) {
  looks_.push_back(
      {.at_ns = now_ns, .missing = generated > received ? generated - received : uint64_t{0}});
}

std::vector<SoakClass> SoakWatch::finish(uint64_t now_ns, uint64_t generated, uint64_t received,
                                         std::span<const Absence> absences) {
  look(now_ns, generated, received);
  for (size_t i = looks_.size() - 1; i > 0; --i) {
    looks_[i - 1].missing = std::min(looks_[i - 1].missing, looks_[i].missing);
  }
  std::vector<SoakClass> classes;
  classes.reserve(kSoakClassesNs.size());
  for (const uint64_t least_ns : kSoakClassesNs) classes.push_back({.least_absence_ns = least_ns});
  classes[0].lost = looks_[0].missing;
  for (size_t i = 1; i < looks_.size(); ++i) {
    const uint64_t from_ns = looks_[i - 1].at_ns - std::min(kSettleNs, looks_[i - 1].at_ns);
    SoakClass& found = classes[class_of(longest_within(absences, from_ns, looks_[i].at_ns))];
    ++found.seconds;
    found.lost += looks_[i].missing - looks_[i - 1].missing;
  }
  return classes;
}

}  // namespace starocean::bench
