#include "starocean/table/lpm_trie.h"

#include <utility>

#include "starocean/base/check.h"
#include "starocean/table/lpm_build.h"

namespace starocean::table::lpm {
namespace {

// More lines than an update can take: a node for every eight bits, and one over 16 bits cut in pieces.
constexpr uint32_t kMostLinesOfUpdate = (128 - Trie::kFirstBits) / 8 * Arena::kMaxNodeLines;

}  // namespace

// What an update does to the words of its prefix.
struct Trie::Change {
  bool insertion;
  uint32_t length;
  Word to;

  bool concerns(Word leaf) const {
    return insertion ? tag_of(leaf) <= length : tag_of(leaf) == length;
  }
};

Result<Trie> Trie::create(Arena& arena, Root::Form form, const char* what) {
  auto root = Root::create(arena.qsbr(), form, what);
  if (!root) return fail(root.error());
  return Trie(arena, std::move(*root));
}

Trie::Trie(Arena& arena, Root root) : arena_(&arena), root_(std::move(root)) {}

Trie::~Trie() {
  root_.for_each_node([this](Word word) { retire_all(word); });
  arena_->commit();
}

bool Trie::insert(const Bits128& prefix, uint32_t length, uint32_t value) {
  SO_DCHECK(value != 0 && value <= kMaxValue, "a value has 24 bits and is not 0");
  if (length == 0) {
    set_default(value);
    return true;
  }
  if (length > kFirstBits && !arena_->has_room(kMostLinesOfUpdate)) return false;
  apply(prefix, {true, length, make_word(length, value)});
  return true;
}

void Trie::erase(const Bits128& prefix, uint32_t length, uint32_t cover, uint32_t cover_length) {
  if (length == 0) {
    set_default(0);
    return;
  }
  apply(prefix, {false, length, cover_length == 0 ? 0 : make_word(cover_length, cover)});
}

void Trie::set_default(uint32_t value) {
  const Word old = default_.load(std::memory_order_relaxed);
  default_.store(make_word(tag_of(old) + 1, value), std::memory_order_release);
}

void Trie::apply(const Bits128& prefix, const Change& change) {
  const uint32_t begin = prefix.first24();
  const uint32_t count = change.length >= kFirstBits ? 1 : 1u << (kFirstBits - change.length);
  for (uint32_t i = begin; i < begin + count; ++i) {
    const Word old = root_[i];
    const Word next =
        change.length > kFirstBits ? descend(old, prefix, kFirstBits, change) : paint(old, change);
    if (next != old) root_.set(i, old, next);
  }
  arena_->commit();
}

// The prefix is longer than `offset`, and lies in what `old` stands for. Returns what replaces it.
Word Trie::descend(Word old, const Bits128& prefix, uint32_t offset, const Change& change) {
  const bool pair = is_node(old) ? tag_of(old) == kPairTag : offset % 16 == 0;
  return pair ? descend16(old, prefix, offset, change) : descend8(old, prefix, offset, change);
}

Word Trie::descend8(Word old, const Bits128& prefix, uint32_t offset, const Change& change) {
  Words256 words = unfold(*arena_, old);
  const uint32_t begin = prefix.byte(offset);
  const uint32_t end_offset = offset + 8;
  if (change.length > end_offset) {
    const Word next = descend(words[begin], prefix, end_offset, change);
    if (next == words[begin]) return old;
    words[begin] = next;
  } else {
    const uint32_t count = 1u << (end_offset - change.length);
    for (uint32_t i = begin; i < begin + count; ++i) words[i] = paint(words[i], change);
  }
  return rebuild(*arena_, old, words);
}

Word Trie::descend16(Word old, const Bits128& prefix, uint32_t offset, const Change& change) {
  Runs runs = unfold_runs(*arena_, old);
  const uint32_t begin = prefix.pair(offset);
  const uint32_t end_offset = offset + 16;
  if (change.length > end_offset) {
    const Word before = runs.words[runs.run_of(begin)];
    const Word next = descend(before, prefix, end_offset, change);
    if (next == before) return old;
    runs.split(begin);
    runs.split(begin + 1);
    runs.words[runs.run_of(begin)] = next;
  } else {
    const uint32_t end = begin + (1u << (end_offset - change.length));
    runs.split(begin);
    runs.split(end);
    for (uint32_t i = runs.run_of(begin); i < runs.count && runs.starts[i] < end; ++i) {
      runs.words[i] = paint(runs.words[i], change);
    }
  }
  runs.merge();
  return rebuild(*arena_, old, runs);
}

// All of what `old` stands for lies in the prefix. A node's shape stays as it is: the words that change are
// equal, those of the route that shone through, and become what is nowhere else in the node.
Word Trie::paint(Word old, const Change& change) {
  if (!is_node(old)) return change.concerns(old) ? change.to : old;
  for_each_place(*arena_, old, [&](std::atomic<Word>& place) {
    const Word word = place.load(std::memory_order_relaxed);
    const Word next = paint(word, change);
    if (next != word) place.store(next, std::memory_order_release);
  });
  return old;
}

void Trie::retire_all(Word word) {
  Word last = 0;
  for_each_place(*arena_, word, [&](std::atomic<Word>& place) {
    const Word below = place.load(std::memory_order_relaxed);
    if (is_node(below) && below != last) retire_all(below);
    last = below;
  });
  retire(*arena_, word);
}

}  // namespace starocean::table::lpm
