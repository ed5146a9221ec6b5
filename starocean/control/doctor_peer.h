// The other end of a veth, in whatever network namespace it is.
#pragma once

#include <optional>

#include "starocean/control/doctor_facts.h"
#include "starocean/xsk/link_info.h"

namespace starocean::control::doctor {

// nullopt if it is not to be found: into another namespace takes CAP_SYS_ADMIN, and one that has neither a
// name under /run/netns nor a process is out of reach. A thread of its own enters the namespace; the
// calling one stays where it is.
std::optional<PeerFacts> find_peer(const xsk::LinkInfo& link);

// Whether this network namespace has VLAN devices on top of that device.
bool has_vlan_devices(uint32_t ifindex);

}  // namespace starocean::control::doctor
