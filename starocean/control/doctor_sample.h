// For tests: a machine and a network card on which nothing is wrong. Tests change one fact each.
#pragma once

#include "starocean/control/doctor.h"

namespace starocean::control::doctor {

HostFacts sample_host();
// "nic0": hardware with everything, in use by nobody.
InterfaceFacts sample_nic();
// "lan1": one end of a veth, whose other end "eth0" is in the namespace h1 and hands out finished packets.
InterfaceFacts sample_veth();
// Both, without a configuration file.
Survey sample_survey();
// The configuration of `yaml`, as if it had been read from a file named `file`.
Plan sample_plan(const std::string& yaml, const std::string& file = "site.yaml");

}  // namespace starocean::control::doctor
