// What is asked of a generator, and what became of it: the same for every engine. Pure values; any thread.
#pragma once

#include <cstdint>

namespace starocean::bench {

// How much to send; ends at whichever limit comes first.
struct Load {
  double frames_per_second = 0;  // 0: flood
  uint64_t count = 0;            // frames; 0: no limit
  // From the first frame on; 0: no limit. All frames due before the end are sent, even if the generator is
  // late, for a tenth of the duration longer (at least 100 ms).
  uint64_t duration_ns = 0;
  uint32_t stream = 0;  // 0 to 15; a receiver counts one stream, and so tells runs apart
  // The most frames that leave together when the generator is late, 1 to 64; 0: what is due in 4 us. Large ones let it
  // catch up with less work per frame, and cost 50 ns each where there is nothing to catch up with. Live frames only.
  uint32_t batch = 0;
  // A generator that lost its CPU for longer than this does not catch up, which would be a burst at whatever rate it
  // can, but goes on from then: fewer frames, at no more than the rate. 0: all frames are sent. Live frames only.
  uint64_t patience_ns = 0;
};

// Of the current run, or the last.
struct SendReport {
  uint64_t generated = 0;        // frames made and handed to the device
  uint64_t generated_bytes = 0;  // without FCS
  uint64_t sent = 0;             // of these, taken by the device: on the wire
  uint64_t dropped = 0;          // not taken; exact once the run has ended
  int egress_error = 0;          // errno of the last bulk that was refused as a whole; 0: none
  uint64_t first_ns = 0;         // when the first frame was due; 0: nothing yet
  uint64_t last_ns = 0;          // when the last one was made
  uint64_t max_late_ns = 0;      // longest that a frame was sent after it was due
  uint64_t skipped_ns = 0;       // of the schedule, for want of patience (Load)
  uint64_t pauses = 0;
  uint64_t paused_ns = 0;

  // From the first frame to the last; 0 with fewer than two frames.
  double generated_per_second() const;
  double sent_per_second() const;
  // Whether the rate was reached: within 0.5 % of what was asked, pauses left out. Always true of flood.
  bool reached(const Load& load) const;
};

}  // namespace starocean::bench
