#include "starocean/control/port_manager.h"

#include <algorithm>

#include <fmt/format.h>

#include "starocean/base/log.h"
#include "starocean/net/mac_address.h"

namespace starocean::control {

using dataplane::Patience;

namespace {

dataplane::LinkState to_link_state(const xsk::LinkInfo& info, const xsk::QueueCounts& queues,
                                   const std::string& driver) {
  dataplane::LinkState state;
  state.ifindex = info.ifindex;
  state.up = info.up && info.carrier;
  state.mtu_bytes = info.mtu;
  state.rx_queues = queues.receive;
  state.tx_queues = queues.transmit;
  state.mac = net::MacAddress(info.mac).as_u64();
  state.driver = driver;
  return state;
}

}  // namespace

Result<dataplane::LinkState> read_link_state(const std::string& device) {
  auto found = xsk::find_link(device);
  if (!found) return fail(found.error());
  if (!*found) {
    return fail(
        fmt::format("cannot attach to interface '{}'", device), "Linux has no device of this name",
        "see `ip link`, and name the device with `device:` if it differs from the key", ENODEV);
  }
  auto queues = xsk::queue_counts(device);
  if (!queues) return fail(queues.error());
  auto driver = xsk::driver_name(device);
  return to_link_state(**found, *queues, driver ? *driver : std::string());
}

dataplane::PortOptions PortManager::port_options(const InterfaceConfig& interface, Poll poll) {
  dataplane::PortOptions options;
  options.name = interface.name;
  options.device = interface.device;
  options.queues = interface.queues;
  options.attach = interface.attach == Attach::kNative    ? xsk::AttachMode::kNative
                   : interface.attach == Attach::kGeneric ? xsk::AttachMode::kGeneric
                                                          : xsk::AttachMode::kAuto;
  options.zero_copy = interface.zerocopy == ZeroCopy::kRequire ? xsk::ZeroCopy::kRequire
                      : interface.zerocopy == ZeroCopy::kOff   ? xsk::ZeroCopy::kOff
                                                               : xsk::ZeroCopy::kAuto;
  options.rx_ring = interface.rings.rx;
  options.tx_ring = interface.rings.tx;
  options.fill_ring = interface.rings.fill;
  options.completion_ring = interface.rings.completion;
  options.finish_checksums = interface.checksums == Checksums::kOn ? dataplane::FinishChecksums::kOn
                             : interface.checksums == Checksums::kOff
                                 ? dataplane::FinishChecksums::kOff
                                 : dataplane::FinishChecksums::kAuto;
  options.busy_poll = poll == Poll::kBusy;
  return options;
}

Result<PortManager::Entry> PortManager::add(const Config& config,
                                            const InterfaceConfig& interface) {
  auto port = engine_.add_port(port_options(interface, config.workers.poll));
  if (!port) return fail(port.error());
  Entry entry{interface, *port, 0};
  info_[*port] = {};
  if (Status attached = attach(entry, Patience::kForTearDown); !attached) {
    engine_.remove_port(*port);
    info_.erase(*port);
    const bool queues = attached.error().message().find("queues") != std::string::npos;
    return fail(attached.error().in(config.place(interface.mark_of(queues ? "queues" : "device"))));
  }
  return entry;
}

Status PortManager::apply(const Config& config) {
  // New and changed interfaces first, while the old ones still forward; a changed one has to let go of
  // its device before.
  Entries next;
  std::vector<Entry> added;
  std::vector<const Entry*> released;
  Status failed;
  for (const InterfaceConfig& interface : config.interfaces) {
    const auto old = entries_.find(interface.name);
    if (old != entries_.end() && old->second.config == interface) {
      next.emplace(interface.name, old->second);
      continue;
    }
    if (old != entries_.end()) {
      detach(old->second);
      released.push_back(&old->second);
    }
    auto entry = add(config, interface);
    if (!entry) {
      failed = fail(entry.error());
      break;
    }
    added.push_back(*entry);
    next.emplace(interface.name, *entry);
  }
  if (!failed) {
    for (const Entry& entry : added) {
      engine_.remove_port(entry.port);
      info_.erase(entry.port);
    }
    for (const Entry* entry : released)
      attach_at_run_time(entries_.at(entry->config.name), Patience::kForTearDown);
    return failed;
  }
  Entries old = std::exchange(entries_, std::move(next));
  apply_bridges(config);
  for (const auto& [name, entry] : old) {
    const auto kept = entries_.find(name);
    if (kept != entries_.end() && kept->second.port == entry.port) continue;
    engine_.remove_port(entry.port);
    info_.erase(entry.port);
  }
  current_ = config;
  return {};
}

void PortManager::apply_bridges(const Config& config) {
  std::vector<dataplane::BridgeOptions> bridges;
  for (const BridgeConfig& bridge : config.bridges) {
    dataplane::BridgeOptions options;
    options.name = bridge.name;
    options.mac_limit = bridge.mac_limit;
    options.aging_ms = static_cast<uint32_t>(bridge.mac_aging.count());
    for (const BridgeMember& member : bridge.interfaces) {
      options.members.push_back(entries_.at(member.interface).port);
    }
    for (const StaticMac& entry : bridge.static_macs) {
      options.static_macs.emplace_back(net::MacAddress(entry.mac).as_u64(),
                                       entries_.at(entry.interface).port);
    }
    bridges.push_back(std::move(options));
  }
  engine_.set_bridges(bridges);
}

Status PortManager::attach(Entry& entry, Patience patience) {
  auto link = read_link_state(entry.config.device);
  if (!link) return fail(link.error());
  if (Status attached = engine_.attach(entry.port, *link, patience); !attached) return attached;
  entry.ifindex = link->ifindex;
  info_[entry.port] = {};
  for (const auto& view : engine_.ports()) {
    if (view.id != entry.port) continue;
    log_info("interface '{}' ({}) attached: {} XDP, {}, {} queues{}", entry.config.name,
             entry.config.device, view.attached->attach_mode(),
             view.attached->zero_copy() ? "zero-copy" : "copy mode", view.attached->queues().size(),
             view.attached->multi_buffer() ? ", packets of several frames" : "");
  }
  return {};
}

void PortManager::detach(Entry& entry) {
  engine_.detach(entry.port);
  entry.ifindex = 0;
}

void PortManager::attach_at_run_time(Entry& entry, Patience patience) {
  Status attached = attach(entry, patience);
  if (attached) return;
  PortInfo& info = info_[entry.port];
  const std::string& problem = attached.error().message();
  info.absent = attached.error().code() == ENODEV;
  if (info.problem != problem) log_warning("{}", problem);
  info.problem = problem;
}

void PortManager::on_link(const xsk::LinkInfo& link) {
  for (auto& [name, entry] : entries_) {
    const bool ours = entry.ifindex != 0 && entry.ifindex == link.ifindex;
    if (!ours && entry.config.device != link.name) continue;
    if (ours && (link.removed || link.name != entry.config.device)) {
      log_warning("interface '{}': its device '{}' is gone", name, entry.config.device);
      detach(entry);
      info_[entry.port] = {fmt::format("device '{}' does not exist", entry.config.device), true};
    } else if (link.removed) {
      continue;
    } else if (entry.ifindex != 0 && !ours) {
      // A new device under the old name, before we heard that the old one has gone.
      detach(entry);
      attach_at_run_time(entry, Patience::kNone);
    } else if (entry.ifindex == 0) {
      attach_at_run_time(entry, Patience::kNone);
    } else {
      auto state = read_link_state(entry.config.device);
      if (!state || state->ifindex != entry.ifindex) continue;  // its removal is on the way
      if (Status updated = engine_.update_link(entry.port, *state); !updated) {
        log_info("{}", updated.error().message());
        detach(entry);
        attach_at_run_time(entry, Patience::kForTearDown);  // of what was ours until now
      }
    }
  }
}

void PortManager::retry() {
  for (auto& [name, entry] : entries_) {
    if (entry.ifindex == 0) attach_at_run_time(entry, Patience::kNone);
  }
}

}  // namespace starocean::control
