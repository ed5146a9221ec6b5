#include "starocean/dataplane/egress_scheduler.h"

#include <algorithm>

#include "starocean/base/check.h"
#include "starocean/net/checksum.h"
#include "starocean/net/five_tuple.h"
#include "starocean/net/forwarding.h"
#include "starocean/net/ip_header.h"
#include "starocean/net/parse.h"

namespace starocean::dataplane {
namespace {

constexpr uint8_t kEcnMask = 3;  // RFC 3168, 5: the two low bits
constexpr uint8_t kNotEcnCapable = 0;
constexpr uint8_t kCongestion = 3;

uint32_t slots_for(const EgressOptions& options) {
  uint32_t slots = kMaxBuffers;
  for (const EgressClassOptions& one : options.classes) slots += one.queue.limit_packets;
  return slots;
}

uint8_t traffic_class(net::ConstBytes head, const net::ParsedPacket& parsed) {
  const auto first = static_cast<uint8_t>(head[parsed.l3_offset]);
  const auto second = static_cast<uint8_t>(head[parsed.l3_offset + 1u]);
  return parsed.ip_version == 4 ? second : static_cast<uint8_t>(first << 4 | second >> 4);
}

}  // namespace

EgressScheduler::EgressScheduler(const EgressOptions& options)
    : options_(options), store_(slots_for(options)) {
  SO_CHECK(!options.classes.empty(), "a scheduler has a class");
  class_of_dscp_.fill(static_cast<uint8_t>(options.classes.size() - 1));
  for (size_t i = 0; i < options.classes.size(); ++i) {
    const EgressClassOptions& one = options.classes[i];
    classes_.push_back(
        {.queue = FqCodel(one.queue),
         .strict = one.strict,
         .quantum_bytes = int64_t{one.queue.quantum_bytes} * std::max(one.weight, 1u)});
    counters_.push_back(std::make_unique<EgressClassCounters>());
    for (const uint8_t dscp : one.dscps) class_of_dscp_[dscp & 63] = static_cast<uint8_t>(i);
  }
  if (options.rate_bps != 0) ns_per_byte_ = 8e9 / static_cast<double>(options.rate_bps);
}

size_t EgressScheduler::class_of(net::ConstBytes head, uint32_t& hash) const {
  const net::ParsedPacket parsed = net::parse(head);
  net::FiveTuple tuple;
  if (parsed.ip_version == 0 || !net::fits(head.size(), parsed.l3_offset, 2)) {
    return classes_.size() - 1;
  }
  if (net::five_tuple(head, parsed, tuple)) hash = net::flow_hash(tuple);
  return class_of_dscp_[traffic_class(head, parsed) >> 2];
}

// There is a packet in some class.
size_t EgressScheduler::next_class() {
  for (size_t i = 0; i < classes_.size(); ++i) {
    if (classes_[i].strict && !classes_[i].queue.empty()) return i;
  }
  for (;; round_ = (round_ + 1) % classes_.size()) {
    Class& one = classes_[round_];
    if (one.strict) continue;
    if (one.queue.empty()) {
      one.deficit_bytes = 0;
      continue;
    }
    if (one.deficit_bytes > 0) return round_;
    // Its turn is over; it gets its due for the next.
    one.deficit_bytes += one.quantum_bytes;
  }
}

void EgressScheduler::sent(size_t number, uint32_t len_bytes, uint64_t now_ns) {
  Class& one = classes_[number];
  if (!one.strict) one.deficit_bytes -= len_bytes;
  counters_[number]->sent_packets.fetch_add(1, std::memory_order_relaxed);
  counters_[number]->sent_bytes.fetch_add(len_bytes, std::memory_order_relaxed);
  const uint64_t earliest_ns = now_ns > kCatchUpNs ? now_ns - kCatchUpNs : 0;
  const double wire_ns = ns_per_byte_ * (len_bytes + options_.overhead_bytes);
  next_ns_ = std::max(next_ns_, earliest_ns) + static_cast<uint64_t>(wire_ns);
  show_backlog(number);
}

void EgressScheduler::show_backlog(size_t number) {
  const FqCodel& queue = classes_[number].queue;
  counters_[number]->backlog_packets.store(queue.packets(), std::memory_order_relaxed);
  counters_[number]->backlog_bytes.store(queue.bytes(), std::memory_order_relaxed);
}

bool mark_congestion(net::MutableBytes frame) {
  const net::ParsedPacket parsed = net::parse(frame);
  if (parsed.ip_version == 0 || !net::fits(frame.size(), parsed.l3_offset, 2)) return false;
  const uint8_t before = traffic_class(frame, parsed);
  if ((before & kEcnMask) == kNotEcnCapable) return false;
  if ((before & kEcnMask) == kCongestion) return true;
  if (parsed.ip_version == 6) {
    auto& second = frame[parsed.l3_offset + 1u];
    second |= std::byte{kCongestion << 4};
    return true;
  }
  auto* header = net::mutable_view<net::Ipv4Header>(frame, parsed.l3_offset);
  if (header == nullptr) return false;
  const uint16_t old_word = static_cast<uint16_t>(header->version_ihl << 8 | header->dscp_ecn);
  header->dscp_ecn |= kCongestion;
  const uint16_t new_word = static_cast<uint16_t>(header->version_ihl << 8 | header->dscp_ecn);
  header->checksum = net::update_checksum(header->checksum, be16(old_word), be16(new_word));
  return true;
}

}  // namespace starocean::dataplane
