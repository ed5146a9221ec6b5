// A neighbour on a device, as the data path uses it: where a packet goes next. See fib.h.
#pragma once

#include <atomic>
#include <cstdint>

#include "starocean/base/cpu.h"
#include "starocean/base/ids.h"
#include "starocean/net/ip_address.h"
#include "starocean/net/mac_address.h"

namespace starocean::table {

using AdjacencyIndex = uint32_t;  // 0: none

// As Linux has it (NUD_*), reduced to what forwarding asks.
enum class NeighbourState : uint8_t {
  kUnresolved,  // asked for, no answer yet: packets wait, briefly
  kReachable,   // has a MAC address: also stale, delay, probe, permanent, noarp
  kFailed,      // nobody answered: host unreachable
};

// One cache line; immutable but for the atomics.
struct alignas(64) Adjacency {
  // MAC address as MacAddress::as_u64() gives it, shifted left by 16; NeighbourState in the low byte.
  std::atomic<uint64_t> word{0};
  std::atomic<uint16_t> interface { 0xffff };  // InterfaceId, none while the device is not bound
  // Set by the data path when it uses the adjacency, taken by the control thread, which keeps neighbours in
  // use alive. Written only when it is not set already.
  std::atomic<uint8_t> used{0};
  uint32_t ifindex = 0;
  net::Ipv6Address address;

  NeighbourState state() const { return state_of(word.load(std::memory_order_acquire)); }
  static constexpr uint64_t make_word(NeighbourState state, net::MacAddress mac) {
    return mac.as_u64() << 16 | static_cast<uint8_t>(state);
  }
  static NeighbourState state_of(uint64_t word) { return static_cast<NeighbourState>(word & 0xff); }
  static uint64_t mac_of(uint64_t word) { return word >> 16; }
  InterfaceId interface_id() const {
    return InterfaceId(interface.load(std::memory_order_relaxed));
  }
  void mark_used() {
    if (used.load(std::memory_order_relaxed) == 0) used.store(1, std::memory_order_relaxed);
  }
};
static_assert(sizeof(Adjacency) == 64);

}  // namespace starocean::table
