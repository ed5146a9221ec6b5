// The way back into Linux for frames that AF_XDP has taken.
//
// XDP can pass a frame on to Linux only before it gives it away. What turns out to be Linux's
// business later (a fragment that was not for us, LLDP, a frame to the host itself on a claimed
// interface) is put back here, and Linux sees it arrive on the device that it originally came from:
//
//   inject ──AF_PACKET──▶ sopunt0a ══veth══ sopunt0b ──tc ingress──▶ ingress of the original device
//                         mark = its ifindex            bpf/punt.bpf.c
//
// Everything behind the XDP hook then happens as usual: tcpdump, tc ingress, VLAN devices, bridges,
// netfilter, sockets. The frame does not meet the XDP program of the original device again,
// provided that it is a native one. A generic XDP program runs behind the place where the frame
// re-enters, and would take it a second time, for ever; add_interface() refuses such a device.
//
// What Linux is shown:
//   - the bytes as given, from the Ethernet header on, without frame check sequence. The packet type (host,
//     broadcast, other host) is computed for the original device's address.
//   - An outermost 802.1Q or 802.1ad tag moves from the bytes into the packet's metadata, exactly as for a
//     tagged frame that a device without VLAN offload receives: VLAN devices work, AF_PACKET
//     sockets find it in PACKET_AUXDATA, tcpdump prints it. A second tag stays in the bytes.
//   - Checksums are not marked as verified; Linux checks them. Finish unfinished ones (of peers on veth)
//     before.
//   - Any length up to 65535 bytes behind the Ethernet header; the original device's MTU is not applied.
//
// The helper pair. One per Punt, named sopunt<N>a and sopunt<N>b with the first free N. It has no
// addresses, no ARP, no IPv6; a frame that was not injected is dropped at its end. Destroying the
// Punt removes it. A process that is killed leaves it behind, and the next create() in this network
// namespace removes it: a living owner is known by an abstract Unix socket that it keeps bound,
// which, like devices, belongs to the network namespace, and which the kernel closes with the
// process. Do not attach anything to the helper, and do not take it as an interface.
//
// Threads: one thread at a time (the control thread); each frame costs a copy and most of Linux's
// receive path, some microseconds. The thread must be in one network namespace throughout.
//
// Privileges: create() and the destructor need CAP_NET_ADMIN and CAP_BPF; add_interface() needs
// CAP_NET_RAW; inject() needs none. Without CAP_NET_ADMIN the destructor leaves the helper to the
// next create().
//
// Sources: packet(7), veth(4), tc-bpf(8), bpf-helpers(7) (bpf_redirect).
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "starocean/base/counters.h"
#include "starocean/base/result.h"

namespace starocean::xsk {

#define SO_PUNT_COUNTERS(X)                                                                   \
  X(injected, "packets", "given back to Linux")                                               \
  X(drop_unknown_interface, "packets", "for an interface that add_interface() does not know") \
  X(drop_bad_length, "packets",                                                               \
    "shorter than an Ethernet header, or above 65535 bytes of payload")                       \
  X(drop_linux_busy, "packets", "Linux's receive queue was still full after bounded retries") \
  X(drop_refused, "packets", "refused by Linux for another reason")

SO_DECLARE_COUNTERS(PuntCounter, kPuntCounters, SO_PUNT_COUNTERS)
using PuntCounters = CounterBlock<PuntCounter>;

// One frame, from the Ethernet header on, in one piece or several. The memory is read during
// inject() only.
struct PuntFrame {
  uint32_t ifindex = 0;  // the device that it came from
  std::span<const iovec> pieces;
};

class Punt {
 public:
  // Makes the helper pair; removes those of dead processes.
  static Result<Punt> create();

  Punt(Punt&&) noexcept;
  Punt& operator=(Punt&&) noexcept;
  ~Punt();

  // Call once the device has its XDP program: a generic one is refused. Adding twice does nothing.
  Status add_interface(const std::string& device, uint32_t ifindex);
  void remove_interface(uint32_t ifindex);

  // Gives frames back to Linux; frames of one interface stay in order. Returns how many Linux has
  // taken; the others are counted under their reason and lost. Taken means: in Linux's receive
  // path, where a full socket may still drop it. Frames for a device that has disappeared are
  // taken, and dropped there. Waits for Linux at most about 20 ms in all.
  size_t inject(std::span<const PuntFrame> frames);

  const PuntCounters& counters() const;      // any thread may read
  const std::string& helper_device() const;  // the end that frames are injected at: "sopunt0a"

 private:
  struct State;
  explicit Punt(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace starocean::xsk
