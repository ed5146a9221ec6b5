#include "starocean/dataplane/echo_responder.h"

#include <bit>
#include <cerrno>

#include <fmt/format.h>

#include "starocean/base/log.h"
#include "starocean/net/ethernet.h"
#include "starocean/net/packet_buffer.h"

namespace starocean::dataplane {
namespace {

constexpr uint32_t kFrames = 4096;
constexpr uint32_t kRingSize = 1024;
constexpr uint32_t kEtherTypeOffset = 12;
constexpr uint16_t kArp = 0x0806;
constexpr uint8_t kIcmp = 1;
constexpr uint8_t kIcmpv6 = 58;
constexpr uint32_t kLinkHeaderBytes = 14 + 2 * 4;

}  // namespace

Result<std::unique_ptr<EchoResponder>> EchoResponder::open(const EchoResponderOptions& options) {
  std::unique_ptr<EchoResponder> echo(new EchoResponder(options));
  if (Status built = echo->build(); !built) {
    return fail(built.error().in(fmt::format("cannot serve interface '{}'", options.device)));
  }
  return echo;
}

EchoResponder::~EchoResponder() {
  if (program_) program_->detach();
  if (socket_) socket_->close(*pool_);
}

Status EchoResponder::build() {
  if (options_.queue >= options_.queues) {
    return fail(fmt::format("queue {} does not exist", options_.queue),
                fmt::format("the interface has {}", options_.queues),
                fmt::format("name one from 0 to {}, or see `ethtool -l {}`", options_.queues - 1,
                            options_.device));
  }
  auto umem = xsk::Umem::create({.frames = kFrames});
  if (!umem) return fail(umem.error());
  umem_ = std::move(*umem);
  auto depot = xsk::FrameDepot::create(*umem_);
  if (!depot) return fail(depot.error());
  depot_ = std::move(*depot);
  auto pool = xsk::FramePool::create(*depot_);
  if (!pool) return fail(pool.error());
  pool_ = std::move(*pool);
  if (options_.mtu_bytes + kLinkHeaderBytes > umem_->packet_room()) {
    return fail(fmt::format("its MTU is {}", options_.mtu_bytes),
                "longer packets than one frame holds are not answered",
                fmt::format("set it to {} or less with `ip link set dev {} mtu {}`",
                            umem_->packet_room() - kLinkHeaderBytes, options_.device,
                            umem_->packet_room() - kLinkHeaderBytes));
  }
  auto program = xsk::XdpProgram::attach({.device = options_.device,
                                          .ifindex = options_.ifindex,
                                          .queues = options_.queues,
                                          .claim = xsk::ClaimMode::kByRule});
  if (!program) return fail(program.error());
  program_.emplace(std::move(*program));
  xsk::XskOptions socket_options;
  socket_options.device = options_.device;
  socket_options.queue = options_.queue;
  socket_options.rx_size = socket_options.tx_size = kRingSize;
  socket_options.fill_size = socket_options.completion_size = kRingSize;
  auto socket = xsk::XskSocket::open(*umem_, socket_options, pool_.get());
  if (!socket) return fail(socket.error());
  socket_ = std::move(*socket);
  auto punt = xsk::Punt::create();
  if (!punt) {
    log_warning("what is claimed but not answered is dropped: {}", punt.error().message());
  } else if (Status added = punt->add_interface(options_.device, options_.ifindex); !added) {
    log_warning("{}", added.error().message());
  } else {
    punt_.emplace(std::move(*punt));
  }
  if (Status set = program_->set_socket(options_.queue, socket_->fd()); !set) return set;
  if (Status claimed = claim(); !claimed) return claimed;
  return widen_filter();
}

// The card must let through what Linux has no reason to receive: frames to our MAC address, and to the
// group in which neighbours ask for the IPv6 address.
Status EchoResponder::widen_filter() {
  auto filter = xsk::ReceiveFilter::open(options_.ifindex);
  if (!filter) return fail(filter.error());
  filter_.emplace(std::move(*filter));
  if (Status taken = filter_->take(options_.mac.bytes()); !taken) return taken;
  const auto* v6 = std::get_if<net::Ipv6Address>(&options_.address);
  if (v6 == nullptr) return {};
  return filter_->take(v6->solicited_node().multicast_mac().bytes());
}

// ARP or Neighbour Solicitation for the address, and its ICMP. All else is Linux's.
Status EchoResponder::claim() {
  if (const auto* v4 = std::get_if<net::Ipv4Address>(&options_.address)) {
    const auto bytes = std::bit_cast<xsk::Claim::Ip4>(v4->be());
    if (Status added = program_->add_claim(xsk::Claim::arp(bytes)); !added) return added;
    return program_->add_claim(xsk::Claim::ip4(kIcmp, bytes));
  }
  const auto bytes = std::get<net::Ipv6Address>(options_.address).bytes();
  if (Status added = program_->add_claim(xsk::Claim::neighbour_solicitation(bytes)); !added) {
    return added;
  }
  return program_->add_claim(xsk::Claim::ip6(kIcmpv6, bytes));
}

uint32_t EchoResponder::poll_once() {
  socket_->reap(*pool_);
  socket_->refill(*pool_);
  socket_->kick_receive();
  const uint32_t count = socket_->receive(received_);
  for (uint32_t i = 0; i < count; ++i) handle(received_[i]);
  counters_.add(EchoCounter::rx_packets, count);
  socket_->flush(*pool_);
  return count;
}

net::Reply EchoResponder::answer(xsk::Buffer& buffer, EchoCounter& kind) {
  const net::MutableBytes frame = umem_->bytes(buffer);
  if (frame.size() < kEtherTypeOffset + 2) return net::Reply::kMalformed;
  kind = EchoCounter::answered_ping;
  if (std::holds_alternative<net::Ipv4Address>(options_.address)) {
    const auto type = static_cast<uint16_t>(static_cast<uint16_t>(frame[kEtherTypeOffset]) << 8 |
                                            static_cast<uint16_t>(frame[kEtherTypeOffset + 1]));
    if (type != kArp) return net::make_icmp_echo_reply(frame);
    kind = EchoCounter::answered_neighbour;
    return net::make_arp_reply(frame, options_.mac);
  }
  const net::Reply ping = net::make_icmpv6_echo_reply(frame);
  if (ping != net::Reply::kNotARequest) return ping;
  kind = EchoCounter::answered_neighbour;
  net::PacketBuffer packet({umem_->frame_data(buffer.frame.index()), umem_->frame_size()},
                           buffer.offset_bytes, buffer.len_bytes);
  const net::Reply reply = net::make_neighbor_advertisement(packet, options_.mac);
  buffer.offset_bytes =
      static_cast<uint16_t>(packet.bytes().data() - umem_->frame_data(buffer.frame.index()));
  buffer.len_bytes = static_cast<uint16_t>(packet.bytes().size());
  return reply;
}

void EchoResponder::handle(xsk::RxBuffer& received) {
  xsk::Buffer buffer = std::move(received.buffer);
  EchoCounter kind = EchoCounter::answered_ping;
  switch (answer(buffer, kind)) {
    case net::Reply::kMade:
      transmit(std::move(buffer), kind);
      return;
    case net::Reply::kBadChecksum:
      counters_.add(EchoCounter::drop_bad_checksum);
      break;
    case net::Reply::kMalformed:
      counters_.add(EchoCounter::drop_malformed);
      break;
    case net::Reply::kNotARequest:
    case net::Reply::kFragment:
    case net::Reply::kOptions:
    case net::Reply::kNoRoom:
      punt(std::move(buffer));
      return;
  }
  pool_->put(std::move(buffer.frame));
}

void EchoResponder::transmit(xsk::Buffer buffer, EchoCounter kind) {
  if (!socket_->can_transmit(1)) {
    socket_->flush(*pool_);
    if (!socket_->can_transmit(1)) {
      counters_.add(EchoCounter::drop_tx_full);
      pool_->put(std::move(buffer.frame));
      return;
    }
  }
  socket_->transmit(std::move(buffer));
  counters_.add(kind);
}

void EchoResponder::punt(xsk::Buffer buffer) {
  const iovec piece{umem_->data(buffer), buffer.len_bytes};
  const xsk::PuntFrame frame{.ifindex = options_.ifindex, .pieces = {&piece, 1}};
  const bool taken = punt_ && punt_->inject({&frame, 1}) == 1;
  counters_.add(taken ? EchoCounter::punted : EchoCounter::drop_punt_refused);
  pool_->put(std::move(buffer.frame));
}

}  // namespace starocean::dataplane
