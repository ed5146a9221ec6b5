// What one direction of an emulated link does to packets. Plain values; the words in which people write
// them are in link_words.h.
//
// A packet meets, in this order:
//
//   arrival ─▶ queue ─▶ transmitter ─▶ wire: lost? damaged? twice? ─▶ on its way ─▶ departure
//              (queue)   (rate)         loss, corrupt, duplicate       delay, jitter, reorder
//
// So a packet that is lost on the wire has taken its time at the transmitter, as it does on a real link;
// a copy has not. All shares are of the packets that reach the wire, that is, of those that the queue
// took. Nothing here depends on what is in a packet.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "starocean/base/result.h"

namespace starocean::wan {

// Uniform: anything from delay - jitter to delay + jitter is as likely. Normal: jitter is the standard
// deviation, and what would be below zero is zero.
enum class JitterShape : uint8_t { kUniform, kNormal };

// Keep: nobody overtakes; a packet whose turn of the dice is short waits for the one ahead of it. In a
// stream whose packets are closer together than the jitter this moves the delays up, towards
// delay + jitter. Free: every packet has its own delay, and overtakes as it comes.
enum class JitterOrder : uint8_t { kKeep, kFree };

// How many packets, bytes, or how much waiting time, may be before the transmitter. The packet that is
// being sent does not count. Of bytes and time, an empty queue takes one packet of any size.
struct QueueLimit {
  enum class Unit : uint8_t { kPackets, kBytes, kTime };
  Unit unit = Unit::kPackets;
  uint64_t value = 1000;  // packets, bytes or ns; at least 1

  bool operator==(const QueueLimit&) const = default;
};

struct LinkOptions {
  uint64_t delay_ns = 0;
  uint64_t jitter_ns = 0;  // at most delay_ns
  JitterShape jitter_shape = JitterShape::kUniform;
  JitterOrder jitter_order = JitterOrder::kKeep;

  // Gilbert-Elliott: the link is in a good or a bad period; each packet is lost with gap_loss in the
  // one and burst_loss in the other. E. N. Gilbert, "Capacity of a burst-noise channel", Bell System
  // Technical Journal 39 (1960); E. O. Elliott, "Estimates of error rates for codes on burst-noise
  // channels", ibid. 42 (1963). "Burst" and "gap" as in RFC 3611, section 4.7.2.
  double loss = 0;        // share of packets lost, over all
  double loss_burst = 0;  // mean length of a bad period, in packets, at least 1; 0: no periods
  double burst_loss = 1;  // share lost within a bad period
  double gap_loss = 0;    // share lost outside

  double duplicate = 0;  // share of packets that arrive twice, the copy right behind
  double corrupt = 0;  // share of packets with one bit flipped, somewhere after the Ethernet header

  // Share of packets that leave the order: they are held back for reorder_by_ns on top of delay and
  // jitter, and those behind overtake. Wherever packets are closer together than that, this is the share
  // that arrives reordered in the sense of RFC 4737, section 3.3: after a packet that was sent later.
  // reorder_by_ns 0: they skip delay and jitter and leave at once, ahead of all that is on its way. That
  // is the meaning of tc-netem(8)'s "reorder"; what arrives late then is all that they overtake.
  double reorder = 0;
  uint64_t reorder_by_ns = 10'000'000;

  uint64_t rate_bps = 0;  // bits per second of frame bytes without FCS; 0: no limit
  uint32_t overhead_bytes =
      0;             // counted on top of each frame; 24 for FCS, preamble and gap of Ethernet
  QueueLimit queue;  // of no effect without a rate

  bool operator==(const LinkOptions&) const = default;
};

// Both directions: [0] from interface A to B, [1] from B to A.
using LinkPair = std::array<LinkOptions, 2>;

// The two probabilities of the loss model per packet: of a good period ending, and of a bad one.
// bad / (bad + good) of the packets, with bad = enter / (enter + leave), fall into bad periods.
struct PeriodOdds {
  double bad_share = 0;
  double enter_bad = 0;
  double leave_bad = 0;
};
// All zero when there are no periods. Of options that check() accepts.
PeriodOdds period_odds(const LinkOptions& options);

// Whether the values go together; the error names those that do not.
Status check(const LinkOptions& options);

}  // namespace starocean::wan
