// Where the nodes of longest-prefix-match tables lie: one reserved array of cache lines, by whose number a
// word leads to a node. The tables of a Fib share one. What is retired is given out again after a grace
// period. One writer; readers call line().
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "starocean/base/reserved_memory.h"
#include "starocean/base/result.h"
#include "starocean/ring/qsbr.h"
#include "starocean/table/grace_list.h"
#include "starocean/table/lpm_node.h"

namespace starocean::table::lpm {

class Arena {
 public:
  // A word has 24 bits to number a line with: 1 GiB of them. Less where the address space is small.
  static constexpr uint32_t kMaxLines = sizeof(void*) < 8 ? 1u << 20 : 1u << 24;
  static constexpr uint32_t kMaxNodeLines = 17;  // 256 runs
  // Kept for erasures, which may need a node while they replace another, and have to succeed.
  static constexpr uint32_t kSpareLines = 1u << 14;

  // Reserved lines in memory of its own; `qsbr` outlives it.
  static Result<Arena> reserve(ring::Qsbr& qsbr, uint32_t max_lines = kMaxLines);

  ring::Qsbr& qsbr() const { return *qsbr_; }
  const Line* line(uint32_t number) const { return lines_ + number; }
  Line* line(uint32_t number) { return lines_ + number; }

  // True if `lines` can be allocated, in whatever pieces, and the spare ones be left.
  bool has_room(uint32_t lines) const { return used_lines_ + lines + kSpareLines <= max_lines_; }
  // Consecutive lines, 1 to kMaxNodeLines; not zeroed.
  uint32_t allocate(uint32_t lines);
  // What an update replaces: out of reach when it has called commit(), and not before.
  void retire(uint32_t number, uint32_t lines) { replaced_.push_back({number, lines}); }
  void commit();
  // Takes back what readers have left.
  void collect();
  // Allocated, or waiting for a grace period; line 0 is always.
  uint32_t used_lines() const { return used_lines_; }

  size_t memory_bytes() const;

 private:
  struct Block {
    uint32_t number, lines;
  };
  Arena(ring::Qsbr& qsbr, ReservedMemory memory, uint32_t max_lines);
  bool take(uint32_t lines, uint32_t& number);

  ring::Qsbr* qsbr_;
  ReservedMemory memory_;
  Line* lines_;
  uint32_t max_lines_;
  uint32_t end_ = 1;  // lines from here on were never used; 0 is none
  uint32_t used_lines_ = 1;
  std::array<std::vector<uint32_t>, kMaxNodeLines + 1> free_;  // by their number of lines
  std::vector<Block> replaced_;                                // since the last commit()
  GraceList<Block> retired_;
};

}  // namespace starocean::table::lpm
