#include <algorithm>
#include <map>
#include <unordered_map>

#include "starocean/base/check.h"
#include "starocean/control/config_bind.h"
#include "starocean/control/config_words.h"

namespace starocean::control {
namespace {

void check_devices(const Config& config, Problems& problems) {
  std::unordered_map<std::string_view, const InterfaceConfig*> owners;
  for (const InterfaceConfig& interface : config.interfaces) {
    const auto [owner, is_new] = owners.emplace(interface.device, &interface);
    if (is_new) continue;
    problems.add(interface.mark_of("device"), "cannot use interface " + quote(interface.name),
                 "its device " + quote(interface.device) + " is already that of interface " +
                     quote(owner->second->name) + " at " + at(owner->second->mark),
                 "give each interface a device of its own");
  }
}

// Which bridge an interface was put into, and where.
struct Membership {
  const BridgeConfig* bridge;
  Mark mark;
};

class MembershipCheck {
 public:
  MembershipCheck(const Config& config, Problems& problems) : problems_(problems) {
    for (const auto& interface : config.interfaces) {
      names_.push_back(interface.name);
      declared_.emplace(interface.name, true);
    }
    for (const auto& bridge : config.bridges) {
      for (const auto& member : bridge.interfaces) check_member(bridge, member);
    }
  }

 private:
  void check_member(const BridgeConfig& bridge, const BridgeMember& member) {
    const std::string what =
        "cannot put interface " + quote(member.interface) + " into bridge " + quote(bridge.name);
    const auto [earlier, is_new] =
        memberships_.emplace(member.interface, Membership{&bridge, member.mark});
    if (!is_new && earlier->second.bridge == &bridge) {
      problems_.add(member.mark, what, "it is already in it at " + at(earlier->second.mark),
                    "name it once");
    } else if (!is_new) {
      problems_.add(member.mark, what,
                    "it is in bridge " + quote(earlier->second.bridge->name) + " at " +
                        at(earlier->second.mark),
                    "remove it from one of the two");
    } else if (!declared_.contains(member.interface) && !problems_.full()) {
      problems_.add(member.mark, what, "there is no such interface",
                    remedy_for_interface(member.interface, names_));
    }
  }

  Problems& problems_;
  std::vector<std::string_view> names_;
  std::unordered_map<std::string_view, bool> declared_;
  std::unordered_map<std::string_view, Membership> memberships_;
};

void check_egress(const Config& config, Problems& problems) {
  for (const InterfaceConfig& interface : config.interfaces) {
    if (!interface.egress) continue;
    std::map<int, const EgressClassConfig*> seen;
    for (const EgressClassConfig& one : interface.egress->classes) {
      for (const int dscp : one.dscps) {
        const auto [earlier, is_new] = seen.emplace(dscp, &one);
        if (is_new) continue;
        problems.add(one.mark_of("dscp"), "cannot use the class " + quote(one.name),
                     "DSCP " + std::to_string(dscp) + " is in class " +
                         quote(earlier->second->name) + " at " + at(earlier->second->mark),
                     "name it in one class");
      }
    }
  }
}

void check_headroom(const Config& config, Problems& problems) {
  constexpr uint32_t kKernelHeadroom = 256;  // XDP_PACKET_HEADROOM, linux/bpf.h
  constexpr uint32_t kFullPacket = 1522;     // 1500 bytes, Ethernet header, two VLAN tags
  const uint32_t most = config.memory.frame_size - kKernelHeadroom - kFullPacket;
  if (config.memory.headroom <= most) return;
  problems.add(config.memory.mark_of("headroom"), "cannot use memory.headroom",
               std::to_string(config.memory.headroom) + " bytes leave too little of a frame of " +
                   std::to_string(config.memory.frame_size) + " for a packet of 1522",
               "write at most " + std::to_string(most) + ", or a frame_size of 4096");
}

}  // namespace

void check_references(const Config& config, Problems& problems) {
  check_devices(config, problems);
  const MembershipCheck membership(config, problems);
  check_headroom(config, problems);
  check_egress(config, problems);
  check_vlans(config, problems);
  check_routing(config, problems);
}

uint64_t frames_needed(const Config& config, std::span<const uint32_t> queues) {
  SO_CHECK(queues.size() == config.interfaces.size(), "one number of queues per interface");
  uint64_t needed = config.workers.count() * kFramesInHandPerWorker;
  for (size_t i = 0; i < queues.size(); ++i) {
    const RingSizes& rings = config.interfaces[i].rings;
    needed += uint64_t{queues[i]} * (std::min(rings.fill, kFillFramesInAnyCase) + rings.tx);
  }
  return needed;
}

Status check_frames(const Config& config, std::span<const uint32_t> queues) {
  const uint64_t needed = frames_needed(config, queues);
  if (config.memory.frames >= needed) return {};
  uint64_t all_queues = 0;
  for (const uint32_t count : queues) all_queues += count;
  const auto count = [](uint64_t number, std::string_view noun) {
    return std::to_string(number).append(" ").append(noun).append(number == 1 ? "" : "s");
  };
  return fail(format_place(config.file, config.memory.mark_of("frames")) + ": cannot do with " +
                  count(config.memory.frames, "frame"),
              "the fill and tx rings of " + count(all_queues, "queue") + " and " +
                  count(config.workers.count(), "worker") + " need " + std::to_string(needed),
              "raise memory.frames, or write smaller rings or fewer queues");
}

}  // namespace starocean::control
