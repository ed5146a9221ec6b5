// A network device of Linux whose wire is this process: what Linux sends on it is read here, and what is
// written here Linux receives (Documentation/networking/tuntap.rst). By it a VLAN, which is no device, gets
// addresses, routing daemons, `ping` and `tcpdump` like any other.
//
// It is persistent: when the process ends, in whatever way, the device stays, with its addresses and its MAC
// address, and without a carrier, so that Linux and routing daemons see the link go down and come up again.
// The next process adopts it. What we have made bears kTapAlias as its alias (`ip link`); a device of that name
// that does not is somebody else's, and refused.
//
// Frames are whole Ethernet frames without VLAN tag. Linux completes checksums and cuts super-packets itself:
// no offloads are asked for.
//
// One thread at a time. Opening needs CAP_NET_ADMIN.
#pragma once

#include <sys/uio.h>

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "starocean/base/result.h"

namespace starocean::xsk {

inline constexpr std::string_view kTapAlias = "starocean";

class TapDevice {
 public:
  // Makes the device, and sets it up; or adopts one of ours, as it is. Refused: a name that another kind of
  // device, somebody else's TAP, or another process has.
  // `mac`: what it is to have; none: what the kernel gave it when it was made.
  static Result<TapDevice> open(const std::string& name,
                                std::optional<std::array<uint8_t, 6>> mac = {});
  TapDevice(TapDevice&& other) noexcept;
  TapDevice& operator=(TapDevice&& other) noexcept;
  ~TapDevice();  // the device stays, without carrier

  const std::string& name() const { return name_; }
  uint32_t ifindex() const { return ifindex_; }
  bool adopted() const { return adopted_; }
  int fd() const { return fd_; }  // non-blocking; readable when Linux has sent something

  // The next frame that Linux sent, scattered over `pieces`; returns its length, cut to their size; 0: none.
  size_t read(std::span<const iovec> pieces);
  // False when Linux did not take it (the device is not up).
  bool write(std::span<const iovec> pieces);
  // Without it the device goes with the process, or now, with remove().
  void remove();

 private:
  TapDevice(std::string name, int fd) : name_(std::move(name)), fd_(fd) {}

  std::string name_;
  int fd_ = -1;
  uint32_t ifindex_ = 0;
  bool adopted_ = false;
};

}  // namespace starocean::xsk
