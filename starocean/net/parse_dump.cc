// Prints what parse() says of each packet of a capture, one JSON object a line, for comparison with
// another dissector (lab/test_parse_tshark.py).
//
// Usage: parse_dump FILE.pcap      (classic pcap, Ethernet, either byte order, µs or ns)
// Exit: 0 done, 1 the file cannot be read or is no such capture, 2 wrong usage.

#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "starocean/net/checksum.h"
#include "starocean/net/ethernet.h"
#include "starocean/net/parse.h"
#include "starocean/net/transport.h"

namespace starocean::net {
namespace {

// draft-ietf-opsawg-pcap: the file header is 24 bytes, that of a record 16.
constexpr size_t kFileHeader = 24;
constexpr size_t kRecordHeader = 16;
constexpr uint32_t kMagicUs = 0xa1b2c3d4;
constexpr uint32_t kMagicNs = 0xa1b23c4d;
constexpr uint32_t kLinkTypeEthernet = 1;

class Capture {
 public:
  explicit Capture(ConstBytes file) : rest_(file) {
    if (file.size() < kFileHeader) return;
    const uint32_t magic = be32_at(0);
    big_endian_ = magic == kMagicUs || magic == kMagicNs;
    const uint32_t native = big_endian_ ? magic : __builtin_bswap32(magic);
    valid_ =
        (native == kMagicUs || native == kMagicNs) && (u32_at(20) & 0xffff) == kLinkTypeEthernet;
    rest_ = rest_.subspan(kFileHeader);
  }

  bool valid() const { return valid_; }
  // False at the end of the file. `wire_length` is what the frame had before the capture cut it.
  bool next(ConstBytes& frame, size_t& wire_length) {
    if (rest_.size() < kRecordHeader) return false;
    const uint32_t length = u32_at(8);
    wire_length = u32_at(12);
    rest_ = rest_.subspan(kRecordHeader);
    if (length > rest_.size()) return false;
    frame = rest_.first(length);
    rest_ = rest_.subspan(length);
    return true;
  }

 private:
  uint32_t be32_at(size_t offset) const { return view<be32>(rest_, offset)->host(); }
  uint32_t u32_at(size_t offset) const {
    const uint32_t value = be32_at(offset);
    return big_endian_ ? value : __builtin_bswap32(value);
  }

  ConstBytes rest_;
  bool big_endian_ = false;
  bool valid_ = false;
};

const char* boolean(bool value) {
  return value ? "true" : "false";
}

void print_tags(const ParsedPacket& packet) {
  std::printf(",\"vlans\":[");
  for (size_t i = 0; i < packet.vlan_count; ++i) {
    const VlanTag tag = packet.vlan[i];
    std::printf("%s{\"tpid\":%u,\"id\":%u,\"priority\":%u,\"dei\":%s}", i == 0 ? "" : ",", tag.tpid,
                tag.id(), tag.priority(), boolean(tag.drop_eligible()));
  }
  std::printf("]");
}

void print_arp(ConstBytes frame, const ParsedPacket& packet) {
  const auto& arp = *view<ArpHeader>(frame, packet.l3_offset);
  std::printf(
      ",\"arp\":{\"op\":%u,\"sender_mac\":\"%s\",\"sender_ip\":\"%s\",\"target_mac\":\"%s\","
      "\"target_ip\":\"%s\"}",
      arp.operation.host(), arp.sender_mac.to_string().c_str(), arp.sender_ip.to_string().c_str(),
      arp.target_mac.to_string().c_str(), arp.target_ip.to_string().c_str());
}

void print_ip(ConstBytes frame, const ParsedPacket& packet) {
  std::string src;
  std::string dst;
  bool checksum_ok = true;
  if (packet.ip_version == 4) {
    const auto& ip = *view<Ipv4Header>(frame, packet.l3_offset);
    src = ip.src.to_string();
    dst = ip.dst.to_string();
    checksum_ok = ipv4_checksum_ok(ipv4_header_bytes(frame, packet.l3_offset));
  } else {
    const auto& ip = *view<Ipv6Header>(frame, packet.l3_offset);
    src = ip.src.to_string();
    dst = ip.dst.to_string();
  }
  std::printf(",\"ip\":{\"version\":%u,\"src\":\"%s\",\"dst\":\"%s\",\"length\":%" PRIu32
              ",\"options\":%s,\"checksum_ok\":%s,\"fragment\":%d,\"fragment_offset\":%u",
              packet.ip_version, src.c_str(), dst.c_str(), packet.l3_length,
              boolean(packet.ip_options), boolean(checksum_ok), static_cast<int>(packet.fragment),
              packet.fragment_offset);
  if (packet.l4_offset != 0) {
    std::printf(",\"protocol\":%u,\"l4_offset\":%u", packet.protocol, packet.l4_offset);
  }
  std::printf("}");
}

// Of a whole packet all of which is there.
bool transport_checksum_ok(ConstBytes frame, const ParsedPacket& packet) {
  size_t length = packet.l4_length();
  if (packet.is_udp()) length = view<UdpHeader>(frame, packet.l4_offset)->length.host();
  ChecksumBuilder builder;
  const auto l4_length = static_cast<uint32_t>(length);
  if (packet.ip_version == 6) {
    builder = pseudo_header(view<Ipv6Header>(frame, packet.l3_offset)->src,
                            *view<Ipv6Address>(frame, packet.pseudo_dst_offset), packet.protocol,
                            l4_length);
  } else if (packet.protocol != kProtoIcmp) {
    const auto& ip = *view<Ipv4Header>(frame, packet.l3_offset);
    builder = pseudo_header(ip.src, ip.dst, packet.protocol, l4_length);
  }
  builder.add(frame.subspan(packet.l4_offset, length));
  return builder.checksum().raw() == 0;
}

void print_transport(ConstBytes frame, const ParsedPacket& packet) {
  if (packet.has_ports) {
    std::printf(",\"%s\":{\"src_port\":%u,\"dst_port\":%u", packet.is_tcp() ? "tcp" : "udp",
                packet.src_port, packet.dst_port);
    if (packet.is_tcp()) std::printf(",\"flags\":%u", packet.tcp_flags);
    std::printf("}");
  } else if (packet.payload_offset != 0) {
    std::printf(",\"icmp\":{\"type\":%u,\"code\":%u}", packet.icmp_type, packet.icmp_code);
  }
  if (packet.payload_offset != 0) std::printf(",\"payload_offset\":%u", packet.payload_offset);
  if (packet.status == ParseStatus::kOk && packet.payload_offset != 0 &&
      packet.fragment == Fragment::kNone && packet.pseudo_dst_offset != 0 &&
      fits(frame.size(), packet.l4_offset, packet.l4_length())) {
    std::printf(",\"transport_checksum_ok\":%s", boolean(transport_checksum_ok(frame, packet)));
  }
}

void print_frame(ConstBytes frame, size_t wire_length) {
  const ParsedPacket packet = parse(frame, wire_length);
  std::printf("{\"status\":\"%s\",\"ethertype\":%u,\"l3_offset\":%u", to_string(packet.status),
              packet.ethertype, packet.l3_offset);
  print_tags(packet);
  if (packet.ethertype == kEtherTypeArp && packet.status == ParseStatus::kOk) {
    print_arp(frame, packet);
  }
  if (packet.ip_version != 0) print_ip(frame, packet);
  print_transport(frame, packet);
  const auto* vxlan = view<VxlanHeader>(frame, packet.payload_offset);
  if (packet.is_udp() && packet.dst_port == kVxlanPort && packet.status == ParseStatus::kOk &&
      vxlan != nullptr) {
    const size_t inner = packet.payload_offset + sizeof(VxlanHeader);
    std::printf(",\"vxlan\":{\"vni\":%" PRIu32 ",\"inner\":", vxlan->vni());
    print_frame(frame.subspan(inner), wire_length - inner);
    std::printf("}");
  }
  std::printf("}");
}

int dump(const char* path) {
  std::ifstream file(path, std::ios::binary);
  const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
  if (!file) {
    std::fprintf(stderr, "cannot read '%s': %s\n", path, std::strerror(errno));
    return 1;
  }
  Capture capture(std::as_bytes(std::span(bytes)));
  if (!capture.valid()) {
    std::fprintf(stderr,
                 "cannot read '%s': it is not a classic pcap capture of Ethernet frames; write one "
                 "with `tcpdump -w`\n",
                 path);
    return 1;
  }
  ConstBytes frame;
  size_t wire_length = 0;
  while (capture.next(frame, wire_length)) {
    print_frame(frame, wire_length);
    std::printf("\n");
  }
  return 0;
}

}  // namespace
}  // namespace starocean::net

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: parse_dump FILE.pcap\n");
    return 2;
  }
  return starocean::net::dump(argv[1]);
}
