// Internal to device_info and device_settings: one ethtool ioctl (linux/ethtool.h). Any thread; speaks
// of the calling thread's network namespace.
#pragma once

#include <string>

#include "starocean/base/result.h"

namespace starocean::xsk::ethtool {

// `command` is a struct of linux/ethtool.h that begins with its `cmd`. errno, or 0.
int request(const std::string& device, void* command);

// "cannot read the <about> of '<device>': …"
tl::unexpected<Error> cannot_ask(const char* about, const std::string& device, int error);

}  // namespace starocean::xsk::ethtool
