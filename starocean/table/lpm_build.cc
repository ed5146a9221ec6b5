#include "starocean/table/lpm_build.h"

#include <algorithm>

#include "starocean/base/check.h"
#include "starocean/table/lpm_trie.h"

namespace starocean::table::lpm {
namespace {

uint32_t lines_of(size_t runs) {
  const size_t bytes = Node::kHeaderBytes + runs * sizeof(Word);
  return static_cast<uint32_t>((bytes + sizeof(Line) - 1) / sizeof(Line));
}

void update(std::atomic<Word>& word, Word next) {
  if (word.load(std::memory_order_relaxed) != next) word.store(next, std::memory_order_release);
}

// The words of a node over eight bits as runs.
struct Shape {
  explicit Shape(const Words256& all) {
    for (uint32_t i = 0; i < all.size(); ++i) {
      if (i % 64 == 0) before[i / 64] = static_cast<uint8_t>(runs);
      if (i > 0 && all[i] == all[i - 1]) continue;
      starts[i / 64] |= uint64_t{1} << i % 64;
      words[runs++] = all[i];
    }
  }

  uint32_t runs = 0;
  std::array<uint64_t, 4> starts{};
  std::array<uint8_t, 4> before{};
  Words256 words;
};

}  // namespace

uint32_t Runs::run_of(uint32_t at) const {
  uint32_t run = count - 1;
  while (starts[run] > at) --run;
  return run;
}

void Runs::split(uint32_t at) {
  if (at == 1u << 16) return;
  const uint32_t run = run_of(at);
  if (starts[run] == at) return;
  SO_CHECK(count < kMost, "an update adds two runs at most");
  for (uint32_t i = count; i > run + 1; --i) {
    starts[i] = starts[i - 1];
    words[i] = words[i - 1];
  }
  starts[run + 1] = at;
  words[run + 1] = words[run];
  ++count;
}

void Runs::merge() {
  uint32_t kept = 1;
  for (uint32_t i = 1; i < count; ++i) {
    if (words[i] == words[kept - 1]) continue;
    starts[kept] = starts[i];
    words[kept] = words[i];
    ++kept;
  }
  count = kept;
}

Words256 unfold(const Arena& arena, Word word) {
  Words256 words;
  if (!is_node(word)) {
    words.fill(word);
    return words;
  }
  for (uint32_t i = 0; i < words.size(); ++i) {
    words[i] = Trie::step8(arena, word, static_cast<uint8_t>(i));
  }
  return words;
}

Runs unfold_runs(const Arena& arena, Word word) {
  Runs runs;
  if (!is_node(word)) {
    runs.count = 1;
    runs.starts[0] = 0;
    runs.words[0] = word;
    return runs;
  }
  const auto* const node = reinterpret_cast<const PairNode*>(arena.line(value_of(word)));
  for (uint32_t i = 0; i < PairNode::kRuns; ++i) {
    if (i > 0 && node->starts[i] == node->starts[i - 1]) break;
    runs.starts[i] = node->starts[i];
    runs.words[i] = node->words[i].load(std::memory_order_relaxed);
    ++runs.count;
  }
  runs.merge();
  return runs;
}

Word rebuild(Arena& arena, Word old, const Words256& words) {
  const Shape shape(words);
  if (tag_of(old) == kNodeTag) {
    auto* const node = reinterpret_cast<Node*>(arena.line(value_of(old)));
    if (node->starts == shape.starts && shape.runs > 1) {
      for (uint32_t i = 0; i < shape.runs; ++i) update(node->words()[i], shape.words[i]);
      return old;
    }
  }
  if (is_node(old)) retire(arena, old);
  if (shape.runs == 1) return words[0];
  const uint32_t number = arena.allocate(lines_of(shape.runs));
  auto* const node = reinterpret_cast<Node*>(arena.line(number));
  node->starts = shape.starts;
  node->before = shape.before;
  for (uint32_t i = 0; i < shape.runs; ++i) {
    node->words()[i].store(shape.words[i], std::memory_order_relaxed);
  }
  return make_word(kNodeTag, number);
}

namespace {

Word rebuild_pair(Arena& arena, Word old, const Runs& runs) {
  const auto start_of = [&](uint32_t i) {
    return static_cast<uint16_t>(i < runs.count ? runs.starts[i] : 0xffff);
  };
  const auto word_of = [&](uint32_t i) { return runs.words[std::min(i, runs.count - 1)]; };
  if (tag_of(old) == kPairTag) {
    auto* const node = reinterpret_cast<PairNode*>(arena.line(value_of(old)));
    bool same = true;
    for (uint32_t i = 0; i < PairNode::kRuns; ++i) same &= node->starts[i] == start_of(i);
    if (same) {
      for (uint32_t i = 0; i < PairNode::kRuns; ++i) update(node->words[i], word_of(i));
      return old;
    }
  }
  if (is_node(old)) retire(arena, old);
  const uint32_t number = arena.allocate(1);
  auto* const node = reinterpret_cast<PairNode*>(arena.line(number));
  for (uint32_t i = 0; i < PairNode::kRuns; ++i) {
    node->starts[i] = start_of(i);
    node->words[i].store(word_of(i), std::memory_order_relaxed);
  }
  return make_word(kPairTag, number);
}

// By the first byte; what differs in the second goes below.
Word cut_in_two(Arena& arena, const Runs& runs) {
  Words256 first;
  for (uint32_t byte = 0; byte < first.size(); ++byte) {
    const uint32_t run = runs.run_of(byte << 8);
    first[byte] = runs.words[run];
    if (runs.end_of(run) >= (byte + 1) << 8) continue;
    Words256 second;
    for (uint32_t i = 0; i < second.size(); ++i) {
      second[i] = runs.words[runs.run_of(byte << 8 | i)];
    }
    first[byte] = rebuild(arena, 0, second);
  }
  return rebuild(arena, 0, first);
}

}  // namespace

Word rebuild(Arena& arena, Word old, const Runs& runs) {
  if (runs.count > 1 && runs.count <= PairNode::kRuns) return rebuild_pair(arena, old, runs);
  if (is_node(old)) retire(arena, old);
  return runs.count == 1 ? runs.words[0] : cut_in_two(arena, runs);
}

void retire(Arena& arena, Word node) {
  const uint32_t number = value_of(node);
  if (tag_of(node) == kPairTag) return arena.retire(number, 1);
  arena.retire(number, lines_of(reinterpret_cast<const Node*>(arena.line(number))->run_count()));
}

}  // namespace starocean::table::lpm
