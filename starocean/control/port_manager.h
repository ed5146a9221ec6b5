// Keeps the data plane's ports in step with the configuration and with the devices that Linux has.
//
// A configured interface has a port for as long as it is configured; the port is attached while the
// device is there. Devices may come and go while the daemon runs: a device that is deleted leaves its
// port "absent", one that is created under the name is attached again, with its counters going on. What
// cannot be attached at run time is told in `problem`, and tried again every few seconds.
//
// At start and at reload nothing is left half done: an interface that cannot be attached refuses the
// whole configuration; what was attached for it is detached again, and what had to let go of its device
// is attached again.
//
// One thread at a time (the daemon holds its lock).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "starocean/base/result.h"
#include "starocean/control/config.h"
#include "starocean/dataplane/engine.h"
#include "starocean/xsk/device_info.h"
#include "starocean/xsk/link_monitor.h"

namespace starocean::control {

class PortManager {
 public:
  explicit PortManager(dataplane::Engine& engine) : engine_(engine) {}

  // Makes the ports and bridges those of `config`. An interface that has not changed is not touched; one
  // that has changed keeps its port. On failure the ports and bridges are those of before.
  Status apply(const Config& config);
  // Linux says that a device is new, has changed, or is gone.
  void on_link(const xsk::LinkInfo& link);
  // Tries again to attach what could not be, waiting for nobody, and looks whether those that are
  // attached are as they were: Linux does not tell of a new number of queues. Call now and then.
  void retry();

  struct PortInfo {
    std::string problem;  // why it is not attached; empty when it is
    bool absent = false;  // its device does not exist
  };
  const std::map<PortId, PortInfo>& info() const { return info_; }
  // Of a configured interface.
  std::optional<PortId> port_of(const std::string& name) const {
    const auto found = entries_.find(name);
    return found == entries_.end() ? std::nullopt : std::optional(found->second.port);
  }

 private:
  struct Entry {
    InterfaceConfig config;
    PortId port;
    uint32_t ifindex = 0;  // of the device last attached to
  };
  using Entries = std::map<std::string, Entry>;

  Status attach_new(const Config& config, const InterfaceConfig& interface, Entries& attached);
  void undo(const Entries& attached, const std::vector<Entry*>& released);
  Status attach(Entry& entry, dataplane::Patience patience);
  void detach(Entry& entry);
  void refresh(Entry& entry);
  void attach_at_run_time(Entry& entry, dataplane::Patience patience);
  void apply_bridges(const Config& config);
  static dataplane::PortOptions port_options(const InterfaceConfig& interface, Poll poll);

  dataplane::Engine& engine_;
  Config current_;
  Entries entries_;
  std::map<PortId, PortInfo> info_;
};

// Of one device, as the engine wants it. Fails when the device is not there.
Result<dataplane::LinkState> read_link_state(const std::string& device);

// What can be said of `next` before anything is touched: the devices of interfaces that are new or have
// changed since `running` are there and have the queues asked for, and the frames suffice for all rings.
Status check_devices(const Config& next, const Config& running);

}  // namespace starocean::control
