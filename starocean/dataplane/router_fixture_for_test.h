// A router of two devices, a VLAN and a bridge's VLAN, with real packet memory, tables and egress. The queues
// that transmit belong to another worker, which is the test: it sees what would be sent, without devices.
//
//   lan   10.0.0.1/24   2001:db8:a::1    host 10.0.0.2, 2001:db8:a::2
//   wan   10.1.0.1/24   2001:db8:b::1    gateway 10.1.0.2, 2001:db8:b::2   to 20.0.0.0/8, 2001:db8:20::/48
//   v35   10.2.0.1/24                    gateway 10.2.0.2 on VLAN 35 of wan, MTU 1400: to 30.0.0.0/8
//   office 10.3.0.1/24                  gateway 10.3.0.2 on VLAN 10 of a bridge, a TAP: to 40.0.0.0/8; the bridge has
//                                       one member, the port kOffice
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "starocean/dataplane/packet_memory_for_test.h"
#include "starocean/dataplane/router.h"
#include "starocean/net/frame_for_test.h"

namespace starocean::dataplane {

using net::Frame;

inline net::Ipv4Address v4(const char* text) {
  return *net::Ipv4Address::parse(text);
}
inline net::Ipv6Address v6(const char* text) {
  return *net::Ipv6Address::parse(text);
}
// Of either family, as tables have them.
inline net::Ipv6Address ip(const char* text) {
  const auto four = net::Ipv4Address::parse(text);
  return four ? net::Ipv6Address::mapped(*four) : v6(text);
}
inline net::MacAddress mac(uint8_t last) {
  return net::MacAddress({0x02, 0, 0, 0, 0, last});
}

// What became of a packet.
struct Fate {
  Stage stage = Stage::kTransmit;
  PortId port;
  InterfaceId interface;  // for kDeliver
  Frame bytes;
};

struct PacketFields {
  uint8_t ttl = 64;
  size_t payload = 26;
  bool dont_fragment = true;
  uint16_t id = 7;
  uint8_t tos = 0;
};

class RouterFixture : public testing::Test {
 public:
  static constexpr PortId kLan{0}, kWan{1}, kOffice{2};
  static constexpr InterfaceId kLanIf{0}, kWanIf{1}, kVlanIf{2}, kOfficeIf{3};
  static constexpr uint32_t kLanIndex = 10, kWanIndex = 11, kVlanIndex = 12, kOfficeIndex = 13;
  static inline const net::MacAddress kLanMac = mac(0xa0), kWanMac = mac(0xb0),
                                      kOfficeMac = mac(0xc0), kHost = mac(2), kGateway = mac(3);
  static constexpr uint64_t kStartNs = 1'000 * kNsPerSecond;

 protected:
  RouterFixture();
  ~RouterFixture() override;

  // UDP from the LAN's host (or `from`) to `to`, as the LAN's port receives it.
  Frame udp(const char* to, const PacketFields& fields = {}, const char* from = nullptr) const;
  // The frames arrive on the port in one batch.
  std::vector<Fate> receive(PortId port, const std::vector<Frame>& frames);
  std::vector<Fate> receive(const Frame& frame) { return receive(kLan, {frame}); }
  // They come from the switch.
  std::vector<Fate> enter(InterfaceId interface, const std::vector<Frame>& frames);
  // A turn without packets.
  std::vector<Fate> serve();
  std::vector<Fate> collect();

  uint64_t count(PortCounter counter) const;
  // Everything that came or was made has gone somewhere; counted in packets.
  void expect_conserved();
  void set_route(const char* prefix, uint8_t length, table::RouteKind kind, uint32_t ifindex = 0,
                 const char* gateway = nullptr, uint32_t table = 254);
  void set_neighbour(uint32_t ifindex, const char* address, table::NeighbourState state,
                     net::MacAddress mac = {});
  Packet packet_of(const Frame& frame);

  std::unique_ptr<xsk::Umem> umem_;
  std::unique_ptr<xsk::FrameDepot> depot_;
  std::unique_ptr<xsk::FramePool> pool_;
  std::unique_ptr<HandoffMesh> mesh_;
  ring::Qsbr qsbr_{1};
  std::unique_ptr<table::Fib> fib_;
  MacMoveRing moves_{64};
  GroupEventRing group_events_{64};
  ring::SnapshotPublisher<SnoopingTables> snooping_{qsbr_};
  NeighbourRequestRing requests_{256};
  WorkerCounters worker_counters_;
  std::unique_ptr<Egress> egress_;
  std::unique_ptr<L2Switch> switch_;
  std::unique_ptr<Router> router_;
  PortQueue queues_[3];
  Snapshot snapshot_;
  std::unique_ptr<Batch> batch_ = std::make_unique<Batch>();
  std::unique_ptr<RoutedBatch> in_ = std::make_unique<RoutedBatch>();
  uint64_t now_ns_ = kStartNs;
  uint64_t entered_ = 0, transmitted_ = 0, to_control_ = 0;
};

}  // namespace starocean::dataplane
