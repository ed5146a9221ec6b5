// A packet on its way through one worker, and the batch that it travels in.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>

#include "starocean/base/ids.h"
#include "starocean/net/mac_address.h"
#include "starocean/xsk/frame.h"
#include "starocean/xsk/socket.h"
#include "starocean/xsk/umem.h"

namespace starocean::dataplane {

// Packets per batch: enough to spread the cost of a ring operation and to let prefetches arrive, few
// enough that their headers stay in the first-level cache.
inline constexpr uint32_t kBatchPackets = 64;

// Buffers a received packet may have: the longest that Linux makes, a 64 KiB super-packet, takes 37 frames
// of 2048 bytes. A receive call takes at most a batch of them.
inline constexpr uint32_t kMaxBuffers = kBatchPackets;
// Buffers a transmitted packet may have: CONFIG_MAX_SKB_FRAGS, by default 17, and one
// (Documentation/networking/af_xdp.rst, "Multi-Buffer Support").
inline constexpr uint32_t kMaxTransmitBuffers = 18;

// Owns its frames. Most packets are one buffer; of the others, `rest` lies in the batch.
struct Packet {
  xsk::Buffer head;
  std::span<xsk::Buffer> rest;
  uint32_t len_bytes = 0;    // of all buffers
  uint64_t destination = 0;  // MAC addresses as numbers, see l2.h
  uint64_t source = 0;

  uint32_t buffers() const { return 1 + static_cast<uint32_t>(rest.size()); }
};

// What one receive call brought, from one port. Reused; belongs to one worker.
struct Batch {
  PortId in_port;
  uint32_t count = 0;
  std::array<Packet, kBatchPackets> packets;
  std::array<xsk::Buffer, kBatchPackets> rest;

  std::span<Packet> all() { return {packets.data(), count}; }
};

// Packets between switch and router, without a VLAN tag, each with the routed interface that it enters by (towards the
// router) or leaves by (from it). Owns their frames; `rest` holds the buffers behind the first.
struct RoutedPacket {
  Packet packet;
  InterfaceId interface;
  PortId account;  // whose counters count its drops: the port that received it
};
struct RoutedBatch {
  uint32_t count = 0;
  uint32_t rest_used = 0;
  std::array<RoutedPacket, kBatchPackets> packets;
  std::array<xsk::Buffer, kBatchPackets> rest;

  std::span<RoutedPacket> all() { return {packets.data(), count}; }
  // Whether another packet fits, of as many buffers as can be transmitted. Those of one Batch always fit.
  bool has_room() const {
    return count < kBatchPackets && rest_used + kMaxTransmitBuffers <= kBatchPackets;
  }
  // Moves the packet here.
  void add(Packet& packet, InterfaceId interface, PortId account) {
    RoutedPacket& entry = packets[count++];
    entry.packet.head = std::move(packet.head);
    entry.packet.len_bytes = packet.len_bytes;
    entry.packet.destination = packet.destination;
    entry.packet.source = packet.source;
    entry.packet.rest = {rest.data() + rest_used, packet.rest.size()};
    entry.interface = interface;
    entry.account = account;
    for (xsk::Buffer& buffer : packet.rest) rest[rest_used++] = std::move(buffer);
  }
  // Once all have gone.
  void clear() { count = rest_used = 0; }
};

inline net::MacAddress load_mac(const std::byte* at) {
  net::MacAddress mac;
  std::memcpy(&mac, at, sizeof mac);
  return mac;
}
// The inverse of net::MacAddress::as_u64().
inline net::MacAddress mac_from_u64(uint64_t mac) {
  const auto first = static_cast<uint32_t>(mac);
  const auto last = static_cast<uint16_t>(mac >> 32);
  net::MacAddress::Bytes bytes{};
  std::memcpy(bytes.data(), &first, sizeof first);
  std::memcpy(bytes.data() + sizeof first, &last, sizeof last);
  return net::MacAddress(bytes);
}

// Takes the buffers of whole packets that a socket delivered.
inline void fill_batch(Batch& batch, PortId in_port, std::span<xsk::RxBuffer> buffers) {
  batch.in_port = in_port;
  batch.count = 0;
  uint32_t rest_used = 0;
  for (size_t i = 0; i < buffers.size(); ++i) {
    Packet& packet = batch.packets[batch.count++];
    packet.head = std::move(buffers[i].buffer);
    packet.len_bytes = packet.head.len_bytes;
    const uint32_t rest_begin = rest_used;
    while (buffers[i].more && i + 1 < buffers.size()) {
      ++i;
      packet.len_bytes += buffers[i].buffer.len_bytes;
      batch.rest[rest_used++] = std::move(buffers[i].buffer);
    }
    packet.rest = {batch.rest.data() + rest_begin, rest_used - rest_begin};
  }
}

// Finishes the checksums that Linux peers on veth leave unfinished (net/finish_checksum.h); returns how
// many packets that were.
uint64_t finish_checksums(Batch& batch, const xsk::Umem& umem);

// Whether a device of this MTU may send the packet. As Linux counts (include/linux/if_vlan.h,
// is_skb_forwardable in net/core/dev.c): the MTU excludes the Ethernet header and the outermost VLAN tag; a
// second tag is payload.
bool fits_mtu_by_its_tag(const Packet& packet, const xsk::Umem& umem, uint32_t mtu_bytes);
inline bool fits_mtu(const Packet& packet, const xsk::Umem& umem, uint32_t mtu_bytes) {
  constexpr uint32_t kEthernetHeaderBytes = 14;
  return packet.len_bytes <= mtu_bytes + kEthernetHeaderBytes ||
         fits_mtu_by_its_tag(packet, umem, mtu_bytes);
}

}  // namespace starocean::dataplane
