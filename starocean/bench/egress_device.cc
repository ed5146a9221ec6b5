#include "starocean/bench/egress_device.h"

#include <cerrno>

#include <fmt/format.h>

#include "starocean/bench/traffic_spec.h"
#include "starocean/xsk/link_monitor.h"

namespace starocean::bench {
namespace {

constexpr uint32_t kEthernetAndTagBytes = 18;

}  // namespace

uint32_t longest_frame_for_mtu(uint32_t mtu) {
  return mtu + kEthernetAndTagBytes + kFcsBytes;
}

Result<xsk::LinkInfo> find_egress(const std::string& device, uint32_t longest_bytes) {
  const std::string what = fmt::format("cannot send on '{}'", device);
  auto link = xsk::find_link(device);
  if (!link) return fail(link.error());
  if (!*link) {
    return fail(what, "there is no such device", "`ip link` lists those of this network namespace",
                ENODEV);
  }
  if (!(*link)->up || !(*link)->carrier) {
    return fail(what, (*link)->up ? "it has no carrier" : "it is down",
                fmt::format("`ip link set dev {} up`, at both ends of a veth", device), ENETDOWN);
  }
  if (longest_bytes > longest_frame_for_mtu((*link)->mtu)) {
    return fail(what,
                fmt::format("frames of {} bytes are longer than its MTU of {} allows",
                            longest_bytes, (*link)->mtu),
                fmt::format("`ip link set dev {} mtu {}`, at both ends of a veth", device,
                            longest_bytes - longest_frame_for_mtu(0)),
                EMSGSIZE);
  }
  return **link;
}

}  // namespace starocean::bench
