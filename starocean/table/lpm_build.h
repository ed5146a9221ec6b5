// Nodes made of words, and words of nodes: what the writer of a trie does with those that change their shape.
#pragma once

#include <array>
#include <cstdint>

#include "starocean/table/lpm_arena.h"
#include "starocean/table/lpm_node.h"

namespace starocean::table::lpm {

// The words of a node over eight bits, one by one.
using Words256 = std::array<Word, 256>;

// The words of a node over sixteen bits, as runs: up to what one update makes of a full node.
struct Runs {
  static constexpr uint32_t kMost = PairNode::kRuns + 2;

  uint32_t count = 0;
  std::array<uint32_t, kMost> starts;  // ascending, the first 0
  std::array<Word, kMost> words;

  uint32_t end_of(uint32_t run) const { return run + 1 < count ? starts[run + 1] : 1u << 16; }
  uint32_t run_of(uint32_t at) const;
  // Makes `at`, not above 2^16, the start of a run.
  void split(uint32_t at);
  // Makes neighbours that are equal one.
  void merge();
};

// Of a node of that kind, or of what a single word stands for.
Words256 unfold(const Arena& arena, Word word);
Runs unfold_runs(const Arena& arena, Word word);

// The word for these words, in place of `old`, a node or not: the same if only words in it changed, which are
// stored; else a new node, or a word alone. An old node is then retired.
Word rebuild(Arena& arena, Word old, const Words256& words);
// If there are too many runs for one line, a node over eight bits, and more below it.
Word rebuild(Arena& arena, Word old, const Runs& runs);

// Calls f(std::atomic<Word>&) for each place for a word; several may have the same.
template <class F>
void for_each_place(Arena& arena, Word node, F&& f) {
  Line* const line = arena.line(value_of(node));
  if (tag_of(node) == kPairTag) {
    for (auto& word : reinterpret_cast<PairNode*>(line)->words) f(word);
    return;
  }
  auto* const at = reinterpret_cast<Node*>(line);
  for (uint32_t run = 0; run < at->run_count(); ++run) f(at->words()[run]);
}

void retire(Arena& arena, Word node);

}  // namespace starocean::table::lpm
