#include "starocean/control/port_manager.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "starocean/base/clock.h"
#include "starocean/base/log.h"
#include "starocean/control/bridge_rules_of.h"
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

// Every class has queues of the same kind.
dataplane::EgressOptions egress_options(const EgressConfig& config) {
  dataplane::FqCodelOptions queue;
  queue.fifo = config.queue == QueueKind::kFifo;
  queue.ecn = config.ecn;
  queue.limit_packets = config.limit;
  queue.codel.target_ns = static_cast<uint64_t>(config.target.count()) * kNsPerMs;
  queue.codel.interval_ns = static_cast<uint64_t>(config.interval.count()) * kNsPerMs;
  dataplane::EgressOptions options{.rate_bps = config.rate_bps, .overhead_bytes = config.overhead};
  for (const EgressClassConfig& one : config.classes) {
    options.classes.push_back({.name = one.name,
                               .strict = one.service == Service::kStrict,
                               .weight = one.weight,
                               .dscps = {one.dscps.begin(), one.dscps.end()},
                               .queue = queue});
  }
  if (options.classes.empty()) options.classes.push_back({.name = "all", .queue = queue});
  return options;
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

Status check_devices(const Config& next, const Config& running) {
  std::vector<uint32_t> queues;
  for (const InterfaceConfig& interface : next.interfaces) {
    const auto same = std::find(running.interfaces.begin(), running.interfaces.end(), interface);
    const bool is_new = same == running.interfaces.end();
    auto link = read_link_state(interface.device);
    if (!link && is_new) return fail(link.error().in(next.place(interface.mark_of("device"))));
    const uint32_t present = link ? link->rx_queues : 1;
    auto taken = dataplane::queues_to_take(interface.device, interface.queues, present);
    if (!taken && is_new) return fail(taken.error().in(next.place(interface.mark_of("queues"))));
    queues.push_back(taken.value_or(present));
  }
  return check_frames(next, queues);
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
  options.may_redirect = interface.io == Io::kAuto;
  if (interface.egress) options.egress = egress_options(*interface.egress);
  return options;
}

Status PortManager::apply(const Config& config) {
  Entries next;
  std::vector<const InterfaceConfig*> wanted;  // new and changed
  for (const InterfaceConfig& interface : config.interfaces) {
    const auto old = entries_.find(interface.name);
    if (old != entries_.end() && old->second.config == interface) {
      next.emplace(interface.name, old->second);
    } else {
      wanted.push_back(&interface);
    }
  }
  // Who has a device that another is to have, or is itself to be attached otherwise, lets go of it first.
  // All others go on forwarding.
  std::vector<Entry*> released;
  for (auto& [name, entry] : entries_) {
    const bool stands_in_the_way =
        std::any_of(wanted.begin(), wanted.end(), [&held = entry.config](const auto* other) {
          return other->name == held.name || other->device == held.device;
        });
    if (!stands_in_the_way || next.contains(name)) continue;
    detach(entry);
    released.push_back(&entry);
  }
  Entries attached;
  for (const InterfaceConfig* interface : wanted) {
    if (Status done = attach_new(config, *interface, attached); !done) {
      undo(attached, released);
      return done;
    }
  }
  next.merge(attached);
  const Entries old = std::exchange(entries_, std::move(next));
  apply_bridges(config);
  for (const auto& [name, entry] : old) {
    if (entries_.contains(name)) continue;
    engine_.remove_port(entry.port);
    info_.erase(entry.port);
  }
  current_ = config;
  return {};
}

// `attached` gets it also when it fails: there is something to undo.
Status PortManager::attach_new(const Config& config, const InterfaceConfig& interface,
                               Entries& attached) {
  const dataplane::PortOptions options = port_options(interface, config.workers.poll);
  Entry entry{interface, PortId::none(), 0};
  if (const auto old = entries_.find(interface.name); old != entries_.end()) {
    entry.port = old->second.port;
    engine_.set_port_options(entry.port, options);
  } else {
    auto port = engine_.add_port(options);
    if (!port) return fail(port.error());
    entry.port = *port;
  }
  Entry& placed = attached.emplace(interface.name, entry).first->second;
  Status done = attach(placed, Patience::kForTearDown);
  if (!done) return fail(done.error().in(config.place(interface.mark_of("device"))));
  return {};
}

void PortManager::undo(const Entries& attached, const std::vector<Entry*>& released) {
  for (const auto& [name, entry] : attached) {
    const auto old = entries_.find(name);
    if (old == entries_.end()) {
      engine_.remove_port(entry.port);
      info_.erase(entry.port);
    } else {
      engine_.detach(entry.port);
      engine_.set_port_options(entry.port, port_options(old->second.config, current_.workers.poll));
    }
  }
  for (Entry* entry : released) attach_at_run_time(*entry, Patience::kForTearDown);
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
      const uint16_t vlan =
          entry.vlan != 0 ? entry.vlan : bridge.member(entry.interface)->untagged_vlan();
      options.static_macs.push_back(
          {net::MacAddress(entry.mac).as_u64(), entries_.at(entry.interface).port, vlan});
    }
    options.rules =
        bridge_rules_of(bridge, [this](const std::string& name) { return entries_.at(name).port; });
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
      refresh(entry);
    }
  }
}

void PortManager::refresh(Entry& entry) {
  auto state = read_link_state(entry.config.device);
  if (!state || state->ifindex != entry.ifindex) return;  // its removal is on the way
  if (Status updated = engine_.update_link(entry.port, *state); !updated) {
    log_info("{}", updated.error().message());
    detach(entry);
    attach_at_run_time(entry, Patience::kForTearDown);  // of what was ours until now
  }
}

void PortManager::retry() {
  for (auto& [name, entry] : entries_) {
    if (entry.ifindex == 0) {
      attach_at_run_time(entry, Patience::kNone);
    } else {
      refresh(entry);
    }
  }
}

}  // namespace starocean::control
