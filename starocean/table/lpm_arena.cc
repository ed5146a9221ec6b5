#include "starocean/table/lpm_arena.h"

#include <utility>

#include "starocean/base/check.h"

namespace starocean::table::lpm {

Result<Arena> Arena::reserve(ring::Qsbr& qsbr, uint32_t max_lines) {
  auto memory =
      ReservedMemory::map(size_t{max_lines} * sizeof(Line), "the nodes of the route tables");
  if (!memory) return fail(memory.error());
  return Arena(qsbr, std::move(*memory), max_lines);
}

Arena::Arena(ring::Qsbr& qsbr, ReservedMemory memory, uint32_t max_lines)
    : qsbr_(&qsbr), memory_(std::move(memory)), lines_(memory_.as<Line>()), max_lines_(max_lines) {}

uint32_t Arena::allocate(uint32_t lines) {
  uint32_t number = 0;
  while (!take(lines, number)) {
    // Only reached when more is retired than was ever spare: what readers still use will be free soon.
    SO_CHECK(retired_.size() > 0, "the spare lines suffice for what is not retired");
    qsbr_->wait(qsbr_->start());
    collect();
  }
  used_lines_ += lines;
  return number;
}

bool Arena::take(uint32_t lines, uint32_t& number) {
  const auto pop = [&](uint32_t size) {
    if (free_[size].empty()) return false;
    number = free_[size].back();
    free_[size].pop_back();
    return true;
  };
  if (pop(lines)) return true;
  if (end_ + lines <= max_lines_) {
    number = std::exchange(end_, end_ + lines);
    return true;
  }
  for (uint32_t size = kMaxNodeLines; size > lines; --size) {
    if (!pop(size)) continue;
    free_[size - lines].push_back(number + lines);
    return true;
  }
  return false;
}

void Arena::commit() {
  for (const Block block : replaced_) retired_.retire(block);
  replaced_.clear();
}

void Arena::collect() {
  retired_.collect(*qsbr_, [this](Block block) {
    free_[block.lines].push_back(block.number);
    used_lines_ -= block.lines;
  });
}

size_t Arena::memory_bytes() const {
  size_t bytes = size_t{end_} * sizeof(Line);
  for (const auto& list : free_) bytes += list.capacity() * sizeof(uint32_t);
  return bytes + retired_.size() * sizeof(Block);
}

}  // namespace starocean::table::lpm
