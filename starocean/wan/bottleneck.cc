#include "starocean/wan/bottleneck.h"

#include <bit>

#include "starocean/base/clock.h"

namespace starocean::wan {

Bottleneck::Bottleneck(uint32_t capacity)
    : ring_(std::bit_ceil(capacity)),
      mask_(static_cast<uint32_t>(ring_.size()) - 1),
      capacity_(capacity) {}

void Bottleneck::set(const LinkOptions& options) {
  if (options.rate_bps != options_.rate_bps) remainder_ = 0;
  options_ = options;
}

bool Bottleneck::is_full(const Waiting& packet) const {
  if (count_ == capacity_) return true;
  if (options_.rate_bps == 0) return false;
  switch (options_.queue.unit) {
    case QueueLimit::Unit::kPackets:
      return count_ >= options_.queue.value;
    case QueueLimit::Unit::kBytes:
      return count_ != 0 && waiting_bytes_ + packet.len_bytes > options_.queue.value;
    case QueueLimit::Unit::kTime:
      break;
  }
  if (count_ == 0) return false;
  // As doubles: the product of a long queue and a billion does not fit an integer.
  const double ahead_bits =
      static_cast<double>(waiting_bytes_ + uint64_t{count_} * options_.overhead_bytes) * 8;
  const double being_sent_ns =
      free_ns_ > packet.arrival_ns ? static_cast<double>(free_ns_ - packet.arrival_ns) : 0;
  const double wait_ns = being_sent_ns + ahead_bits * static_cast<double>(kNsPerSecond) /
                                             static_cast<double>(options_.rate_bps);
  return wait_ns > static_cast<double>(options_.queue.value);
}

bool Bottleneck::push(const Waiting& packet) {
  if (is_full(packet)) return false;
  ring_[(first_ + count_) & mask_] = packet;
  ++count_;
  waiting_bytes_ += packet.len_bytes;
  return true;
}

std::optional<Sent> Bottleneck::pop(uint64_t now_ns) {
  if (count_ == 0) return std::nullopt;
  const Waiting packet = front();
  const uint64_t begin_ns = begin_of(packet);
  if (begin_ns > now_ns) return std::nullopt;
  ++first_;
  --count_;
  waiting_bytes_ -= packet.len_bytes;
  if (begin_ns > free_ns_) remainder_ = 0;
  free_ns_ = begin_ns;
  if (options_.rate_bps != 0) {
    // The fraction of a nanosecond is carried on, so that no rate is off in the long run.
    const uint64_t product = bits(packet.len_bytes) * kNsPerSecond + remainder_;
    free_ns_ += product / options_.rate_bps;
    remainder_ = product % options_.rate_bps;
  }
  return Sent{packet, free_ns_};
}

}  // namespace starocean::wan
