// The program that decides, in the driver, which frames of an interface go to user space.
//
//   frame ─▶ driver ─▶ steer (bpf/steer.bpf.c) ──claimed, and its queue has a socket──▶ AF_XDP socket
//                          └──everything else──▶ Linux, as if nothing were there (XDP_PASS)
//
// An XdpProgram is one instance of that program, with maps of its own, attached to one interface.
//
// What is claimed. ClaimMode::kWholeInterface: every frame. ClaimMode::kByRule: frames that match a
// Claim (below); also, decided in this order,
//   - ICMP and ICMPv6 errors (not redirects) that quote a packet sent *from* a claimed address and port,
//   - every IPv4 or IPv6 fragment, the first included, of a claimed protocol to a claimed address, because
//     only the first one has ports. User space reassembles them and gives the rest back (see
//     punt.h).
// IPv6 extension headers are walked, at most 8. VLAN-tagged frames belong to another network: only
// Claim::ether_type(0x8100) or (0x88a8) takes them, unless Options::look_through_vlan is set.
// Until the first claim and until set_socket(), all frames go to Linux.
//
// Life. The program hangs on a bpf_link that this process holds: when the process ends, in whatever
// way, the kernel detaches it, and Linux has the interface to itself; with outlives_process it is attached
// by netlink instead, and stays. Nothing is pinned; no bpffs is needed. Order of shutdown: detach() (or destroy) first, then close the sockets: in the other
// order, frames are redirected to sockets that are going away, and are lost. If the device
// disappears the kernel detaches the program; attached() says so, and a new device, even of the
// same name, needs a new XdpProgram.
//
// Other people's programs are never replaced or detached. An interface that has one is refused.
//
// Threads: control thread only; one XdpProgram is not to be used by two threads at once. Changes
// are seen by each CPU's next frame. No per-packet cost in user space.
//
// Privileges: attach() needs CAP_NET_ADMIN, CAP_BPF and CAP_PERFMON (without the last the verifier
// forbids headers of variable length). The other members work on descriptors that are open already,
// and need none. CAP_SYS_ADMIN as well lets attach() read the name of a program that is in its way;
// without it, every such program gets the patience that is meant for ours (below), and is then
// refused.
//
// Kernels: Linux 6.1 and newer (tested on 6.1 and 6.18).
//
// Sources: Documentation/networking/af_xdp.rst, Documentation/bpf/map_xskmap.rst,
// Documentation/bpf/redirect.rst of the kernel.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "starocean/base/result.h"
#include "starocean/xsk/left_programs.h"

namespace starocean::xsk {

// Where in the receive path the program runs. Native: in the driver, before an sk_buff exists.
// Generic: after, for drivers without XDP; slower, and frames given back to Linux would be seen
// twice (punt.h).
enum class AttachMode : uint8_t { kAuto, kNative, kGeneric };

// kTransit: what is to be routed, see RouteFilter.
enum class ClaimMode : uint8_t { kWholeInterface, kByRule, kTransit };

// ClaimMode::kTransit takes IP packets to the interface's MAC address that are meant for somebody else: not for
// a local address (set_local()), not multicast, not link-local. Everything else stays with Linux: ARP, neighbour
// discovery, routing protocols, its own traffic. So do all VLANs but those named here.
struct RouteFilter {
  std::array<uint8_t, 6> mac{};
  bool untagged = false;
  std::vector<uint16_t> vlans = {};  // routed, each with a VLAN device of Linux
  std::vector<uint16_t> whole_vlans =
      {};  // taken whole: Linux has no device for them but one of ours

  bool operator==(const RouteFilter&) const = default;
};

// "auto", "native", "generic".
const char* to_string(AttachMode mode);

// One rule: the fields that are set must all match. Make one with the functions below, which
// produce exactly the shapes that the kernel side looks for.
struct Claim {
  using Ip4 = std::array<uint8_t, 4>;   // as in the packet: 10.0.0.1 is {10, 0, 0, 1}
  using Ip6 = std::array<uint8_t, 16>;  // as in the packet

  uint16_t ether_type = 0;  // host order
  std::optional<uint8_t> protocol;
  std::optional<uint16_t> port;  // destination port, host order
  // Destination address; or, if `neighbour`, the address being resolved. An IPv4 address is in the
  // first four bytes.
  std::optional<Ip6> address;
  bool neighbour = false;

  // Every frame of an EtherType (at least 0x600): LLDP, 802.1X, all ARP …
  static Claim by_ether_type(uint16_t ether_type);
  // ARP requests and replies whose target protocol address is `address`.
  static Claim arp(Ip4 address);
  // IPv6 neighbour solicitations for `address`, from whatever sender to whatever destination. The
  // advertisements that answer our own solicitations come to our address: claim ICMPv6 to it.
  static Claim neighbour_solicitation(Ip6 address);
  // Every packet to an address.
  static Claim to(Ip4 address);
  static Claim to(Ip6 address);
  // A protocol to one address; or, for ip4() and ip6(), to any.
  static Claim ip4(uint8_t protocol, std::optional<Ip4> address = {},
                   std::optional<uint16_t> port = {});
  static Claim ip6(uint8_t protocol, std::optional<Ip6> address = {},
                   std::optional<uint16_t> port = {});

  bool operator==(const Claim&) const = default;
};

// Frames seen by the program since it was attached, over all CPUs; each is counted exactly once.
struct XdpCounters {
  uint64_t redirected =
      0;  // claimed: to user space (a socket that is full still drops it, and counts it)
  uint64_t passed = 0;     // not claimed: to Linux
  uint64_t no_socket = 0;  // claimed, but the queue had no socket: to Linux
};

class XdpProgram {
 public:
  struct Options {
    std::string device;    // for messages
    uint32_t ifindex = 0;  // what is attached to
    uint32_t queues = 1;   // receive queues of the device: set_socket() takes 0 … queues - 1
    AttachMode mode = AttachMode::kAuto;
    // Frames may have several buffers: needed for an MTU that does not fit one page. The sockets must
    // then be bound with XDP_USE_SG (Linux 6.6), or they receive only frames of one buffer.
    bool multi_buffer = false;
    ClaimMode claim = ClaimMode::kWholeInterface;
    bool look_through_vlan = false;  // claims match inside one or two 802.1Q/802.1ad tags as well
    // Frames for user space bear the time at which the program saw them: see arrival.h. About 30 ns a
    // frame.
    bool stamp_arrival = false;
    // How long a program of ours (or one whose name we may not read) may take to go. Tear-down after a
    // process has ended is asynchronous, but takes milliseconds; what is still there after two seconds
    // belongs to a living process.
    uint32_t busy_patience_ms = 2000;
    // The program is attached so that it stays when the process ends, in whatever way: then what it claims
    // is dropped, as it is on any queue without a socket. Needs `left`.
    bool outlives_process = false;
    // Programs that an earlier process left, and that may therefore be replaced: in one step, if this one
    // is to outlive its process too and the mode is the same. Not owned; outlives the XdpProgram.
    LeftPrograms* left = nullptr;
  };

  // Loads and attaches. In mode kAuto native is tried first, then generic; mode() says which it
  // became. Refused, each with its own sentence: a program of somebody else (its id and name are
  // given), no privileges, no such device, a driver without native XDP (kNative only), an MTU that
  // needs multi_buffer (no fall-back to generic, where the socket could not take such frames
  // either). If the previous program of ours is still being taken down, waits for it, up to
  // busy_patience_ms.
  static Result<XdpProgram> attach(const Options& options);

  XdpProgram(XdpProgram&&) noexcept;
  XdpProgram& operator=(XdpProgram&&) noexcept;
  ~XdpProgram();  // detach()

  // From now on claimed frames of `queue` go to the socket, which must be bound to this device and
  // queue. The socket is not owned. The kernel forgets it by itself when it is closed.
  Status set_socket(uint32_t queue, int xsk_fd);
  // Claimed frames of `queue` go to Linux again. Does nothing if there is no socket.
  void clear_socket(uint32_t queue);

  // Changes what is taken besides the claims; from the next frame on.
  void set_mode(ClaimMode mode);
  void set_route_filter(const RouteFilter& filter);
  // An address is, or is no longer, Linux's own (IPv4 in mapped form). Idempotent. At most 65536.
  Status set_local(const Claim::Ip6& address, bool local);

  // Not kWholeInterface. A claim that exists already, or does not exist, is an error, as is one with
  // fields that do not belong together (a port without a protocol that has ports). At most 16384
  // claims.
  Status add_claim(const Claim& claim);
  Status remove_claim(const Claim& claim);

  XdpCounters counters() const;

  // Idempotent. Claims, sockets and counters stay readable.
  void detach();
  // Instead of detach(), with outlives_process: stays attached, and from now on drops what it claims,
  // until another XdpProgram, of this process or the next, replaces it, or `ip link set dev DEVICE xdp off`.
  // Idempotent.
  void leave();
  // False after detach() and after the device was deleted.
  bool attached() const;

  AttachMode mode() const;  // granted: kNative or kGeneric
  bool multi_buffer() const;
  uint32_t program_id() const;  // as in `bpftool prog show id`
  int program_fd() const;       // owned by this object; for BPF_PROG_TEST_RUN

 private:
  struct State;
  explicit XdpProgram(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace starocean::xsk
