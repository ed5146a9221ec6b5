// Internal to XdpProgram: a Claim as the keys that the kernel's maps are asked for, and the
// book-keeping of which keys are there and why. The kernel side of each rule is in bpf/steer.bpf.c.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "bpf/steer.h"
#include "starocean/base/result.h"
#include "starocean/xsk/xdp_program.h"

namespace starocean::xsk::steering {

struct KeyLess {
  bool operator()(const steer_key& a, const steer_key& b) const;
};

// "UDP to 10.0.0.1 port 4789": for messages.
std::string describe(const Claim& claim);

// The key of a claim; an error for one whose fields do not belong together.
Result<steer_key> claim_key(const Claim& claim);

// Whether a claim needs an entry for fragments, and its key: those that name a port do. A claim
// without a port matches fragments by itself.
bool needs_fragments(const steer_key& key);
steer_key fragment_key(const steer_key& key);

// The claims of one program, written through to its maps. Descriptors are not owned.
class ClaimTable {
 public:
  ClaimTable(int claims_fd, int fragments_fd, uint32_t* shapes)
      : claims_fd_(claims_fd), fragments_fd_(fragments_fd), shapes_(shapes) {}

  Status add(const Claim& claim);
  Status remove(const Claim& claim);

 private:
  void count_shape(uint8_t shape, int change);

  int claims_fd_;
  int fragments_fd_;
  uint32_t* shapes_;  // in memory shared with the kernel
  std::set<steer_key, KeyLess> claims_;
  std::map<steer_key, uint32_t, KeyLess> fragments_;  // how many claims need the entry
  std::array<uint32_t, STEER_SHAPES> shape_counts_{};
};

}  // namespace starocean::xsk::steering
