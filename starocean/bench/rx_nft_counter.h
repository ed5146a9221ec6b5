// The packets that the `counter` statements of nftables have seen, read over netlink: quick enough while
// packets flow, where running `nft` is not. Control thread.
//
// Source: linux/netfilter/nf_tables.h, NFT_MSG_GETRULE.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "starocean/base/result.h"

struct mnl_socket;

namespace starocean::bench {

// The sum of the counters of the rule in one NFT_MSG_NEWRULE message, netlink header included; 0 for any
// other message, also a malformed one. Pure.
uint64_t packets_of_rule(std::span<const std::byte> message);

class NftCounters {
 public:
  // Of all rules of the calling thread's network namespace, and so it stays.
  static Result<NftCounters> open();
  NftCounters(NftCounters&& other) noexcept;
  NftCounters& operator=(NftCounters&& other) noexcept;
  ~NftCounters();

  Result<uint64_t> packets();

 private:
  explicit NftCounters(mnl_socket* socket) : socket_(socket) {}
  mnl_socket* socket_ = nullptr;
  uint32_t sequence_ = 0;
};

}  // namespace starocean::bench
