// The TAP devices by which Linux sees VLANs that route or that it has addresses in, and the traffic between
// them and the workers. Each bears the number of a routed interface, and has a port number of its own for its
// counters: received is what Linux sent, transmitted what Linux got.
//
// Linux is the slow path: one system call per packet, on the control thread, which all of this belongs to.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>

#include "starocean/base/ids.h"
#include "starocean/dataplane/counters.h"
#include "starocean/dataplane/handoff_mesh.h"
#include "starocean/xsk/frame_pool.h"
#include "starocean/xsk/tap_device.h"

namespace starocean::dataplane {

class LinuxTaps {
 public:
  struct Entry {
    xsk::TapDevice device;
    PortId account;  // whose counters
  };

  // `counters`: by PortId, written by this thread only. All outlive it.
  LinuxTaps(xsk::FramePool& pool, HandoffMesh& mesh, PortCounters* counters)
      : pool_(pool), mesh_(mesh), counters_(counters) {}

  void add(InterfaceId interface, PortId account, xsk::TapDevice device);
  // Takes it out; the caller closes or removes it.
  xsk::TapDevice take(InterfaceId interface);

  // Gives one packet to Linux, which is counted. The caller keeps the frames.
  void write(InterfaceId interface, PortId from, std::span<const iovec> pieces);
  // Takes what Linux has sent, up to some hundred packets per device, and hands it to workers. What is left keeps
  // the device readable.
  void read();

 private:
  void read_from(InterfaceId interface, Entry& entry);
  bool read_packet(InterfaceId interface, Entry& entry, HandoffRing& ring);

  xsk::FramePool& pool_;
  HandoffMesh& mesh_;
  PortCounters* counters_;
  std::map<InterfaceId, Entry> entries_;
};

}  // namespace starocean::dataplane
