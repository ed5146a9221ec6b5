// A Linux device taken by the data plane: its XDP program and one socket per queue. Control thread only.
//
// Order. Attaching: the program first (some drivers rebuild their queues for it, and it is where somebody
// else's program shows), which passes everything to Linux as long as it has no sockets; then the sockets
// with their frames; then the sockets go into its map. Detaching is the reverse, in two steps, because the
// workers must stop using the sockets in between:
//   leave()           the program goes: Linux has the interface to itself again, or nothing passes
//                     (PortOptions::outlives_process); the card filters by its own address again
//   close()           once no worker uses the queues: takes back every frame
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "starocean/base/result.h"
#include "starocean/dataplane/counters.h"
#include "starocean/dataplane/egress_scheduler.h"
#include "starocean/dataplane/snapshot.h"
#include "starocean/xsk/frame_pool.h"
#include "starocean/xsk/receive_filter.h"
#include "starocean/xsk/xdp_program.h"

namespace starocean::dataplane {

enum class FinishChecksums { kAuto, kOn, kOff };

// Whether to wait for whoever holds the device: up to 2 s, for what is being taken down after a process
// has ended or a port was closed. Without, a device that somebody else keeps is refused at once.
enum class Patience { kNone, kForTearDown };

// As configured.
struct PortOptions {
  std::string name;
  std::string device;
  std::optional<uint32_t> queues = {};  // none: all that the device has
  xsk::AttachMode attach = xsk::AttachMode::kAuto;
  xsk::ZeroCopy zero_copy = xsk::ZeroCopy::kAuto;
  uint32_t rx_ring = 16384, tx_ring = 2048, fill_ring = 16384, completion_ring = 2048;
  // kAuto: on drivers whose peer is a Linux host that leaves checksums to hardware that never comes.
  FinishChecksums finish_checksums = FinishChecksums::kAuto;
  bool busy_poll = false;
  bool may_redirect = true;                  // transmit by XDP_REDIRECT under load: egress_lanes.h
  bool stamp_arrival = false;                // xsk/arrival.h
  std::optional<EgressOptions> egress = {};  // a rate, queues, classes
  // What of its traffic is taken when it is attached; steer() changes it.
  xsk::ClaimMode claim = xsk::ClaimMode::kWholeInterface;
  // When the process ends nothing passes: see xsk::XdpProgram::Options.
  bool outlives_process = false;
  xsk::LeftPrograms* left = nullptr;

  bool operator==(const PortOptions&) const = default;
};

// As Linux has the device now.
struct LinkState {
  uint32_t ifindex = 0;
  bool up = false;  // administratively and by carrier
  uint32_t mtu_bytes = 0;
  uint32_t rx_queues = 1;
  uint32_t tx_queues = 1;
  uint64_t mac = 0;  // net::MacAddress::as_u64()
  std::string driver = {};

  bool operator==(const LinkState&) const = default;
};

// The number of queues of a device with `present` ones that a port takes; an error when it has too few.
Result<uint32_t> queues_to_take(const std::string& device, std::optional<uint32_t> wanted,
                                uint32_t present);

class AttachedPort {
 public:
  // `owners`: the worker of each queue, as many as queues are to be taken.
  static Result<std::unique_ptr<AttachedPort>> open(xsk::Umem& umem, xsk::FramePool& pool,
                                                    PortId id, const PortOptions& options,
                                                    const LinkState& link,
                                                    const std::vector<WorkerId>& owners,
                                                    Patience patience);
  ~AttachedPort();
  AttachedPort(const AttachedPort&) = delete;
  AttachedPort& operator=(const AttachedPort&) = delete;

  // What of its traffic goes to user space, from the next frame on. It is promiscuous where that is everything.
  void steer(xsk::ClaimMode mode, const xsk::RouteFilter& filter);
  // Linux's own addresses, which ClaimMode::kTransit leaves to it.
  Status set_local(const net::Ipv6Address& address, bool local);
  // Whether a device of this MTU can be served in the mode that was attached.
  bool carries(uint32_t mtu_bytes) const;
  // From now on the device's traffic is Linux's; of a port that outlives the process (PortOptions) nothing passes
  // until its device is attached again or released.
  void leave();
  // Returns how many packets were still waiting to be sent.
  uint64_t close(xsk::FramePool& pool);

  uint32_t ifindex() const { return ifindex_; }
  bool multi_buffer() const { return multi_buffer_; }
  bool finishes_checksums() const { return finishes_checksums_; }
  bool zero_copy() const;
  const char* attach_mode() const { return xsk::to_string(program_->mode()); }
  bool generic() const { return program_->mode() == xsk::AttachMode::kGeneric; }
  bool program_attached() const { return program_->attached(); }
  const std::vector<std::unique_ptr<PortQueue>>& queues() const { return queues_; }
  // Of the socket and the kernel, since the queue was opened.
  static QueueCounters::Values counters(const PortQueue& queue);

 private:
  AttachedPort(xsk::Umem& umem, xsk::FramePool& pool) : umem_(umem), pool_(pool) {}
  bool fits_one_buffer(uint32_t mtu_bytes, xsk::AttachMode mode) const;
  uint32_t largest_mtu_bytes() const;
  Status check_mtu(const PortOptions& options, const LinkState& link) const;
  Status attach_program_for_mtu(const PortOptions& options, const LinkState& link,
                                Patience patience);
  Status open_queues(PortId id, const PortOptions& options, const std::vector<WorkerId>& owners,
                     Patience patience);
  Status receive_all(bool all);
  Status attach_program(const PortOptions& options, const LinkState& link, Patience patience);

  xsk::Umem& umem_;
  xsk::FramePool& pool_;
  uint32_t ifindex_ = 0;
  bool multi_buffer_ = false;
  bool finishes_checksums_ = false;
  bool outlives_process_ = false;
  std::vector<std::unique_ptr<PortQueue>> queues_;
  std::optional<xsk::XdpProgram> program_;
  std::optional<xsk::ReceiveFilter> filter_;
};

}  // namespace starocean::dataplane
