#include "starocean/bench/capture.h"

#include <pcap/pcap.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include <fmt/format.h>

#include "starocean/base/clock.h"

namespace starocean::bench {
namespace {

constexpr uint32_t kEthernetBytes = 14;

struct ClosePcap {
  void operator()(pcap_t* file) const { pcap_close(file); }
};
using Pcap = std::unique_ptr<pcap_t, ClosePcap>;

std::string cannot_read(const std::string& path) {
  return fmt::format("cannot read the capture '{}'", path);
}

Status check_file(const std::string& path) {
  struct stat file {};
  if (stat(path.c_str(), &file) != 0) return fail_system(cannot_read(path), errno);
  if (S_ISDIR(file.st_mode)) return fail(cannot_read(path), "it is a directory", {}, EISDIR);
  if (!S_ISREG(file.st_mode)) return {};
  if (file.st_size == 0) {
    return fail(cannot_read(path), "it is empty", "record one with `tcpdump -i DEV -w FILE`");
  }
  struct sysinfo machine {};
  if (sysinfo(&machine) != 0) return {};
  const uint64_t half = uint64_t{machine.totalram} * machine.mem_unit / 2;
  if (static_cast<uint64_t>(file.st_size) <= half) return {};
  return fail(cannot_read(path),
              fmt::format("it has {} bytes, more than half of this machine's memory", file.st_size),
              "split it with `editcap -c 1000000`", EFBIG);
}

Result<Pcap> open(const std::string& path) {
  if (Status file = check_file(path); !file) return fail(file.error());
  char said[PCAP_ERRBUF_SIZE] = "";
  Pcap pcap(
      pcap_open_offline_with_tstamp_precision(path.c_str(), PCAP_TSTAMP_PRECISION_NANO, said));
  if (!pcap) {
    return fail(cannot_read(path), said,
                "it must be a file of pcap or pcapng format, uncompressed");
  }
  const int type = pcap_datalink(pcap.get());
  if (type == DLT_EN10MB) return pcap;
  const char* const name = pcap_datalink_val_to_description_or_dlt(type);
  return fail(cannot_read(path), fmt::format("its frames are not Ethernet but {}", name),
              "record on an Ethernet interface, not on 'any' or a tunnel");
}

}  // namespace

void Capture::add(const Arrival& arrival, uint32_t longest_bytes) {
  if (arrival.wire_bytes > longest_bytes) {
    ++too_long_;
    return;
  }
  if (arrival.bytes.size() < arrival.wire_bytes) {
    ++cut_off_;
    return;
  }
  if (arrival.bytes.size() < kEthernetBytes) {
    ++too_short_;
    return;
  }
  if (frames_.empty()) first_ns_ = arrival.time_ns;
  const uint64_t before_ns = frames_.empty() ? 0 : frames_.back().offset_ns;
  const bool back = arrival.time_ns < first_ns_ + before_ns;
  if (back) ++backwards_;
  frames_.push_back({.begin = bytes_.size(),
                     .bytes = static_cast<uint32_t>(arrival.bytes.size()),
                     .offset_ns = back ? before_ns : arrival.time_ns - first_ns_});
  bytes_.insert(bytes_.end(), arrival.bytes.begin(), arrival.bytes.end());
}

Result<Capture> Capture::read(const std::string& path, uint32_t longest_bytes) {
  auto file = open(path);
  if (!file) return fail(file.error());
  Capture capture;
  for (;;) {
    pcap_pkthdr* header = nullptr;
    const u_char* data = nullptr;
    const int outcome = pcap_next_ex(file->get(), &header, &data);
    if (outcome == PCAP_ERROR_BREAK) break;
    if (outcome != 1) {
      capture.ends_early_ = pcap_geterr(file->get());
      break;
    }
    // With nanosecond precision tv_usec holds ns (pcap_open_offline(3PCAP)).
    capture.add({.time_ns = static_cast<uint64_t>(header->ts.tv_sec) * kNsPerSecond +
                            static_cast<uint64_t>(header->ts.tv_usec),
                 .wire_bytes = header->len,
                 .bytes = std::as_bytes(std::span(data, header->caplen))},
                longest_bytes);
  }
  if (Status good = capture.check(path, longest_bytes); !good) return fail(good.error());
  return capture;
}

Status Capture::check(const std::string& path, uint32_t longest_bytes) const {
  if (!frames_.empty()) return {};
  const std::string what = fmt::format("nothing of the capture '{}' can be sent", path);
  if (cut_off_ + too_long_ + too_short_ == 0) {
    return ends_early_.empty()
               ? fail(what, "it has no frames", "record some with `tcpdump -i DEV -w FILE`")
               : fail(what, ends_early_, "record it again");
  }
  return fail(what,
              fmt::format("of {} frames it has only the beginning, {} are longer than {} bytes, {} "
                          "shorter than an Ethernet header",
                          cut_off_, too_long_, longest_bytes, too_short_),
              cut_off_ >= too_long_
                  ? "record whole frames: `tcpdump -s 0`"
                  : "raise the MTU of the device, or record with `tso off gso off gro off`");
}

uint64_t Capture::period_ns() const {
  const uint64_t span_ns = frames_.back().offset_ns;
  return frames_.size() < 2 ? 0 : span_ns + span_ns / (frames_.size() - 1);
}

uint32_t Capture::longest_bytes() const {
  return std::max_element(frames_.begin(), frames_.end(),
                          [](const Frame& a, const Frame& b) { return a.bytes < b.bytes; })
      ->bytes;
}

}  // namespace starocean::bench
