#include "starocean/table/lpm_trie.h"

#include <algorithm>
#include <utility>

#include "starocean/base/check.h"

namespace starocean::table::lpm {
namespace {

constexpr size_t kFirstWords = size_t{1} << Trie::kFirstBits;
constexpr size_t kBlockWords = 4096;
// Nodes from the 24th bit to the 128th.
constexpr uint32_t kMaxDepth = (128 - Trie::kFirstBits) / 8;

uint32_t lines_of(size_t words) {
  const size_t bytes = sizeof(IndexedNode) + words * sizeof(Word);
  return static_cast<uint32_t>((bytes + sizeof(Line) - 1) / sizeof(Line));
}

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

// How the words of a node are kept: as runs, and by an index to the distinct ones.
struct Trie::Shape {
  explicit Shape(const std::array<Word, 256>& words);
  bool small() const { return runs <= SmallNode::kRuns; }

  uint32_t runs = 0;
  uint32_t distinct = 0;
  std::array<uint8_t, SmallNode::kRuns> starts;
  std::array<Word, SmallNode::kRuns> run_words;
  std::array<uint8_t, 256> index;
  std::array<Word, 256> words;
};

Trie::Shape::Shape(const std::array<Word, 256>& all) {
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

Result<Trie> Trie::create(Arena& arena, const char* what) {
  auto memory = ReservedMemory::map(kFirstWords * sizeof(Word), what);
  if (!memory) return fail(memory.error());
  return Trie(arena, std::move(*memory));
}

Trie::Trie(Arena& arena, ReservedMemory memory)
    : arena_(&arena),
      memory_(std::move(memory)),
      first_(memory_.as<std::atomic<Word>>()),
      has_nodes_(kFirstWords / kBlockWords) {}

Trie::~Trie() {
  if (memory_.bytes().empty()) return;
  for (size_t block = 0; block < has_nodes_.size(); ++block) {
    if (!has_nodes_[block]) continue;
    for (size_t i = 0; i < kBlockWords; ++i) {
      retire_all(first_[block * kBlockWords + i].load(std::memory_order_relaxed));
    }
  }
  arena_->commit();
}

bool Trie::insert(const Bits128& prefix, uint32_t length, uint32_t value) {
  SO_DCHECK(value != 0 && value <= kMaxValue, "a value has 24 bits and is not 0");
  if (length == 0) {
    set_default(value);
    return true;
  }
  if (length > kFirstBits && !arena_->has_room(kMaxDepth * Arena::kMaxNodeLines)) return false;
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
    const Word old = first_[i].load(std::memory_order_relaxed);
    const Word next =
        change.length > kFirstBits ? descend(old, prefix, kFirstBits, change) : paint(old, change);
    if (next != old) first_[i].store(next, std::memory_order_release);
    if (is_node(next)) has_nodes_[i / kBlockWords] = true;
  }
  arena_->commit();
}

// The prefix is longer than `offset`, and lies in what `old` stands for. Returns what replaces it.
Word Trie::descend(Word old, const Bits128& prefix, uint32_t offset, const Change& change) {
  std::array<Word, 256> words;
  unfold(old, words);
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
  return replace(old, words);
}

// All of what `old` stands for lies in the prefix. A node's shape stays as it is: the words that change are
// equal, those of the route that shone through, and become what is nowhere else in the node.
Word Trie::paint(Word old, const Change& change) {
  if (!is_node(old)) return change.concerns(old) ? change.to : old;
  const auto paint_all = [&](std::atomic<Word>* words, uint32_t count) {
    for (uint32_t i = 0; i < count; ++i) {
      const Word word = words[i].load(std::memory_order_relaxed);
      const Word next = paint(word, change);
      if (next != word) words[i].store(next, std::memory_order_release);
    }
  };
  Line* line = arena_->line(value_of(old));
  if (tag_of(old) == kSmallTag) {
    paint_all(reinterpret_cast<SmallNode*>(line)->words.data(), SmallNode::kRuns);
  } else {
    auto* node = reinterpret_cast<IndexedNode*>(line);
    paint_all(node->words(), *std::max_element(node->index.begin(), node->index.end()) + 1u);
  }
  return old;
}

Word Trie::replace(Word old, const std::array<Word, 256>& words) {
  const Shape shape(words);
  if (is_node(old)) {
    if (update_in_place(old, shape)) return old;
    retire(old);
  }
  if (shape.runs == 1 && !is_node(words[0])) return words[0];
  return build(shape);
}

void Trie::unfold(Word word, std::array<Word, 256>& words) const {
  if (!is_node(word)) {
    words.fill(word);
    return;
  }
  for (uint32_t i = 0; i < words.size(); ++i) {
    words[i] = step(*arena_, word, static_cast<uint8_t>(i));
  }
}

Word Trie::build(const Shape& shape) {
  if (shape.small()) {
    const uint32_t number = arena_->allocate(1);
    auto* node = reinterpret_cast<SmallNode*>(arena_->line(number));
    node->starts.fill(255);
    std::copy_n(shape.starts.begin(), shape.runs, node->starts.begin());
    for (uint32_t i = 0; i < SmallNode::kRuns; ++i) {
      node->words[i].store(shape.run_words[std::min(i, shape.runs - 1)], std::memory_order_relaxed);
    }
    return make_word(kSmallTag, number);
  }
  const uint32_t number = arena_->allocate(lines_of(shape.distinct));
  auto* node = reinterpret_cast<IndexedNode*>(arena_->line(number));
  node->index = shape.index;
  for (uint32_t i = 0; i < shape.distinct; ++i) {
    node->words()[i].store(shape.words[i], std::memory_order_relaxed);
  }
  return make_word(kIndexedTag, number);
}

// If the node has this shape already: only words change.
bool Trie::update_in_place(Word old, const Shape& shape) {
  const auto update = [](std::atomic<Word>& word, Word next) {
    if (word.load(std::memory_order_relaxed) != next) word.store(next, std::memory_order_release);
  };
  Line* line = arena_->line(value_of(old));
  if (tag_of(old) == kSmallTag) {
    if (!shape.small() || shape.runs == 1) return false;
    auto* node = reinterpret_cast<SmallNode*>(line);
    for (uint32_t i = 0; i < SmallNode::kRuns; ++i) {
      if (node->starts[i] != (i < shape.runs ? shape.starts[i] : 255)) return false;
    }
    // Of a last run that begins at 255, the words behind it are the same ones.
    for (uint32_t i = 0; i < SmallNode::kRuns; ++i) {
      update(node->words[i], shape.run_words[std::min(i, shape.runs - 1)]);
    }
    return true;
  }
  auto* node = reinterpret_cast<IndexedNode*>(line);
  if (shape.small() || node->index != shape.index) return false;
  for (uint32_t i = 0; i < shape.distinct; ++i) update(node->words()[i], shape.words[i]);
  return true;
}

void Trie::retire(Word node) {
  const uint32_t number = value_of(node);
  uint32_t lines = 1;
  if (tag_of(node) == kIndexedTag) {
    const auto* indexed = reinterpret_cast<const IndexedNode*>(arena_->line(number));
    lines = lines_of(*std::max_element(indexed->index.begin(), indexed->index.end()) + 1u);
  }
  arena_->retire(number, lines);
}

void Trie::retire_all(Word word) {
  if (!is_node(word)) return;
  std::array<Word, 256> words;
  unfold(word, words);
  Word last = 0;
  for (const Word below : words) {
    if (below != last) retire_all(below);
    last = below;
  }
  retire(word);
}

size_t Trie::memory_bytes() const {
  return memory_.resident_bytes();
}

}  // namespace starocean::table::lpm
