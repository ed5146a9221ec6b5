// What leaves an interface when: a rate, classes chosen by DSCP (RFC 2474), and in each class FQ-CoDel or a plain
// queue. An interface without it has none of this, and pays nothing.
//
// Strict classes go first, in their order; the others share what is left by weight (deficit round robin,
// Shreedhar and Varghese, SIGCOMM 1995). What is not IP, and every DSCP that no class names, goes to the last
// class.
//
// Rate. A packet may leave when those before it have had their time on the wire: length (with `overhead_bytes`,
// for what a link adds to a frame) times 8 over the rate. A worker that looks late may make up for up to kCatchUpNs.
//
// One scheduler per interface, on the thread of one worker: the one that owns the interface's first queue. It
// holds the packets' frames until they leave; whoever destroys it empties it first.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "starocean/dataplane/fq_codel.h"
#include "starocean/dataplane/packet_store.h"
#include "starocean/net/view.h"

namespace starocean::dataplane {

struct EgressClassOptions {
  std::string name;
  bool strict = false;
  uint32_t weight = 1;  // of those that are not strict
  std::vector<uint8_t> dscps = {};
  FqCodelOptions queue = {};

  bool operator==(const EgressClassOptions&) const = default;
};

struct EgressOptions {
  uint64_t rate_bps = 0;  // bits per second; 0: as fast as the interface takes it
  uint32_t overhead_bytes = 0;
  std::vector<EgressClassOptions> classes = {};  // at least one; the last takes what no other does

  bool operator==(const EgressOptions&) const = default;
};

// Of one class, since the start; written by the worker, read by any thread.
struct EgressClassCounters {
  std::atomic<uint64_t> sent_packets{0}, sent_bytes{0};
  std::atomic<uint64_t> dropped_full{0}, dropped_codel{0}, marked{0};
  std::atomic<uint64_t> backlog_packets{0}, backlog_bytes{0};
};

class EgressScheduler {
 public:
  static constexpr uint64_t kNever = UINT64_MAX;
  static constexpr uint64_t kCatchUpNs = 1'000'000;

  explicit EgressScheduler(const EgressOptions& options);

  // Takes the packet, whose first bytes are `head`. `drop(packet)` gets those, it or others, that there is no
  // room for.
  template <class Drop>
  void enqueue(Packet& packet, net::ConstBytes head, uint64_t now_ns, Drop&& drop);

  // When the next packet may leave: now or earlier, later, or kNever when there is none.
  uint64_t ready_ns() const { return packets() == 0 ? kNever : next_ns_; }

  // The next packet, if it may leave now, with its further buffers in `rest`; false if there is none.
  // `bytes_of(buffer)` gives the bytes of a buffer, to mark congestion in; `drop(packet)` gets what CoDel drops.
  template <class BytesOf, class Drop>
  bool dequeue(uint64_t now_ns, Packet& packet, std::span<xsk::Buffer> rest, BytesOf&& bytes_of,
               Drop&& drop);

  // Everything, without asking for rate and delay: to give the frames back.
  template <class Drop>
  void clear(Drop&& drop);

  uint32_t packets() const { return packets_; }
  uint32_t frames() const { return store_.used(); }
  const EgressOptions& options() const { return options_; }
  const EgressClassCounters& counters(size_t number) const { return *counters_[number]; }

 private:
  struct Class {
    FqCodel queue;
    bool strict;
    int64_t quantum_bytes;
    int64_t deficit_bytes = 0;
  };

  size_t class_of(net::ConstBytes head, uint32_t& hash) const;
  size_t next_class();
  void sent(size_t number, uint32_t len_bytes, uint64_t now_ns);
  void show_backlog(size_t number);

  EgressOptions options_;
  PacketStore store_;
  std::vector<Class> classes_;
  std::vector<std::unique_ptr<EgressClassCounters>> counters_;
  std::array<uint8_t, 64> class_of_dscp_{};
  std::array<xsk::Buffer, kMaxBuffers> dropped_rest_;
  size_t round_ = 0;  // the weighted class whose turn it is
  uint32_t packets_ = 0;
  uint64_t next_ns_ = 0;
  double ns_per_byte_ = 0;
};

// Sets the congestion-experienced codepoint of an IP packet that says its ends understand it (RFC 3168, 5); false
// when it is none. `frame` begins with the Ethernet header.
bool mark_congestion(net::MutableBytes frame);

template <class Drop>
void EgressScheduler::enqueue(Packet& packet, net::ConstBytes head, uint64_t now_ns, Drop&& drop) {
  uint32_t hash = 0;
  const size_t number = class_of(head, hash);
  Class& chosen = classes_[number];
  EgressClassCounters& counters = *counters_[number];
  const auto drop_slot = [&](SlotIndex slot) {
    --packets_;
    counters.dropped_full.fetch_add(1, std::memory_order_relaxed);
    Packet dropped = store_.take(slot, dropped_rest_);
    drop(dropped);
  };
  if (chosen.queue.full()) chosen.queue.make_room(store_, drop_slot);
  const SlotIndex slot = chosen.queue.full() ? kNoSlot : store_.put(packet, now_ns);
  if (slot == kNoSlot) {
    counters.dropped_full.fetch_add(1, std::memory_order_relaxed);
    drop(packet);
  } else {
    chosen.queue.enqueue(store_, slot, hash);
    ++packets_;
  }
  show_backlog(number);
}

template <class BytesOf, class Drop>
bool EgressScheduler::dequeue(uint64_t now_ns, Packet& packet, std::span<xsk::Buffer> rest,
                              BytesOf&& bytes_of, Drop&& drop) {
  while (packets_ != 0 && next_ns_ <= now_ns) {
    const size_t number = next_class();
    EgressClassCounters& counters = *counters_[number];
    const SlotIndex slot = classes_[number].queue.dequeue(
        store_, now_ns,
        [&](SlotIndex marked) {
          if (!mark_congestion(bytes_of(store_[marked].buffer))) return false;
          counters.marked.fetch_add(1, std::memory_order_relaxed);
          return true;
        },
        [&](SlotIndex late) {
          --packets_;
          counters.dropped_codel.fetch_add(1, std::memory_order_relaxed);
          Packet dropped = store_.take(late, dropped_rest_);
          drop(dropped);
        });
    if (slot == kNoSlot) {  // CoDel has dropped all of it
      show_backlog(number);
      continue;
    }
    --packets_;
    packet = store_.take(slot, rest);
    sent(number, packet.len_bytes, now_ns);
    return true;
  }
  return false;
}

template <class Drop>
void EgressScheduler::clear(Drop&& drop) {
  for (size_t number = 0; number < classes_.size(); ++number) {
    const auto drop_slot = [&](SlotIndex slot) {
      --packets_;
      Packet dropped = store_.take(slot, dropped_rest_);
      drop(dropped);
    };
    classes_[number].queue.clear(store_, drop_slot);
    show_backlog(number);
  }
}

}  // namespace starocean::dataplane
