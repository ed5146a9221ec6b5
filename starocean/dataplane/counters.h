// Every counter of the data plane. Conservation, asserted by the labs once traffic has stopped, summed
// over all ports:
//
//   rx_packets + copies + icmp_errors = tx_packets + punted + sum of drop_*
//
// A drop is counted at the port where it happens: at the ingress before the egress is known, at the
// egress afterwards. `tx_packets` counts what entered the transmit ring.
#pragma once

#include "starocean/base/counters.h"

namespace starocean::dataplane {

#define SO_PORT_COUNTERS(X)                                                                       \
  X(rx_packets, "packets", "received from the interface")                                         \
  X(rx_bytes, "bytes", "received from the interface")                                             \
  X(tx_packets, "packets", "put into the transmit ring")                                          \
  X(tx_bytes, "bytes", "put into the transmit ring")                                              \
  X(copies, "packets", "additional copies made for flooding, mirrors and Linux")                  \
  X(flooded, "packets", "received and flooded: broadcast, multicast, unknown destination")        \
  X(punted, "packets", "given back to Linux on the interface that received them")                 \
  X(checksums_finished, "packets",                                                                \
    "arrived with an unfinished TCP or UDP checksum, now completed")                              \
  X(mac_learned, "events", "source addresses learned on this port")                               \
  X(mac_moved, "events", "source addresses that moved to this port from another")                 \
  X(mac_table_full, "events", "source addresses not learned because the MAC table was full")      \
  X(mac_limit_reached, "events",                                                                  \
    "source addresses not learned because this port has as many as its `mac_limit` allows")       \
  X(snooping_malformed, "packets", "IGMP or MLD messages from which nothing was learned")         \
  X(snooping_lost, "events", "joins and leaves not taken note of: too many at a time")            \
  X(routed4, "packets", "IPv4 packets received and routed")                                       \
  X(routed6, "packets", "IPv6 packets received and routed")                                       \
  X(fragmented, "packets", "IPv4 packets cut into fragments (the pieces count as copies)")        \
  X(mss_clamped, "packets", "TCP SYNs whose maximum segment size was lowered")                    \
  X(icmp_errors, "packets", "ICMP and ICMPv6 errors made about packets received here")            \
  X(icmp_suppressed, "packets", "errors not made: rate limit, or none may be made about it")      \
  X(neighbour_waits, "packets", "waited for a neighbour's address")                               \
  X(drop_not_ours, "packets", "to another station's address, on a port that routes")              \
  X(drop_ip_malformed, "packets", "IP version, header or length is wrong")                        \
  X(drop_ip_checksum, "packets", "IPv4 header checksum is wrong")                                 \
  X(drop_martian, "packets", "from or to an address that no packet on a wire may have")           \
  X(drop_reverse_path, "packets", "no route back to its source (`reverse_path`)")                 \
  X(drop_no_route, "packets", "no route to its destination")                                      \
  X(drop_blackhole, "packets", "a `blackhole` route or rule")                                     \
  X(drop_unreachable, "packets", "an `unreachable` route or rule")                                \
  X(drop_prohibited, "packets", "a `prohibit` route or rule")                                     \
  X(drop_ttl, "packets", "TTL or hop limit used up")                                              \
  X(drop_scope, "packets", "from an IPv6 address that is valid on its link only")                 \
  X(drop_too_big, "packets", "longer than the egress MTU, and not to be fragmented")              \
  X(drop_neighbour_full, "packets", "too many packets wait for neighbours' addresses")            \
  X(drop_neighbour_failed, "packets", "the neighbour does not answer")                            \
  X(drop_no_linux, "packets", "for Linux, and not possible to give to it")                        \
  X(drop_runt, "packets", "shorter than an Ethernet header and its VLAN tag")                     \
  X(drop_bad_source, "packets", "source address is a group address or zero")                      \
  X(drop_no_bridge, "packets", "received on a port that is in no bridge")                         \
  X(drop_same_port, "packets", "destination is behind the port it came from")                     \
  X(drop_no_member, "packets", "flooded in a bridge with no other port that is up")               \
  X(drop_untagged, "packets", "without a VLAN, on a trunk without `native`")                      \
  X(drop_vlan_not_allowed, "packets", "of a VLAN that the port does not carry")                   \
  X(drop_vlan_egress, "packets", "to an address behind a port that does not carry its VLAN")      \
  X(drop_sticky, "packets", "source address belongs to a sticky port")                            \
  X(drop_storm_broadcast, "packets", "broadcast beyond the port's storm control")                 \
  X(drop_storm_multicast, "packets", "multicast beyond the port's storm control")                 \
  X(drop_storm_unicast, "packets", "unknown destination, beyond the port's storm control")        \
  X(drop_no_headroom, "packets", "no room before the packet for a VLAN tag")                      \
  X(drop_reserved, "packets", "to an 802.1D reserved address, and not possible to give to Linux") \
  X(drop_egress_down, "packets", "egress interface is down or gone")                              \
  X(drop_egress_mtu, "packets", "longer than the egress interface's MTU allows")                  \
  X(drop_fragments, "packets",                                                                    \
    "too many frames long: more than one and no multi-buffer at the egress, or more than 18")     \
  X(ecn_marked, "packets", "marked instead of dropped, waiting to be sent (`egress`)")            \
  X(drop_queue_full, "packets", "no room among those that wait to be sent (`egress: limit`)")     \
  X(drop_queue_delay, "packets", "waited too long to be sent (`egress: target`)")                 \
  X(drop_tx_full, "packets", "transmit ring still full after bounded retries")                    \
  X(drop_no_frame, "packets", "no free frame for a flooded copy")                                 \
  X(drop_handoff_full, "packets", "ring to the worker that owns the egress queue is full")        \
  X(drop_punt_full, "packets", "queue towards Linux is full")                                     \
  X(drop_punt_refused, "packets", "Linux did not take back a packet that was meant for it")

SO_DECLARE_COUNTERS(PortCounter, kPortCounters, SO_PORT_COUNTERS)

#define SO_QUEUE_COUNTERS(X)                                                                 \
  X(filled, "descriptors", "frames given to the kernel to receive into")                     \
  X(completed, "descriptors", "frames that came back after transmission")                    \
  X(received, "descriptors", "frames taken from the receive ring")                           \
  X(transmitted, "descriptors", "frames put into the transmit ring")                         \
  X(tx_kicks, "calls", "system calls made to start transmission")                            \
  X(tx_kick_errors, "calls", "of these, refused for a reason other than 'try again'")        \
  X(tx_kicks_busy, "calls",                                                                  \
    "of these, answered EBUSY: in copy mode, the device dropped one packet")                 \
  X(rx_kicks, "calls", "system calls made because the kernel asked to be woken for receive") \
  X(kernel_rx_dropped, "packets", "dropped by the kernel: the frame did not fit or no room") \
  X(kernel_rx_invalid_descs, "descriptors", "fill descriptors that the kernel refused")      \
  X(kernel_tx_invalid_descs, "descriptors", "transmit descriptors that the kernel refused")  \
  X(kernel_rx_ring_full, "packets", "dropped by the kernel: receive ring full")              \
  X(kernel_rx_fill_ring_empty, "events", "the kernel found the fill ring empty")             \
  X(kernel_tx_ring_empty, "events", "the kernel was asked to transmit and found nothing")    \
  X(redirected, "packets", "sent by XDP_REDIRECT, past the transmit ring (`io`)")

SO_DECLARE_COUNTERS(QueueCounter, kQueueCounters, SO_QUEUE_COUNTERS)

#define SO_WORKER_COUNTERS(X)                                                                \
  X(turns, "turns", "passes of the worker loop")                                             \
  X(busy_turns, "turns", "of these, with at least one packet")                               \
  X(packets, "packets", "processed by this worker")                                          \
  X(sleeps, "events", "times the worker blocked for want of work")                           \
  X(late_turns, "turns", "begun too late for a fill ring, which is empty: its CPU was away") \
  X(lost_wakeups, "events", "times it slept on over work: this is a defect")                 \
  X(system_calls, "calls", "system calls made by the worker, all kinds")                     \
  X(handoff_out, "packets", "handed to another worker for transmission")                     \
  X(handoff_in, "packets", "taken over from another worker for transmission")                \
  X(wakes_sent, "calls", "times this worker woke another")                                   \
  X(hand_overs, "events", "times it let its transmitting thread run (`io`)")                 \
  X(snapshots, "events", "configurations adopted")

SO_DECLARE_COUNTERS(WorkerCounter, kWorkerCounters, SO_WORKER_COUNTERS)

using PortCounters = CounterBlock<PortCounter>;
using QueueCounters = CounterBlock<QueueCounter>;
using WorkerCounters = CounterBlock<WorkerCounter>;

// Whether a port counter is a drop; its reason is the name without the prefix.
inline constexpr std::string_view kDropPrefix = "drop_";
constexpr bool is_drop(PortCounter counter) {
  return kPortCounters[static_cast<size_t>(counter)].name.starts_with(kDropPrefix);
}

}  // namespace starocean::dataplane
