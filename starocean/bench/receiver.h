// Receives what a generator sent, in the driver (bpf/check.bpf.c): checks every frame whole, and counts per
// flow. Frames without a probe go on to Linux.
//
//   auto receiver = Receiver::create({.device = "sink0", .flows = 1000});
//   … traffic …
//   ReceiveReport got = receiver->read();
//   got.lost(sent.sent);
//
// What is counted, exactly:
//
//   received      frames of the stream whose probe can be read: every copy, damaged ones included
//   duplicates    of these, those whose sequence number had been seen before in their flow
//   reordered     first copies whose sequence number is below the highest seen in their flow plus one
//                 (RFC 4737, 3.3: smaller than NextExp; and only the first copy counts)
//   corrupted     frames with a wrong IPv4 header or UDP checksum, lengths that disagree, a probe that does
//                 not agree with its check, or any wrong byte of filler. Cut-off frames too
//   unattributed  of these, those whose probe cannot be read, so that they belong to no flow; they are not
//                 in `received`
//   beyond_window older than the flow's window of sequence numbers: first copy or not cannot be told
//   distinct      received - duplicates - beyond_window
//   lost          with the number of frames that were sent: that - distinct - unattributed. Without it, of
//                 those up to the highest sequence number seen in each flow: what was lost at the very end,
//                 or with a flow that never arrived, is not known then
//
// Sequence numbers begin at 0 in each run: create() or reset() before the generator starts. They are 32 bits
// wide and followed through wrap-around. A frame so damaged that neither magic nor check of the probe is right
// (or its headers lead elsewhere) cannot be told from other traffic: foreign here, lost there. One that
// is damaged in a way that all checks miss has odds of 2^-32 when its probe was hit, and none when its filler was:
// filler is compared, not summed.
//
// Delay is arrival (bpf_ktime_get_ns in this program, in the driver's poll) less the time in the frame, of
// intact first copies: `scheduled_delay` counts from when the frame was due, which leaves out no waiting
// (open loop); `sent_delay` from when it was sent, which leaves out the generator's lateness. Both clocks are
// CLOCK_MONOTONIC: delays mean something on one machine only, below 18 minutes.
//
// Memory: 64 bytes a flow, and a window of sequences each at 2 bits a sequence: by default 65,536 sequences up
// to 4,096 flows (64 MB at most), then 2^28 divided by the flows, but no less than 2,048 (512 MB for 2^20
// flows). A window of W remembers at least the last W - 31 sequences of a flow.
//
// Life: the program hangs on a bpf_link that this object holds. Somebody else's program is never
// replaced. The device is promiscuous meanwhile, so that a card passes on frames for whatever address. Threads:
// control thread only. Privileges: CAP_NET_ADMIN, CAP_NET_RAW, CAP_BPF, CAP_PERFMON. Linux 6.1.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "starocean/base/result.h"
#include "starocean/bench/delay_histogram.h"
#include "starocean/net/mac_address.h"
#include "starocean/xsk/xdp_program.h"

namespace starocean::bench {

// Sums over all flows, since the last reset().
struct ReceiveReport {
  uint64_t received = 0;
  uint64_t received_bytes = 0;  // without FCS; unattributed frames and unknown flows included
  uint64_t duplicates = 0;
  uint64_t reordered = 0;
  uint64_t corrupted = 0;
  uint64_t unattributed = 0;
  uint64_t beyond_window = 0;
  uint64_t span = 0;          // of sequence numbers: the sum over flows of the highest seen + 1
  uint64_t other_stream = 0;  // probes of another stream: dropped, in no other count
  uint64_t unknown_flow = 0;  // flow number not below Options::flows: dropped, in no other count
  uint64_t foreign = 0;       // given to Linux
  // Updates given up because too many CPUs wanted the same flow at once; if not 0, counts are not exact.
  uint64_t contended = 0;
  uint64_t first_ns = 0;  // arrival of the first and the last frame of the stream; 0: none
  uint64_t last_ns = 0;
  DelayHistogram scheduled_delay;
  DelayHistogram sent_delay;

  uint64_t distinct() const { return received - duplicates - beyond_window; }
  uint64_t lost() const;               // up to the highest sequence numbers seen
  uint64_t lost(uint64_t sent) const;  // of `sent` frames
  double received_per_second() const;  // from the first frame to the last
  // Nothing lost, duplicated, reordered, corrupted, unknown or uncertain.
  bool clean(uint64_t sent) const;
};

struct FlowReport {
  uint32_t flow = 0;
  uint64_t received = 0;
  uint64_t duplicates = 0;
  uint64_t reordered = 0;
  uint64_t corrupted = 0;
  uint64_t beyond_window = 0;
  uint64_t lost = 0;  // up to the highest sequence number seen
  // From when frames were sent, or, for those over 134 ms late, due; of intact first copies.
  uint64_t min_delay_ns = 0;
  double mean_delay_ns = 0;
  uint64_t max_delay_ns = 0;
};

class Receiver {
 public:
  struct Options {
    std::string device;
    uint32_t flows = 1;   // flow numbers below this; at most kMaxFlows
    uint32_t stream = 0;  // 0 to 15
    uint32_t window = 0;  // sequences: a power of 2, 64 to 2^20; 0: as above
    xsk::AttachMode mode = xsk::AttachMode::kAuto;
    // The next hop's MAC address, where a router is between generator and here: frames that do not have it as
    // destination, and a TTL of one less than generated, are corrupted. For untagged IPv4.
    std::optional<net::MacAddress> next_hop = std::nullopt;
  };
  static Result<Receiver> create(const Options& options);
  Receiver(Receiver&&) noexcept;
  Receiver& operator=(Receiver&&) noexcept;
  ~Receiver();  // stop()

  // Cheap; may be called while frames arrive: then it is of about now, and not of one moment.
  ReceiveReport read() const;
  // Those of which anything has arrived, by number.
  std::vector<FlowReport> flows() const;
  // Forgets everything, and from now on counts `stream`. Exact only while no frames of either stream
  // arrive: use another stream than that of the run before, whose stragglers then do no harm.
  void reset(uint32_t stream);

  // Detaches; everything stays readable. Idempotent.
  void stop();
  bool attached() const;  // false also when the device is gone
  xsk::AttachMode mode() const;
  uint32_t window() const;

 private:
  struct State;
  explicit Receiver(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace starocean::bench
