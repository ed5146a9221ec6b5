#include "starocean/dataplane/router_fixture_for_test.h"

#include <algorithm>

namespace starocean::dataplane {
namespace {

constexpr WorkerId kSelf{0}, kOther{1};
constexpr uint32_t kFrames = 2048;

RoutedInterface interface_of(InterfaceId id, uint32_t ifindex, net::MacAddress mac,
                             const char* source4) {
  RoutedInterface interface;
  interface.id = id;
  interface.active = true;
  interface.ifindex = ifindex;
  interface.vrf = 0;
  interface.mac = mac.as_u64();
  interface.source4 = v4(source4);
  return interface;
}

}  // namespace

RouterFixture::RouterFixture() {
  PacketMemoryForTest memory = make_packet_memory(kFrames);
  umem_ = std::move(memory.umem);
  depot_ = std::move(memory.depot);
  pool_ = std::move(memory.pool);
  mesh_ = std::move(memory.mesh);
  fib_ = std::make_unique<table::Fib>(qsbr_);
  egress_ = std::make_unique<Egress>(kSelf, *pool_, *mesh_, worker_counters_);
  switch_ = std::make_unique<L2Switch>(*egress_, moves_, group_events_, snooping_);
  router_ = std::make_unique<Router>(*egress_, *switch_, *pool_, requests_);

  snapshot_.generation = 1;
  snapshot_.fib = fib_.get();
  snapshot_.icmp_errors_per_s = 0;
  snapshot_.worker_queues.resize(2);
  for (const PortId id : {kLan, kWan, kOffice}) {
    queues_[id.index()].port = id;
    queues_[id.index()].owner = kOther;
    Port& port = snapshot_.ports.emplace_back();
    port.id = id;
    port.attached = port.up = port.can_punt = port.multi_buffer = true;
    port.mtu_bytes = 9000;
    port.tx_queue = {&queues_[id.index()], &queues_[id.index()]};
  }
  auto rules = std::make_shared<BridgeRules>();
  rules->vlan_aware = true;
  BridgeMember& member = rules->members.emplace_back();
  member.port = kOffice;
  member.untagged = 10;
  member.vlans.set(10);
  Bridge& bridge = snapshot_.bridges.emplace_back();
  bridge.id = BridgeId(0);
  bridge.macs = std::make_shared<BridgeMacs>("bridge", 64);
  bridge.members = {kOffice};
  bridge.vlan_interfaces = {{10, kOfficeIf, kOfficeMac.as_u64()}};
  snapshot_.ports[2].bridge = BridgeId(0);
  snapshot_.ports[2].member = &member;
  bridge.rules = rules;
  snapshot_.ports[0].routed = kLanIf;
  snapshot_.ports[1].routed = kWanIf;
  snapshot_.ports[1].vlans = {{35, kVlanIf, kWanMac.as_u64()}};
  snapshot_.interfaces = {interface_of(kLanIf, kLanIndex, kLanMac, "10.0.0.1"),
                          interface_of(kWanIf, kWanIndex, kWanMac, "10.1.0.1"),
                          interface_of(kVlanIf, kVlanIndex, kWanMac, "10.2.0.1"),
                          interface_of(kOfficeIf, kOfficeIndex, kOfficeMac, "10.3.0.1")};
  snapshot_.interfaces[0].port = kLan;
  snapshot_.interfaces[1].port = snapshot_.interfaces[2].port = kWan;
  snapshot_.interfaces[2].vlan = 35;
  snapshot_.interfaces[2].mtu_bytes = 1400;
  snapshot_.interfaces[3].bridge = BridgeId(0);
  snapshot_.interfaces[3].vlan = 10;
  snapshot_.interfaces[3].is_tap = true;
  snapshot_.interfaces[0].source6 = v6("2001:db8:a::1");
  snapshot_.interfaces[0].link_local6 = v6("fe80::a");
  snapshot_.interfaces[1].source6 = v6("2001:db8:b::1");
  for (const RoutedInterface& interface : snapshot_.interfaces) {
    fib_->bind_interface(interface.ifindex, interface.id);
    snapshot_.own4.add(interface.source4);
  }
  Vrf& vrf = snapshot_.vrfs.emplace_back();
  for (const uint32_t number : {255u, 254u}) {
    RouteRule rule;
    rule.table = *fib_->add_table(number);
    vrf.rules4.push_back(rule);
    rule.family = net::IpFamily::kIpv6;
    rule.source = net::IpPrefix::v6({}, 0);
    vrf.rules6.push_back(rule);
  }
  using enum table::RouteKind;
  for (const char* local : {"10.0.0.1", "10.1.0.1", "10.2.0.1", "10.3.0.1"}) {
    set_route(local, 32, kLocal, 0, nullptr, 255);
  }
  set_route("10.0.0.255", 32, kBroadcast, 0, nullptr, 255);
  set_route("2001:db8:a::1", 128, kLocal, 0, nullptr, 255);
  set_route("10.0.0.0", 24, kForward, kLanIndex);
  set_route("10.1.0.0", 24, kForward, kWanIndex);
  set_route("20.0.0.0", 8, kForward, kWanIndex, "10.1.0.2");
  set_route("30.0.0.0", 8, kForward, kVlanIndex, "10.2.0.2");
  set_route("40.0.0.0", 8, kForward, kOfficeIndex, "10.3.0.2");
  set_route("2001:db8:a::", 64, kForward, kLanIndex);
  set_route("2001:db8:b::", 64, kForward, kWanIndex);
  set_route("2001:db8:20::", 48, kForward, kWanIndex, "2001:db8:b::2");
  using enum table::NeighbourState;
  set_neighbour(kLanIndex, "10.0.0.2", kReachable, kHost);
  set_neighbour(kLanIndex, "2001:db8:a::2", kReachable, kHost);
  set_neighbour(kWanIndex, "10.1.0.2", kReachable, kGateway);
  set_neighbour(kWanIndex, "2001:db8:b::2", kReachable, kGateway);
  set_neighbour(kVlanIndex, "10.2.0.2", kReachable, kGateway);
  set_neighbour(kOfficeIndex, "10.3.0.2", kReachable, kGateway);
  egress_->adopt(&snapshot_);
}

RouterFixture::~RouterFixture() {
  collect();
  router_->stop();
  expect_conserved();
  EXPECT_EQ(depot_->frames() + pool_->frames(), umem_->frames());
}

Frame RouterFixture::udp(const char* to, const PacketFields& fields, const char* from) const {
  const net::Ipv6Address destination = ip(to);
  net::BuiltPacket built(fields.payload);
  const net::UdpFields ports{.src_port = 1000, .dst_port = 2000};
  const bool is_v4 = destination.is_mapped();
  if (is_v4) {
    const net::Ipv4Address source = v4(from == nullptr ? "10.0.0.2" : from);
    const net::Ipv4Address dst(destination.embedded_ipv4());
    EXPECT_TRUE(push_udp(built.buffer(), ports, source, dst));
    EXPECT_TRUE(push_ipv4(built.buffer(), {.src = source,
                                           .dst = dst,
                                           .protocol = net::kProtoUdp,
                                           .ttl = fields.ttl,
                                           .dscp_ecn = fields.tos,
                                           .id = fields.id,
                                           .dont_fragment = fields.dont_fragment}));
  } else {
    const net::Ipv6Address source = v6(from == nullptr ? "2001:db8:a::2" : from);
    EXPECT_TRUE(push_udp(built.buffer(), ports, source, destination));
    EXPECT_TRUE(push_ipv6(built.buffer(), {.src = source,
                                           .dst = destination,
                                           .next_header = net::kProtoUdp,
                                           .hop_limit = fields.ttl,
                                           .traffic_class = fields.tos}));
  }
  EXPECT_TRUE(push_ethernet(built.buffer(),
                            {kLanMac, kHost, is_v4 ? net::kEtherTypeIpv4 : net::kEtherTypeIpv6}));
  return built.frame();
}

// In frames as full as the kernel makes them.
Packet RouterFixture::packet_of(const Frame& frame) {
  static std::array<xsk::Buffer, kMaxBuffers> rest;
  static size_t used = 0;
  if (batch_->count == 0 && in_->count == 0) used = 0;
  Packet packet;
  packet.len_bytes = static_cast<uint32_t>(frame.size());
  const size_t begin = used;
  for (size_t at = 0; at < frame.size() || at == 0;) {
    const bool is_head = at == 0;
    const size_t room = is_head ? umem_->packet_room() : umem_->frame_size();
    const size_t length = std::min(room, frame.size() - at);
    xsk::Buffer& buffer = is_head ? packet.head : rest[used++];
    buffer.frame = pool_->take();
    buffer.offset_bytes = static_cast<uint16_t>(is_head ? umem_->packet_offset() : 0);
    buffer.len_bytes = static_cast<uint16_t>(length);
    std::copy_n(frame.data() + at, length, umem_->data(buffer));
    at += std::max<size_t>(length, 1);
  }
  packet.rest = {rest.data() + begin, used - begin};
  return packet;
}

std::vector<Fate> RouterFixture::receive(PortId port, const std::vector<Frame>& frames) {
  batch_->in_port = port;
  batch_->count = 0;
  for (const Frame& frame : frames) {
    Packet packet = packet_of(frame);
    batch_->packets[batch_->count++] = std::move(packet);
  }
  router_->process(*batch_, snapshot_, now_ns_);
  batch_->count = 0;
  return collect();
}

std::vector<Fate> RouterFixture::enter(InterfaceId interface, const std::vector<Frame>& frames) {
  for (const Frame& frame : frames) {
    Packet packet = packet_of(frame);
    in_->add(packet, interface, kLan);
  }
  entered_ += frames.size();
  router_->process(*in_, snapshot_, now_ns_);
  EXPECT_EQ(in_->count, 0u);
  return collect();
}

std::vector<Fate> RouterFixture::serve() {
  router_->serve(snapshot_, now_ns_);
  return collect();
}

std::vector<Fate> RouterFixture::collect() {
  std::vector<Fate> fates;
  const auto take = [&](Fate& fate, xsk::Buffer buffer) {
    const auto bytes = umem_->bytes(buffer);
    fate.bytes.insert(fate.bytes.end(), bytes.begin(), bytes.end());
    pool_->put(std::move(buffer.frame));
  };
  for (HandoffRing* ring : {&mesh_->between(kSelf, kOther), &mesh_->to_control(kSelf)}) {
    HandoffItem item;
    while (ring->pop(item)) {
      Fate& fate = fates.emplace_back();
      fate.stage = item.stage;
      fate.port = item.port;
      fate.interface = item.interface;
      const uint32_t packet_bytes = item.packet_bytes;
      take(fate, to_buffer(item));
      while (item.more && ring->pop(item)) take(fate, to_buffer(item));
      EXPECT_EQ(fate.bytes.size(), packet_bytes);
      ++(ring == &mesh_->to_control(kSelf) ? to_control_ : transmitted_);
    }
  }
  return fates;
}

uint64_t RouterFixture::count(PortCounter counter) const {
  uint64_t sum = 0;
  for (const PortId port : {kLan, kWan, kOffice}) sum += egress_->counters(port).get(counter);
  return sum;
}

void RouterFixture::expect_conserved() {
  uint64_t drops = 0;
  for (size_t i = 0; i < kPortCounters.size(); ++i) {
    if (is_drop(static_cast<PortCounter>(i))) drops += count(static_cast<PortCounter>(i));
  }
  EXPECT_EQ(count(PortCounter::rx_packets) + entered_ + count(PortCounter::copies) +
                count(PortCounter::icmp_errors),
            transmitted_ + to_control_ + drops);
}

void RouterFixture::set_route(const char* prefix, uint8_t length, table::RouteKind kind,
                              uint32_t ifindex, const char* gateway, uint32_t table) {
  table::Route route;
  route.kind = kind;
  if (kind == table::RouteKind::kForward) {
    table::NextHop& hop = route.next_hops.emplace_back();
    hop.ifindex = ifindex;
    if (gateway != nullptr) hop.gateway = ip(gateway);
  }
  const net::Ipv6Address address = ip(prefix);
  const net::IpPrefix key =
      address.is_mapped() ? net::IpPrefix::v4(net::Ipv4Address(address.embedded_ipv4()), length)
                          : net::IpPrefix::v6(address, length);
  const Status set = fib_->set_route(**fib_->add_table(table), key, route);
  EXPECT_TRUE(set) << set.error().message();
}

void RouterFixture::set_neighbour(uint32_t ifindex, const char* address,
                                  table::NeighbourState state, net::MacAddress mac) {
  const Status set = fib_->set_neighbour(ifindex, ip(address), state, mac);
  EXPECT_TRUE(set) << set.error().message();
}

}  // namespace starocean::dataplane
