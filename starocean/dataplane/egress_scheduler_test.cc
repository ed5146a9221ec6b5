// The scheduler on packets that are only numbers with headers: a link is a clock, and what left is a list.
#include "starocean/dataplane/egress_scheduler.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <vector>

#include "starocean/base/clock.h"
#include "starocean/net/build.h"
#include "starocean/net/checksum.h"
#include "starocean/net/ip_header.h"

namespace starocean::dataplane {
namespace {

using net::Ipv4Address;

struct Sent {
  uint32_t frame;
  uint32_t len_bytes;
  uint64_t at_ns;
};

// Frames are the places of an array; each holds one packet's headers.
class Link {
 public:
  explicit Link(EgressOptions options) : scheduler_(options) {}
  ~Link() {
    scheduler_.clear([&](Packet& packet) { take_back(packet); });
    EXPECT_EQ(scheduler_.frames(), 0U);
    EXPECT_EQ(scheduler_.packets(), 0U);
  }

  struct Offer {
    uint16_t flow = 1;
    uint32_t len_bytes = 1514;
    uint8_t dscp_ecn = 0;
    bool v6 = false;
    uint32_t buffers = 1;
  };
  // Returns the frame that it is in.
  uint32_t offer(const Offer& what) {
    std::vector<std::byte>& bytes = frames_.emplace_back(128);
    net::PacketBuffer buffer(bytes, 64);
    if (what.v6) {
      const net::Ipv6Address src, dst = net::kAllNodes;
      EXPECT_TRUE(net::push_udp(buffer, {.src_port = what.flow, .dst_port = 9}, src, dst));
      EXPECT_TRUE(net::push_ipv6(
          buffer,
          {.src = src, .dst = dst, .next_header = net::kProtoUdp, .traffic_class = what.dscp_ecn}));
      EXPECT_TRUE(net::push_ethernet(buffer, {.ethertype = net::kEtherTypeIpv6}));
    } else {
      const Ipv4Address src(0x0a000001), dst(0x0a000002);
      EXPECT_TRUE(net::push_udp(buffer, {.src_port = what.flow, .dst_port = 9}, src, dst));
      EXPECT_TRUE(net::push_ipv4(
          buffer, {.src = src, .dst = dst, .protocol = net::kProtoUdp, .dscp_ecn = what.dscp_ecn}));
      EXPECT_TRUE(net::push_ethernet(buffer, {.ethertype = net::kEtherTypeIpv4}));
    }
    return offer_frame(buffer, what);
  }
  uint32_t offer_arp(uint32_t len_bytes = 64) {
    std::vector<std::byte>& bytes = frames_.emplace_back(128);
    net::PacketBuffer buffer(bytes, 64);
    EXPECT_TRUE(net::push_ethernet(buffer, {.ethertype = net::kEtherTypeArp}));
    return offer_frame(buffer, {.len_bytes = len_bytes});
  }

  // Sends what may be sent until `until_ns`, as a worker does that looks every microsecond or when it is due.
  void run(uint64_t until_ns) {
    while (now_ns_ < until_ns) {
      send_due();
      const uint64_t ready_ns = scheduler_.ready_ns();
      now_ns_ = std::min(until_ns, std::max(now_ns_ + 1000, ready_ns));
    }
  }
  void send_due() {
    Packet packet;
    while (scheduler_.dequeue(
        now_ns_, packet, rest_, [&](xsk::Buffer& buffer) { return bytes(buffer); },
        [&](Packet& late) { drop(late); })) {
      sent.push_back({packet.head.frame.index(), packet.len_bytes, now_ns_});
      take_back(packet);
    }
  }

  net::MutableBytes frame(uint32_t index) { return frames_[index]; }
  net::MutableBytes packet(uint32_t index) {
    return net::MutableBytes(frames_[index]).subspan(offsets_[index]);
  }
  EgressScheduler& scheduler() { return scheduler_; }

  std::vector<Sent> sent;
  std::vector<uint32_t> dropped;
  uint64_t offered = 0;

  uint64_t now_ns_ = 1'000'000'000;

 private:
  uint32_t offer_frame(net::PacketBuffer& buffer, const Offer& what) {
    const auto index = static_cast<uint32_t>(frames_.size() - 1);
    const auto offset = static_cast<uint16_t>(buffer.headroom());
    offsets_[index] = offset;
    Packet packet;
    packet.head = {xsk::Frame::adopt(index), offset, static_cast<uint16_t>(buffer.size())};
    packet.len_bytes = what.len_bytes;
    std::array<xsk::Buffer, kMaxBuffers> rest;
    for (uint32_t i = 1; i < what.buffers; ++i) {
      frames_.emplace_back(128);
      rest[i - 1] = {xsk::Frame::adopt(static_cast<uint32_t>(frames_.size() - 1)), 0, 128};
    }
    packet.rest = {rest.data(), what.buffers - 1};
    const net::ConstBytes head = bytes(packet.head);
    scheduler_.enqueue(packet, head, now_ns_, [&](Packet& full) { drop(full); });
    ++offered;
    return index;
  }
  net::MutableBytes bytes(const xsk::Buffer& buffer) {
    return net::MutableBytes(frames_[buffer.frame.index()])
        .subspan(buffer.offset_bytes, buffer.len_bytes);
  }
  void drop(Packet& packet) {
    dropped.push_back(packet.head.frame.index());
    take_back(packet);
  }
  // Each frame comes back once.
  void take_back(Packet& packet) {
    EXPECT_TRUE(back_.insert(packet.head.frame.release()).second);
    for (xsk::Buffer& buffer : packet.rest)
      EXPECT_TRUE(back_.insert(buffer.frame.release()).second);
  }

  EgressScheduler scheduler_;
  std::vector<std::vector<std::byte>> frames_;
  std::map<uint32_t, uint16_t> offsets_;
  std::array<xsk::Buffer, kMaxBuffers> rest_;
  std::set<uint32_t> back_;
};

EgressOptions one_class(uint64_t rate_bps, FqCodelOptions queue = {}) {
  return {.rate_bps = rate_bps, .classes = {{.name = "all", .queue = queue}}};
}

TEST(EgressScheduler, AFlowKeepsItsOrderAndNothingIsLost) {
  Link link(one_class(100'000'000));
  std::vector<uint32_t> wanted;
  for (uint32_t i = 0; i < 20; ++i) wanted.push_back(link.offer({.len_bytes = 100 + i}));
  link.run(link.now_ns_ + 10 * kNsPerMs);
  std::vector<uint32_t> got;
  for (const Sent& one : link.sent) got.push_back(one.frame);
  EXPECT_EQ(got, wanted);
  EXPECT_TRUE(link.dropped.empty());
}

TEST(EgressScheduler, SendsAtItsRateWithTheOverheadOfTheLink) {
  EgressOptions options =
      one_class(10'000'000, {.limit_packets = 5000, .codel = {.target_ns = 10'000'000'000}});
  options.overhead_bytes = 24;
  Link link(options);
  for (int i = 0; i < 1000; ++i) link.offer({.len_bytes = 1226});  // 1250 on the wire: 1 ms each
  const uint64_t begin_ns = link.now_ns_;
  link.run(begin_ns + 500 * kNsPerMs);
  // The catch-up of one millisecond lets one packet through at once.
  EXPECT_NEAR(static_cast<double>(link.sent.size()), 501, 1.1);
  for (size_t i = 5; i < link.sent.size(); ++i) {
    EXPECT_NEAR(static_cast<double>(link.sent[i].at_ns - link.sent[i - 1].at_ns), 1e6, 2e3) << i;
  }
}

TEST(EgressScheduler, AWorkerThatComesLateCatchesUpButNotWithoutBounds) {
  Link link(
      one_class(100'000'000, {.limit_packets = 5000, .codel = {.target_ns = 10'000'000'000}}));
  for (int i = 0; i < 4000; ++i) link.offer({.len_bytes = 1250});  // 100 µs each
  link.send_due();
  link.sent.clear();
  link.now_ns_ += 50 * kNsPerMs;
  link.send_due();
  EXPECT_LE(link.sent.size(), EgressScheduler::kCatchUpNs / 100'000 + 1);
  EXPECT_GE(link.sent.size(), EgressScheduler::kCatchUpNs / 100'000);
}

TEST(EgressScheduler, WithoutARateEverythingLeavesAtOnce) {
  Link link(one_class(0));
  for (int i = 0; i < 500; ++i) link.offer({});
  link.send_due();
  EXPECT_EQ(link.sent.size(), 500U);
  EXPECT_EQ(link.scheduler().ready_ns(), EgressScheduler::kNever);
}

TEST(EgressScheduler, ASparseFlowDoesNotWaitBehindABulkFlow) {
  Link link(one_class(100'000'000));
  for (int i = 0; i < 300; ++i) link.offer({.flow = 1});
  link.run(link.now_ns_ + kNsPerMs);
  const size_t before = link.sent.size();
  const uint32_t sparse = link.offer({.flow = 2, .len_bytes = 80});
  link.run(link.now_ns_ + kNsPerMs);
  // At most what was on its way and the rest of the bulk flow's turn stand before it.
  ASSERT_GT(link.sent.size(), before + 2);
  EXPECT_TRUE(link.sent[before].frame == sparse || link.sent[before + 1].frame == sparse);
}

TEST(EgressScheduler, BulkFlowsShareByBytes) {
  Link link(
      one_class(100'000'000, {.limit_packets = 4000, .codel = {.target_ns = 10'000'000'000}}));
  std::map<uint32_t, uint16_t> flow_of;
  for (int i = 0; i < 200; ++i) flow_of[link.offer({.flow = 1, .len_bytes = 1500})] = 1;
  for (int i = 0; i < 2000; ++i) flow_of[link.offer({.flow = 2, .len_bytes = 150})] = 2;
  link.run(link.now_ns_ + 20 * kNsPerMs);
  std::map<uint16_t, uint64_t> bytes;
  for (const Sent& one : link.sent) bytes[flow_of[one.frame]] += one.len_bytes;
  EXPECT_NEAR(static_cast<double>(bytes[1]) / static_cast<double>(bytes[2]), 1.0, 0.05);
}

TEST(EgressScheduler, WhenFullTheLongestQueueGivesWay) {
  Link link(one_class(10'000'000, {.limit_packets = 100}));
  std::set<uint32_t> bulk, sparse;
  for (int i = 0; i < 500; ++i) {
    bulk.insert(link.offer({.flow = 1}));
    if (i % 50 == 0) sparse.insert(link.offer({.flow = 2, .len_bytes = 80}));
  }
  EXPECT_LE(link.scheduler().packets(), 100U);
  for (const uint32_t frame : link.dropped) EXPECT_TRUE(bulk.contains(frame)) << frame;
  EXPECT_EQ(link.dropped.size() + link.scheduler().packets() + link.sent.size(), link.offered);
  EXPECT_EQ(link.scheduler().counters(0).dropped_full, link.dropped.size());
}

TEST(EgressScheduler, AFifoDropsWhatComesLast) {
  Link link(one_class(10'000'000, {.fifo = true, .limit_packets = 100}));
  std::vector<uint32_t> offered;
  for (int i = 0; i < 150; ++i) offered.push_back(link.offer({.flow = static_cast<uint16_t>(i)}));
  EXPECT_EQ(link.dropped, std::vector<uint32_t>(offered.begin() + 100, offered.end()));
  link.run(link.now_ns_ + 1000 * kNsPerMs);
  ASSERT_EQ(link.sent.size(), 100U);
  for (size_t i = 0; i < 100; ++i) EXPECT_EQ(link.sent[i].frame, offered[i]);
}

// A flow that sends a fifth too much and does not listen: CoDel keeps the delay near its target, and what it
// drops grows until that is so; a plain queue of the same length stands full.
TEST(EgressScheduler, CodelKeepsTheDelayShort) {
  const auto worst_delay_ms = [](const FqCodelOptions& queue, size_t& drops) {
    Link link(one_class(10'000'000, queue));
    std::map<uint32_t, uint64_t> came;
    uint64_t worst_ns = 0;
    for (int i = 0; i < 20'000; ++i) {
      came[link.offer({.len_bytes = 1250})] = link.now_ns_;
      link.run(link.now_ns_ + 960'000);  // 1.04 times what leaves
      for (const Sent& one : link.sent) {
        if (i > 15'000) worst_ns = std::max(worst_ns, one.at_ns - came[one.frame]);
      }
      link.sent.clear();
    }
    drops = link.dropped.size();
    return static_cast<double>(worst_ns) / 1e6;
  };
  size_t codel_drops = 0, fifo_drops = 0;
  const double codel_ms = worst_delay_ms({.limit_packets = 500}, codel_drops);
  const double fifo_ms = worst_delay_ms({.fifo = true, .limit_packets = 500}, fifo_drops);
  EXPECT_LT(codel_ms, 60);
  EXPECT_GT(fifo_ms, 450);
  EXPECT_GT(codel_drops, 100U);
  EXPECT_GT(fifo_drops, 100U);
}

TEST(EgressScheduler, StrictClassesGoFirstAndTheOthersShareByWeight) {
  EgressOptions options{.rate_bps = 100'000'000};
  const FqCodelOptions patient{.limit_packets = 2000, .codel = {.target_ns = 10'000'000'000}};
  options.classes = {{.name = "voice", .strict = true, .dscps = {46}, .queue = patient},
                     {.name = "gold", .weight = 3, .dscps = {10}, .queue = patient},
                     {.name = "rest", .weight = 1, .queue = patient}};
  Link link(options);
  std::map<uint32_t, int> class_of;
  for (int i = 0; i < 1000; ++i) {
    class_of[link.offer({.flow = 1, .dscp_ecn = 10 << 2})] = 1;
    class_of[link.offer({.flow = 2})] = 2;
  }
  for (int i = 0; i < 10; ++i) class_of[link.offer({.flow = 3, .dscp_ecn = 46 << 2})] = 0;
  link.run(link.now_ns_ + 60 * kNsPerMs);
  ASSERT_GT(link.sent.size(), 400U);
  std::map<int, double> sent;
  for (size_t i = 0; i < link.sent.size(); ++i) {
    const int number = class_of[link.sent[i].frame];
    EXPECT_EQ(number == 0, i < 10) << i;
    sent[number] += 1;
  }
  EXPECT_NEAR(sent[1] / sent[2], 3.0, 0.1);
}

TEST(EgressScheduler, ClassifiesBothFamiliesAndWhatIsNoIp) {
  EgressOptions options{.classes = {{.name = "ef", .dscps = {46, 40}}, {.name = "rest"}}};
  Link link(options);
  link.offer({.dscp_ecn = 46 << 2 | 1});
  link.offer({.dscp_ecn = 40 << 2, .v6 = true});
  link.offer({.dscp_ecn = 45 << 2});
  link.offer({.dscp_ecn = 39 << 2, .v6 = true});
  link.offer_arp();
  link.send_due();
  EXPECT_EQ(link.scheduler().counters(0).sent_packets, 2U);
  EXPECT_EQ(link.scheduler().counters(1).sent_packets, 3U);
}

TEST(EgressScheduler, PacketsOfSeveralBuffersStayWhole) {
  Link link(one_class(0, {.limit_packets = 10}));
  link.offer({.len_bytes = 8000, .buffers = 5});
  link.offer({.len_bytes = 9000, .buffers = 6});
  EXPECT_EQ(link.scheduler().frames(), 11U);
  link.send_due();
  ASSERT_EQ(link.sent.size(), 2U);
  EXPECT_EQ(link.sent[1].len_bytes, 9000U);
  EXPECT_EQ(link.scheduler().frames(), 0U);
}

// Who understands marks is marked, and keeps its packets.
TEST(EgressScheduler, MarksInsteadOfDropping) {
  for (const bool v6 : {false, true}) {
    Link link(one_class(10'000'000, {.limit_packets = 2000}));
    std::vector<uint32_t> offered;
    for (int i = 0; i < 2000; ++i) {
      offered.push_back(link.offer({.len_bytes = 1250, .dscp_ecn = 2, .v6 = v6}));
    }
    link.run(link.now_ns_ + 2500 * kNsPerMs);
    EXPECT_EQ(link.sent.size(), 2000U);
    EXPECT_TRUE(link.dropped.empty());
    uint64_t marked = 0;
    for (const uint32_t frame : offered) {
      const net::MutableBytes bytes = link.packet(frame).subspan(14);
      if (v6) {
        marked += (static_cast<uint8_t>(bytes[1]) >> 4 & 3) == 3 ? 1 : 0;
      } else {
        EXPECT_TRUE(net::ipv4_checksum_ok(bytes.first(20)));
        marked += (static_cast<uint8_t>(bytes[1]) & 3) == 3 ? 1 : 0;
      }
    }
    EXPECT_GT(marked, 10U);
    EXPECT_EQ(marked, link.scheduler().counters(0).marked);
  }
}

}  // namespace
}  // namespace starocean::dataplane
