// A capture in memory: Ethernet frames as a pcap or pcapng file has them (read by libpcap), and when they were
// recorded, to the ns. For sending them again.
//
// What cannot be sent as it was is left out and counted: frames that the capture holds only the beginning of, frames
// longer than the device takes, and frames shorter than an Ethernet header. A file that ends within a frame is
// read up to there. Frames are without FCS, as nearly all captures are; one that has it is sent with it.
//
// Memory: the frames, and 24 bytes each. Immutable once read: any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "starocean/base/result.h"
#include "starocean/net/view.h"

namespace starocean::bench {

class Capture {
 public:
  // Frames of up to `longest_bytes`. Refused: a file that cannot be read or is no capture, one of another link
  // type than Ethernet, one that is larger than half of the machine's memory, and one of which no frame is left.
  static Result<Capture> read(const std::string& path, uint32_t longest_bytes);

  size_t frames() const { return frames_.size(); }  // at least 1
  net::ConstBytes frame(size_t number) const {
    return net::ConstBytes(bytes_).subspan(frames_[number].begin, frames_[number].bytes);
  }
  // Since the first frame; never less than that of the frame before.
  uint64_t offset_ns(size_t number) const { return frames_[number].offset_ns; }
  // From one repetition to the next: from the first frame to the last, and the mean distance of two.
  uint64_t period_ns() const;
  uint32_t longest_bytes() const;
  double mean_bytes() const {
    return static_cast<double>(bytes_.size()) / static_cast<double>(frames());
  }

  // Left out.
  uint64_t cut_off() const { return cut_off_; }
  uint64_t too_long() const { return too_long_; }
  uint64_t too_short() const { return too_short_; }
  // Frames recorded before the one ahead of them in the file: their time is taken to be the same.
  uint64_t backwards() const { return backwards_; }
  // What libpcap says of a file that ends early or is damaged after some frames; empty of others.
  const std::string& ends_early() const { return ends_early_; }

 private:
  struct Frame {
    size_t begin;
    uint32_t bytes;
    uint64_t offset_ns;
  };
  struct Arrival {
    uint64_t time_ns;
    uint32_t wire_bytes;
    net::ConstBytes bytes;
  };
  void add(const Arrival& arrival, uint32_t longest_bytes);
  Status check(const std::string& path, uint32_t longest_bytes) const;

  std::vector<std::byte> bytes_;
  std::vector<Frame> frames_;
  uint64_t first_ns_ = 0;
  uint64_t cut_off_ = 0;
  uint64_t too_long_ = 0;
  uint64_t too_short_ = 0;
  uint64_t backwards_ = 0;
  std::string ends_early_;
};

}  // namespace starocean::bench
