#include "starocean/table/lpm_build.h"

#include <algorithm>

#include "starocean/base/check.h"
#include "starocean/table/lpm_trie.h"

namespace starocean::table::lpm {
namespace {

uint32_t lines_of(size_t words) {
  const size_t bytes = sizeof(IndexedNode) + words * sizeof(Word);
  return static_cast<uint32_t>((bytes + sizeof(Line) - 1) / sizeof(Line));
}

void update(std::atomic<Word>& word, Word next) {
  if (word.load(std::memory_order_relaxed) != next) word.store(next, std::memory_order_release);
}

// How the words of a node over eight bits are kept: as runs, and by an index to the distinct ones.
struct Shape {
  explicit Shape(const Words256& words);
  bool small() const { return runs <= SmallNode::kRuns; }

  uint32_t runs = 0;
  uint32_t distinct = 0;
  std::array<uint8_t, SmallNode::kRuns> starts;
  std::array<Word, SmallNode::kRuns> run_words;
  std::array<uint8_t, 256> index;
  Words256 words;
};

Shape::Shape(const Words256& all) {
  for (uint32_t i = 0; i < all.size(); ++i) {
    if (i > 0 && all[i] == all[i - 1]) {
      index[i] = index[i - 1];
      continue;
    }
    if (runs < SmallNode::kRuns) {
      starts[runs] = static_cast<uint8_t>(i);
      run_words[runs] = all[i];
    }
    ++runs;
    auto* const end = words.data() + distinct;
    auto* const known = std::find(words.data(), end, all[i]);
    index[i] = static_cast<uint8_t>(known - words.data());
    if (known == end) words[distinct++] = all[i];
  }
}

// A SmallNode or PairNode: of fewer runs than it has room for, the rest begin at the last place, and repeat the
// last one's word.
template <class Node, class Starts, class Words>
void fill(Node& node, uint32_t runs, const Starts& starts, const Words& words) {
  node.starts.fill(static_cast<typename decltype(node.starts)::value_type>(~0u));
  for (uint32_t i = 0; i < runs; ++i) {
    node.starts[i] = static_cast<typename decltype(node.starts)::value_type>(starts[i]);
  }
  for (uint32_t i = 0; i < Node::kRuns; ++i) {
    node.words[i].store(words[std::min(i, runs - 1)], std::memory_order_relaxed);
  }
}

template <class Node, class Starts, class Words>
bool update_runs(Node& node, uint32_t runs, const Starts& starts, const Words& words) {
  constexpr auto kLast = static_cast<typename decltype(node.starts)::value_type>(~0u);
  for (uint32_t i = 0; i < Node::kRuns; ++i) {
    if (node.starts[i] != (i < runs ? starts[i] : kLast)) return false;
  }
  for (uint32_t i = 0; i < Node::kRuns; ++i) update(node.words[i], words[std::min(i, runs - 1)]);
  return true;
}

Word build(Arena& arena, const Shape& shape) {
  if (shape.small()) {
    const uint32_t number = arena.allocate(1);
    fill(*reinterpret_cast<SmallNode*>(arena.line(number)), shape.runs, shape.starts,
         shape.run_words);
    return make_word(kSmallTag, number);
  }
  const uint32_t number = arena.allocate(lines_of(shape.distinct));
  auto* const node = reinterpret_cast<IndexedNode*>(arena.line(number));
  node->index = shape.index;
  for (uint32_t i = 0; i < shape.distinct; ++i) {
    node->words()[i].store(shape.words[i], std::memory_order_relaxed);
  }
  return make_word(kIndexedTag, number);
}

// If the node has this shape already: only words change.
bool update_in_place(Arena& arena, Word old, const Shape& shape) {
  Line* const line = arena.line(value_of(old));
  if (tag_of(old) == kSmallTag) {
    return shape.small() && shape.runs > 1 &&
           update_runs(*reinterpret_cast<SmallNode*>(line), shape.runs, shape.starts,
                       shape.run_words);
  }
  if (tag_of(old) != kIndexedTag) return false;
  auto* const node = reinterpret_cast<IndexedNode*>(line);
  if (shape.small() || node->index != shape.index) return false;
  for (uint32_t i = 0; i < shape.distinct; ++i) update(node->words()[i], shape.words[i]);
  return true;
}

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
  if (is_node(old)) {
    if (update_in_place(arena, old, shape)) return old;
    retire(arena, old);
  }
  if (shape.runs == 1 && !is_node(words[0])) return words[0];
  return build(arena, shape);
}

Word rebuild(Arena& arena, Word old, const Runs& runs) {
  if (runs.count == 1 || runs.count > PairNode::kRuns) {
    if (is_node(old)) retire(arena, old);
    if (runs.count == 1) return runs.words[0];
    // By the first byte; what differs in the second goes below.
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
  if (is_node(old)) {
    auto& node = *reinterpret_cast<PairNode*>(arena.line(value_of(old)));
    if (update_runs(node, runs.count, runs.starts, runs.words)) return old;
    retire(arena, old);
  }
  const uint32_t number = arena.allocate(1);
  fill(*reinterpret_cast<PairNode*>(arena.line(number)), runs.count, runs.starts, runs.words);
  return make_word(kPairTag, number);
}

void retire(Arena& arena, Word node) {
  const uint32_t number = value_of(node);
  if (tag_of(node) != kIndexedTag) return arena.retire(number, 1);
  const auto* const indexed = reinterpret_cast<const IndexedNode*>(arena.line(number));
  arena.retire(number, lines_of(indexed->word_count()));
}

}  // namespace starocean::table::lpm
