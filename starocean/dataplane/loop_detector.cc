#include "starocean/dataplane/loop_detector.h"

namespace starocean::dataplane {

bool LoopDetector::observe(const MacMove& move, uint64_t now_ms) {
  const auto key = std::make_pair(move.bridge, move.mac);
  auto found = watched_.find(key);
  if (found == watched_.end()) {
    if (watched_.size() >= kMaxWatched) return false;
    found = watched_.emplace(key, Watched{}).first;
    found->second.loop.bridge = move.bridge;
    found->second.loop.mac = move.mac;
    found->second.window_start_ms = now_ms;
  }
  Watched& watched = found->second;
  if (now_ms - watched.window_start_ms > kWindowMs) {
    watched.window_start_ms = now_ms;
    watched.moves_in_window = 0;
  }
  ++watched.moves_in_window;
  ++watched.loop.moves;
  watched.loop.last_seen_ms = now_ms;
  watched.loop.ports.insert(move.from);
  watched.loop.ports.insert(move.to);
  if (watched.is_loop || watched.moves_in_window < kMovesForLoop) return false;
  watched.is_loop = true;
  return true;
}

void LoopDetector::expire(uint64_t now_ms) {
  std::erase_if(watched_, [&](const auto& entry) {
    const Watched& watched = entry.second;
    const uint64_t keep_ms = watched.is_loop ? kForgetMs : 2 * kWindowMs;
    return now_ms - watched.loop.last_seen_ms > keep_ms;
  });
}

std::vector<LoopDetector::Loop> LoopDetector::loops() const {
  std::vector<Loop> result;
  for (const auto& [key, watched] : watched_) {
    if (watched.is_loop) result.push_back(watched.loop);
  }
  return result;
}

}  // namespace starocean::dataplane
