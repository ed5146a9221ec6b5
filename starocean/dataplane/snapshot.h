// The whole configuration as the workers see it: immutable, published by one release store, freed when
// every worker has taken a newer one (ring/snapshot.h). It points to sockets that the engine owns and
// closes only after that.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "starocean/base/ids.h"
#include "starocean/dataplane/bridge_macs.h"
#include "starocean/dataplane/bridge_rules.h"
#include "starocean/dataplane/egress_scheduler.h"
#include "starocean/dataplane/own_addresses.h"
#include "starocean/net/ip_prefix.h"
#include "starocean/table/fib.h"
#include "starocean/xsk/socket.h"
#include "starocean/xsk/transmit_lane.h"

namespace starocean::dataplane {

// One receive/transmit queue pair and its socket. `owner` is the only worker that touches the socket's
// packet path; `tx_dirty` is the owner's note that flush() is due.
struct PortQueue {
  PortId port;
  QueueId queue;
  WorkerId owner;
  std::unique_ptr<xsk::XskSocket> socket;
  // What waits to be sent; none: everything is sent at once. Then all that leaves by this port leaves by this queue.
  std::unique_ptr<EgressScheduler> scheduler;
  bool tx_dirty = false;

  // The way through XDP's redirect (egress_lanes.h). The control thread offers a lane; the owner uses it now and then.
  std::atomic<xsk::TransmitLane*> offered_lane = nullptr;
  bool delivers_at_once = false;  // the kernel has sent what it has taken: a veth
  xsk::TransmitLane* lane = nullptr;
  bool lane_closing = false;  // its frames are to come back
  uint32_t lane_refused_before = 0;
  uint64_t lane_barred_until_ns = 0;
  std::atomic<uint64_t> redirected = 0;  // frames put into lanes
};

// A VLAN that routes, or that Linux has a device for.
struct VlanInterface {
  uint16_t vlan = 0;
  InterfaceId interface;
  uint64_t mac = 0;  // of the Linux device, as net::MacAddress::as_u64()
};

struct Port {
  PortId id;
  bool attached = false;  // false: a gap left by an absent device; nothing else is valid
  bool up = false;
  bool multi_buffer = false;      // transmits packets of several frames
  bool finish_checksums = false;  // Linux peers on veth leave TCP/UDP checksums unfinished
  bool can_punt = false;
  BridgeId bridge;                       // none: not switched
  const BridgeMember* member = nullptr;  // of that bridge's rules; null when it has none
  InterfaceId routed;                    // none: what comes untagged is not routed
  std::vector<VlanInterface> vlans;      // VLANs of this device that route, by number (`vlans:`)
  // What it receives is the router's: what the steering program takes of a port that is in no bridge.
  bool routes() const { return !bridge.valid() && (routed.valid() || !vlans.empty()); }
  uint32_t mtu_bytes = 0;
  uint64_t mac = 0;                  // of the device
  std::vector<PortQueue*> tx_queue;  // by worker: its own queue where it has one, else another's
};

struct Bridge {
  BridgeId id;
  uint32_t aging_ms = 300'000;
  std::shared_ptr<BridgeMacs> macs;
  std::vector<PortId> members;
  std::vector<VlanInterface> vlan_interfaces = {};     // by VLAN (`vlan_interfaces:`)
  std::shared_ptr<const BridgeRules> rules = nullptr;  // null: it learns and forwards, no more
};

// Whether a source address must be reachable (RFC 3704): over the interface that it came from, or at all.
enum class ReversePath : uint8_t { kNone, kLoose, kStrict };

// What routes, or is shown to Linux as a device without routing (then `vrf` is kNoVrf): an attached device as a
// whole (`port`), a VLAN of it (`port` and `vlan`), or a VLAN of a bridge (`bridge` and `vlan`).
struct RoutedInterface {
  static constexpr uint16_t kNoVrf = 0xffff;

  InterfaceId id;
  bool active =
      false;  // false: a gap left by what has gone, or up in name only; nothing else is valid
  uint32_t ifindex = 0;  // of the Linux device: the attached one, the VLAN device, or our TAP
  PortId port;
  BridgeId bridge;
  uint16_t vlan = 0;  // 0: untagged
  uint16_t vrf = kNoVrf;
  bool is_tap = false;  // the Linux device is a TAP of ours: frames go there by Egress::deliver()
  uint64_t mac = 0;
  uint32_t mtu_bytes = 1500;
  // Where ICMP errors come from; unspecified: the interface has no address (RFC 1812, 4.3.2.4).
  net::Ipv4Address source4;
  net::Ipv6Address source6;
  net::Ipv6Address link_local6;  // the same, to link-local addresses (RFC 6724, section 5, rule 2)
  ReversePath reverse_path = ReversePath::kNone;
  // TCP's maximum segment size is lowered to what fits this MTU, in both directions; 0: left alone.
  uint32_t mss_clamp_mtu_bytes = 0;
};

// `ip rule`, in order of preference: the first whose selectors match and whose table has a route decides.
struct RouteRule {
  net::IpFamily family = net::IpFamily::kIpv4;
  InterfaceId in;                            // none: any
  net::IpPrefix source;                      // length 0: any
  const table::Fib::Table* table = nullptr;  // null: `kind` decides, as for "blackhole" rules
  table::RouteKind kind = table::RouteKind::kForward;
};

struct Vrf {
  std::vector<RouteRule> rules4, rules6;

  const std::vector<RouteRule>& rules(net::IpFamily family) const {
    return family == net::IpFamily::kIpv4 ? rules4 : rules6;
  }
};

struct Snapshot {
  uint64_t generation = 0;
  std::vector<Port> ports;                  // by PortId
  std::vector<Bridge> bridges;              // by BridgeId
  std::vector<RoutedInterface> interfaces;  // by InterfaceId
  std::vector<Vrf> vrfs;                    // by number
  OwnAddresses own4;
  table::Fib* fib = nullptr;          // null: nothing routes
  uint32_t icmp_errors_per_s = 1000;  // of each worker; 0: as many as there is cause for
  std::vector<std::vector<PortQueue*>> worker_queues;  // by WorkerId
  uint64_t spare_frames = 0;  // FillDepth::deep_level shares them between the queues of all workers
  size_t all_queues = 0;
};

}  // namespace starocean::dataplane
