#include <algorithm>
#include <unordered_map>

#include "starocean/control/config.h"
#include "starocean/control/config_value.h"

namespace starocean::control {
namespace {

std::string count(uint64_t number, std::string_view noun) {
  return std::to_string(number).append(" ").append(noun).append(number == 1 ? "" : "s");
}

template <class Items, class Name>
std::string join(const Items& items, Name name) {
  std::string out;
  for (const auto& item : items) out.append(out.empty() ? "" : ", ").append(name(item));
  return out;
}

std::string workers_line(const WorkersConfig& workers) {
  const std::string where =
      workers.cpus.empty() ? std::string("not pinned")
                           : (workers.cpus.size() == 1 ? "on CPU " : "on CPUs ") +
                                 join(workers.cpus, [](int cpu) { return std::to_string(cpu); });
  return "workers: " + std::to_string(workers.count()) + " " + where + "; " +
         std::string(to_string(workers.poll)) + " polling\n";
}

std::string memory_line(const MemoryConfig& memory) {
  const uint64_t bytes = uint64_t{memory.frames} * memory.frame_size;
  return "memory: " + count(memory.frames, "frame") + " of " + std::to_string(memory.frame_size) +
         " bytes (" + std::to_string(bytes >> 20) + " MiB), huge pages " +
         std::string(to_string(memory.hugepages)) + "\n";
}

std::string interface_line(const InterfaceConfig& interface, const BridgeConfig* bridge) {
  std::string line = "interface " + interface.name + ": device " + interface.device + ", ";
  line += interface.queues ? count(*interface.queues, "queue") : std::string("all queues");
  if (interface.attach != Attach::kAuto) line.append(", ").append(to_string(interface.attach));
  if (interface.zerocopy != ZeroCopy::kAuto) {
    line += interface.zerocopy == ZeroCopy::kRequire ? ", zero-copy required" : ", copy";
  }
  return line + (bridge == nullptr ? ", in no bridge\n" : ", in bridge " + bridge->name + "\n");
}

// "lan2 trunk 10, 20 native 10".
std::string member_words(const BridgeMember& member) {
  std::string out = member.interface;
  if (member.vlan != 0) {
    out.append(member.qinq ? " QinQ VLAN " : " VLAN ").append(std::to_string(member.vlan));
  }
  if (member.trunk) {
    const bool all = *member.trunk == all_vlans();
    out.append(" trunk ").append(all ? "of all VLANs" : format_vlans(*member.trunk));
    if (member.native != 0) out.append(" native ").append(std::to_string(member.native));
  }
  if (!member.mirror_to.empty()) out.append(" mirrored to ").append(member.mirror_to);
  return out;
}

std::string bridge_line(const BridgeConfig& bridge) {
  std::string line = "bridge " + bridge.name + ": " + count(bridge.interfaces.size(), "interface");
  if (!bridge.interfaces.empty()) {
    line += " (" + join(bridge.interfaces, member_words) + ")";
  }
  line += ", " + std::to_string(bridge.mac_limit) + " addresses, aging " +
          format_duration(bridge.mac_aging);
  if (!bridge.static_macs.empty()) {
    line += ", " + std::to_string(bridge.static_macs.size()) + " static";
  }
  return line + "\n";
}

}  // namespace

Result<std::string> check_summary(const Config& config) {
  std::vector<uint32_t> queues;
  for (const auto& interface : config.interfaces) queues.push_back(interface.queues.value_or(1));
  if (auto enough = check_frames(config, queues); !enough) return fail(enough.error());

  std::unordered_map<std::string_view, const BridgeConfig*> bridge_of;
  std::string notes;
  for (const auto& bridge : config.bridges) {
    for (const auto& member : bridge.interfaces) bridge_of[member.interface] = &bridge;
    for (const auto& member : bridge.interfaces) {
      if (!member.mirror_to.empty()) bridge_of[member.mirror_to] = nullptr;
    }
    for (const auto& interface : bridge.vlan_interfaces) {
      const bool is_carried =
          std::any_of(bridge.interfaces.begin(), bridge.interfaces.end(),
                      [&](const auto& member) { return member.carries(interface.vlan); });
      if (is_carried) continue;
      notes += "note: no interface of bridge " + bridge.name + " carries VLAN " +
               std::to_string(interface.vlan) + " of VLAN interface " + interface.name + "\n";
    }
    if (bridge.interfaces.size() < 2) {
      notes += "note: bridge " + bridge.name + " joins fewer than two interfaces\n";
    }
  }
  std::string out = config.node.empty() ? "" : "node: " + config.node + "\n";
  out += workers_line(config.workers) + memory_line(config.memory);
  if (config.interfaces.empty()) notes += "note: no interface is taken, so nothing is forwarded\n";
  for (const auto& interface : config.interfaces) {
    const auto found = bridge_of.find(interface.name);
    const bool is_free = found == bridge_of.end();
    out += interface_line(interface, is_free ? nullptr : found->second);
    if (is_free) {
      notes += "note: interface " + interface.name + " is in no bridge, so nothing is forwarded\n";
    }
  }
  for (const auto& bridge : config.bridges) out += bridge_line(bridge);
  if (config.api) {
    out += "api: HTTP on " + format_host_port(config.api->host, config.api->port) + "\n";
  }
  return out + notes;
}

}  // namespace starocean::control
