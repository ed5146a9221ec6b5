#include "starocean/table/lpm_root.h"

#include <utility>

namespace starocean::table::lpm {
namespace {

constexpr size_t kRetiredBeforeCollect = 64;

}  // namespace

Result<Root> Root::create(ring::Qsbr& qsbr, Form form, const char* what) {
  // Only address space until it is used.
  auto wide = ReservedMemory::map(size_t{kWords} * sizeof(Word), what);
  if (!wide) return fail(wide.error());
  if (form == Form::kWide) {
    Root root(qsbr, {}, {}, std::move(*wide));
    root.wide_ = root.wide_memory_.as<std::atomic<Word>>();
    return root;
  }
  auto numbers = ReservedMemory::map(size_t{kWords} * sizeof(uint16_t), what);
  if (!numbers) return fail(numbers.error());
  auto palette = ReservedMemory::map(kPalette * sizeof(Word), what);
  if (!palette) return fail(palette.error());
  return Root(qsbr, std::move(*numbers), std::move(*palette), std::move(*wide));
}

Root::Root(ring::Qsbr& qsbr, ReservedMemory numbers, ReservedMemory palette, ReservedMemory wide)
    : qsbr_(&qsbr),
      numbers_memory_(std::move(numbers)),
      palette_memory_(std::move(palette)),
      wide_memory_(std::move(wide)),
      numbers_(numbers_memory_.as<std::atomic<uint16_t>>()),
      palette_(palette_memory_.as<std::atomic<Word>>()),
      uses_(1),
      has_nodes_(kWords / kBlockWords) {}

Root::Root(Root&& other) noexcept
    : qsbr_(other.qsbr_),
      numbers_memory_(std::move(other.numbers_memory_)),
      palette_memory_(std::move(other.palette_memory_)),
      wide_memory_(std::move(other.wide_memory_)),
      numbers_(other.numbers_),
      palette_(other.palette_),
      wide_(other.wide_.exchange(nullptr)),
      uses_(std::exchange(other.uses_, {})),
      number_of_(std::move(other.number_of_)),
      last_word_(other.last_word_),
      last_number_(other.last_number_),
      has_nodes_(std::exchange(other.has_nodes_, {})),
      free_(std::move(other.free_)),
      retired_(std::move(other.retired_)) {}

void Root::set(uint32_t i, Word old, Word next) {
  if (std::atomic<Word>* wide = wide_.load(std::memory_order_relaxed); wide != nullptr) {
    if (is_node(next)) has_nodes_[i / kBlockWords] = true;
    wide[i].store(next, std::memory_order_release);
    return;
  }
  const uint16_t before = numbers_[i].load(std::memory_order_relaxed);
  if (is_node(old) && is_node(next)) {
    palette_[before].store(next, std::memory_order_release);
    return;
  }
  uint16_t number = 0;
  if (!take_number(next, number)) {
    widen();
    set(i, old, next);
    return;
  }
  numbers_[i].store(number, std::memory_order_release);
  release_number(before);
}

bool Root::take_number(Word word, uint16_t& number) {
  number = 0;
  if (word == 0) return true;
  if (word == last_word_) {
    number = last_number_;
    ++uses_[number];
    return true;
  }
  if (!is_node(word)) {
    if (const auto known = number_of_.find(word); known != number_of_.end()) {
      number = known->second;
      ++uses_[number];
      last_word_ = word;
      last_number_ = number;
      return true;
    }
  }
  if (free_.empty()) {
    if (uses_.size() == kPalette) return false;
    free_.push_back(static_cast<uint16_t>(uses_.size()));
    uses_.push_back(0);
  }
  number = free_.back();
  free_.pop_back();
  palette_[number].store(word, std::memory_order_release);
  uses_[number] = 1;
  if (!is_node(word)) number_of_.emplace(word, number);
  return true;
}

void Root::release_number(uint16_t number) {
  if (number == 0 || --uses_[number] != 0) return;
  const Word word = palette_[number].load(std::memory_order_relaxed);
  if (word == last_word_) last_word_ = 0;
  if (!is_node(word)) number_of_.erase(word);
  retired_.retire(number);
  if (retired_.size() >= kRetiredBeforeCollect) collect();
}

void Root::collect() {
  retired_.collect(*qsbr_, [this](uint16_t number) { free_.push_back(number); });
}

// The numbers stay as they are, for readers who have not seen the change.
void Root::widen() {
  auto* const wide = wide_memory_.as<std::atomic<Word>>();
  for (uint32_t i = 0; i < kWords; ++i) {
    const Word word = (*this)[i];
    if (word == 0) continue;
    wide[i].store(word, std::memory_order_relaxed);
    if (is_node(word)) has_nodes_[i / kBlockWords] = true;
  }
  wide_.store(wide, std::memory_order_release);
}

size_t Root::memory_bytes() const {
  return numbers_memory_.resident_bytes() + palette_memory_.resident_bytes() +
         wide_memory_.resident_bytes() + uses_.capacity() * sizeof(uint32_t);
}

}  // namespace starocean::table::lpm
