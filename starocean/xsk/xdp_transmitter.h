// Transmission without AF_XDP, for devices in copy mode. There the kernel makes a socket buffer for each frame that a
// socket sends; a frame that an XDP program redirects (ndo_xdp_xmit) needs none, and costs a third to a half. Programs
// redirect what a device has received; this one (bpf/transmit.bpf.c) runs over frames that the kernel makes for it, and fills
// them from lanes in memory that is shared with user space.
//
//   auto transmitter = XdpTransmitter::create({.cpu = 1});
//   auto lane = transmitter->add_lane(ifindex);         control thread
//   transmitter->begin();                               packet path
//   while (…) {
//     lane->push(frame); …; lane->publish();
//     transmitter->wait();
//   }
//   transmitter->end();
//
// The program runs on a thread of its own, inside the kernel, with frames to send or without. That thread is of SCHED_IDLE,
// and gives way to everything else on its CPU. With a thread of the packet path on the same CPU the two take turns: one
// writes a few hundred frames and waits, which lets the other run until it has sent them. It takes all that is left of the
// CPU: to be begun under load, and ended afterwards. Until begin() it sleeps.
//
// Which devices: those that report kXdpActTransmit (netdev_family.h). A veth does while its other end has an XDP
// program or GRO. What a device does not take stays in its lane and is tried again; TransmitLane::refused() tells.
//
// Threads: "Packet path" belongs to one thread, which also writes the lanes; all else to a control thread.
//
// Privileges: CAP_NET_ADMIN, CAP_BPF, CAP_PERFMON. Linux 6.1 with BTF.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "starocean/base/result.h"
#include "starocean/xsk/transmit_lane.h"

namespace starocean::xsk {

class XdpTransmitter {
 public:
  static constexpr uint32_t kLanes = TRANSMIT_LANES;
  static constexpr uint32_t kMostRuns = UINT32_MAX - UINT32_MAX % TRANSMIT_BATCH;

  struct Options {
    int cpu = -1;  // of its thread; -1: those of the thread that starts it
    std::string thread_name = "transmit";
    // A device at which nothing ever arrives, to hang the program on (in generic mode) where it has none: then the
    // kernel need not make the program known anew for each call, and begins at once instead of after some 20 ms
    // (kernel/bpf/dispatcher.c). 0: none.
    uint32_t holder_ifindex = 0;
    // Of the program, in one call of the kernel's. Towards the end running() becomes false, until the next call.
    uint32_t runs_per_call = kMostRuns;
  };

  static Result<std::unique_ptr<XdpTransmitter>> create(const Options& options);
  ~XdpTransmitter();  // what is in the lanes is lost
  XdpTransmitter(const XdpTransmitter&) = delete;
  XdpTransmitter& operator=(const XdpTransmitter&) = delete;

  // A lane to that device, open and empty; 2 MB. Refused: no such device, more than kLanes. It lives as long as the
  // transmitter, or until remove_lane(). At any time.
  Result<TransmitLane*> add_lane(uint32_t ifindex);
  // Nobody writes it any more. What it held is lost, as with a socket that closes. Waits for the program, at most 100 ms;
  // if that does not answer, the lane's place is not used again.
  void remove_lane(TransmitLane* lane);

  // --- Packet path ---------------------------------------------------------------------------------
  // The program is to run soon. Twice or more is the same as once; after end() it need not be at rest yet.
  void begin();
  // It is to run no more; what is in the lanes stays there. To be repeated until at_rest(): a signal may be lost.
  void end();
  // Its thread competes with others for its CPU, until it has answered wait() or is at rest: when wait() fails and its
  // lanes are to be had back.
  void hurry();
  // After end(): the program does not run.
  bool at_rest() const;
  // The program is at work, and goes on for at least a second: a look at memory.
  bool running() const;
  // Lets the program send what has been published: returns once there is nothing to send, or only for devices that are
  // full. False after 2 ms without an answer: its CPU is used by others, or it does not run.
  bool wait();
  // System calls made by wait().
  uint64_t system_calls() const;

 private:
  struct State;
  explicit XdpTransmitter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace starocean::xsk
