#include "starocean/bench/rx_cases.h"

#include <array>

namespace starocean::bench {
namespace {

// At 2 GHz, then at 3.6 GHz. For XDP the source has one figure and no clock: the line rate.
constexpr SourceFigures kXdp{14.2, 14.2,
                             "line rate, with the core below 20 % busy; clock not stated"};
constexpr SourceFigures kPrerouting{3.2, 5.5};
constexpr SourceFigures kLocalIn{1.2, 2.1};
constexpr SourceFigures kNoHandler{1.2, 2.1};
constexpr SourceFigures kNetmap{12.8, 14.2, "netmap, not AF_XDP"};

constexpr std::array kLadder = {
    RxCase{.name = "xdp-native",
           .title = "XDP drop, native",
           .how = "an XDP program in the driver, before there is an sk_buff",
           .open = open_xdp_native,
           .native_xdp = true,
           .source = kXdp},
    RxCase{.name = "xdp-generic",
           .title = "XDP drop, generic",
           .how = "the same program behind the driver, on the finished sk_buff; Linux leaves GRO "
                  "out while it is attached",
           .open = open_xdp_generic},
    RxCase{.name = "tc-ingress",
           .title = "tc ingress drop",
           .how = "a BPF classifier at clsact ingress",
           .open = open_tc_ingress},
    RxCase{.name = "netdev-ingress",
           .title = "nftables netdev ingress drop",
           .how = "an nftables rule at the ingress hook of the device",
           .open = open_netdev_ingress},
    RxCase{.name = "prerouting",
           .title = "PREROUTING drop",
           .how = "an nftables rule at prerouting, priority raw: before the route look-up",
           .open = open_prerouting,
           .source = kPrerouting},
    RxCase{.name = "local-in",
           .title = "LOCAL_IN drop",
           .how = "an nftables rule at input, priority filter: after the route look-up",
           .open = open_local_in,
           .source = kLocalIn},
    RxCase{.name = "no-handler",
           .title = "no handler",
           .how = "delivered to UDP, where no socket has the port; ICMP errors are switched off "
                  "(icmp_msgs_per_sec 0)",
           .open = open_no_handler,
           .source = kNoHandler},
    RxCase{.name = "af-packet",
           .title = "AF_PACKET, recvfrom",
           .how = "a packet socket read with one recvfrom per packet; Linux's own copy ends in tc "
                  "ingress, just behind",
           .open = open_packet_recvfrom,
           .user_space = true},
    RxCase{.name = "af-packet-mmap",
           .title = "AF_PACKET, TPACKET_V3 ring",
           .how = "a packet socket with a mapped ring of blocks; Linux's own copy ends in tc "
                  "ingress, just behind",
           .open = open_packet_mmap,
           .user_space = true},
    RxCase{.name = "udp-socket",
           .title = "UDP socket, recvmmsg",
           .how = "a bound UDP socket read with recvmmsg, up to 64 packets a call",
           .open = open_udp_socket,
           .user_space = true},
    RxCase{
        .name = "af-xdp",
        .title = "AF_XDP drop",
        .how =
            "this project's AF_XDP socket: the program looks at the packet and recycles the frame",
        .open = open_af_xdp,
        .native_xdp = true,
        .user_space = true,
        .source = kNetmap},
};

constexpr RxTuning kFair{.priority = RxPriority::kFair};
constexpr RxTuning kUnpinned{.pin_receive = false};
constexpr RxTuning kSmallRing{.xsk_ring = 256};
constexpr RxTuning kDefaultBuffer{.socket_buffer_bytes = 0};
constexpr RxTuning kDeferred{.defer_interrupts = 10, .flush_timeout_ns = 100'000};
// The deferral is what SO_PREFER_BUSY_POLL needs (Documentation/networking/napi.rst, "Busy polling").
constexpr RxTuning kBusyPoll{.busy_poll = true, .defer_interrupts = 2, .flush_timeout_ns = 200'000};

constexpr std::array kTunings = {
    RxCase{
        .name = "udp-socket/fair",
        .title = "UDP socket",
        .open = open_udp_socket,
        .user_space = true,
        .base = "udp-socket",
        .change =
            "NAPI thread and program share the core fairly, as Linux has it, not the program first",
        .tuning = kFair},
    RxCase{
        .name = "af-xdp/fair",
        .title = "AF_XDP drop",
        .open = open_af_xdp,
        .native_xdp = true,
        .user_space = true,
        .base = "af-xdp",
        .change =
            "NAPI thread and program share the core fairly, as Linux has it, not the program first",
        .tuning = kFair},
    RxCase{.name = "xdp-native/unpinned",
           .title = "XDP drop, native",
           .open = open_xdp_native,
           .native_xdp = true,
           .base = "xdp-native",
           .change = "receive processing not pinned: a softirq where Linux puts it",
           .tuning = kUnpinned},
    RxCase{.name = "udp-socket/unpinned",
           .title = "UDP socket",
           .open = open_udp_socket,
           .user_space = true,
           .base = "udp-socket",
           .change = "receive processing not pinned: a softirq where Linux puts it",
           .tuning = kUnpinned},
    RxCase{.name = "af-xdp/ring-256",
           .title = "AF_XDP drop",
           .open = open_af_xdp,
           .native_xdp = true,
           .user_space = true,
           .base = "af-xdp",
           .change = "rings of 256 descriptors, not 2048",
           .tuning = kSmallRing},
    RxCase{.name = "udp-socket/default-buffer",
           .title = "UDP socket",
           .open = open_udp_socket,
           .user_space = true,
           .base = "udp-socket",
           .change = "Linux's default receive buffer (net.core.rmem_default), not 8 MiB",
           .tuning = kDefaultBuffer},
    RxCase{.name = "udp-socket/coalesced",
           .title = "UDP socket",
           .open = open_udp_socket,
           .user_space = true,
           .base = "udp-socket",
           .change = "interrupts deferred: gro_flush_timeout 100 us, napi_defer_hard_irqs 10",
           .tuning = kDeferred,
           .only_at_rate = true},
    RxCase{.name = "af-xdp/coalesced",
           .title = "AF_XDP drop",
           .open = open_af_xdp,
           .native_xdp = true,
           .user_space = true,
           .base = "af-xdp",
           .change = "interrupts deferred: gro_flush_timeout 100 us, napi_defer_hard_irqs 10",
           .tuning = kDeferred,
           .only_at_rate = true},
    RxCase{.name = "af-xdp/busy-poll",
           .title = "AF_XDP drop",
           .open = open_af_xdp,
           .native_xdp = true,
           .user_space = true,
           .base = "af-xdp",
           .change = "SO_PREFER_BUSY_POLL: the program polls the driver itself",
           .tuning = kBusyPoll},
    RxCase{.name = "udp-socket/busy-poll",
           .title = "UDP socket",
           .open = open_udp_socket,
           .user_space = true,
           .base = "udp-socket",
           .change = "SO_PREFER_BUSY_POLL: the program polls the driver itself",
           .tuning = kBusyPoll},
};

}  // namespace

std::span<const RxCase> rx_ladder() {
  return kLadder;
}

std::span<const RxCase> rx_tunings() {
  return kTunings;
}

}  // namespace starocean::bench
