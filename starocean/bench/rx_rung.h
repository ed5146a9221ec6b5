// The rungs of the receive-path ladder: places in Linux, or above it, where a packet can come to its end. Each
// asks the same of a packet, that it is IPv4 and UDP to port RX_PATH_PORT (bpf/rx_path.h), and counts by itself
// those that it ended.
//
//   wire ─▶ NAPI ─▶ XDP native ─▶ sk_buff, GRO ─▶ XDP generic ─▶ taps (AF_PACKET) ─▶ tc ingress
//            └▶ AF_XDP                                                                 │
//     closed port, or UDP socket ◀── LOCAL_IN ◀── route look-up ◀── PREROUTING ◀── netdev ingress
//
// (net/core/dev.c, __netif_receive_skb_core; net/ipv4/ip_input.c.)
//
// Control thread, but for what a rung runs in a thread of its own, pinned to RxPlace::cpu.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "starocean/base/result.h"
#include "starocean/testbed/netns.h"

namespace starocean::bench {

// Where the rung stands: the receiving end of the wire.
struct RxPlace {
  const testbed::NetNamespace& where;
  std::string device;
  uint32_t ifindex = 0;
  std::string address;  // of the device: where the traffic goes
  int cpu = 0;
};

// Who goes first on the receive core. In a flood NAPI always has something to do. With fair shares it receives for a
// whole time slice what a program has no room for (receive livelock; Mogul and Ramakrishnan, "Eliminating Receive
// Livelock in an Interrupt-driven Kernel", 1997). With the program first, it receives the next batch of 64 when the
// program has seen the last. Both are SCHED_FIFO then, ahead of other programs, as interrupts are too.
enum class RxPriority : uint8_t { kProgramFirst, kFair };

// What a user can tune; the defaults are those of the ladder.
struct RxTuning {
  RxPriority priority = RxPriority::kProgramFirst;
  bool pin_receive = true;  // NAPI in a thread of its own, pinned; else as Linux has it
  uint32_t socket_buffer_bytes = 8u << 20;  // SO_RCVBUFFORCE, the mmap ring; 0: Linux's default
  uint32_t xsk_ring = 2048;                 // descriptors of the receive and the fill ring
  bool busy_poll = false;                   // SO_PREFER_BUSY_POLL, and a program that never sleeps
  uint32_t defer_interrupts = 0;            // napi_defer_hard_irqs
  uint32_t flush_timeout_ns = 0;            // gro_flush_timeout
};

struct NamedCount {
  std::string name;
  uint64_t packets = 0;
};

// Since the rung was opened.
struct RxCounts {
  // Came to their end here, as intended.
  uint64_t handled = 0;
  // Were on the wire, and were dropped before their end: where, and how many.
  std::vector<NamedCount> lost = {};
  // Worth knowing, and no part of the sum.
  std::vector<NamedCount> beside = {};

  uint64_t lost_sum() const {
    uint64_t sum = 0;
    for (const NamedCount& count : lost) sum += count.packets;
    return sum;
  }
};

class RxRung {
 public:
  virtual ~RxRung() = default;
  // Cheap enough to be read while packets flow.
  virtual Result<RxCounts> counts() = 0;
  // CPU time of the rung's own thread; 0 if it has none.
  virtual uint64_t thread_ns() const { return 0; }
  // What was granted, where that may differ from what was asked: "copy mode"; may be empty.
  virtual std::string granted() const { return {}; }
  // What it was to show and cannot, as the traffic has told; empty: nothing.
  virtual std::string missing() const { return {}; }
};

// Opens a rung. An error says why this machine does not have it.
using OpenRung = Result<std::unique_ptr<RxRung>> (*)(const RxPlace& place, const RxTuning& tuning);

// Kernel: rx_kernel_rungs.cc, rx_netfilter_rungs.cc.
Result<std::unique_ptr<RxRung>> open_xdp_native(const RxPlace& place, const RxTuning& tuning);
Result<std::unique_ptr<RxRung>> open_xdp_generic(const RxPlace& place, const RxTuning& tuning);
Result<std::unique_ptr<RxRung>> open_tc_ingress(const RxPlace& place, const RxTuning& tuning);
Result<std::unique_ptr<RxRung>> open_netdev_ingress(const RxPlace& place, const RxTuning& tuning);
Result<std::unique_ptr<RxRung>> open_prerouting(const RxPlace& place, const RxTuning& tuning);
Result<std::unique_ptr<RxRung>> open_local_in(const RxPlace& place, const RxTuning& tuning);
Result<std::unique_ptr<RxRung>> open_no_handler(const RxPlace& place, const RxTuning& tuning);
// User space: rx_packet_rungs.cc, rx_udp_rung.cc, rx_xsk_rung.cc.
Result<std::unique_ptr<RxRung>> open_packet_recvfrom(const RxPlace& place, const RxTuning& tuning);
Result<std::unique_ptr<RxRung>> open_packet_mmap(const RxPlace& place, const RxTuning& tuning);
Result<std::unique_ptr<RxRung>> open_udp_socket(const RxPlace& place, const RxTuning& tuning);
Result<std::unique_ptr<RxRung>> open_af_xdp(const RxPlace& place, const RxTuning& tuning);

}  // namespace starocean::bench
