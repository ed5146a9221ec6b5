// Looks at one network device, without changing anything (the trial is in doctor_trial.h). About a
// millisecond; a few more for a veth whose other end is in another namespace. Any thread; speaks of the
// calling thread's network namespace.
#pragma once

#include <string>
#include <vector>

#include "starocean/base/result.h"
#include "starocean/control/doctor_facts.h"

namespace starocean::control::doctor {

// A device that is not there gives facts with `exists` false.
InterfaceFacts gather_interface(const std::string& device);

// The devices that an operator may mean: Ethernet devices, hardware and virtual, that have packets of
// somebody else's to bring. Not: loopback, bridges, tunnels, devices on top of others, and our own helpers.
Result<std::vector<std::string>> interesting_devices();

}  // namespace starocean::control::doctor
