// For tests of the XDP program on real devices: a veth pair in a namespace of its own, the near end
// with the address 10.0.0.1, and what Linux says of it.
#pragma once

#include <bpf/libbpf.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <utility>

#include "starocean/base/check.h"
#include "starocean/xsk/testing/frames.h"
#include "starocean/xsk/testing/netns.h"
#include "starocean/xsk/testing/raw_socket.h"
#include "starocean/xsk/xdp_program.h"

namespace starocean::xsk::testing {

inline constexpr uint16_t kPort = 7000;
inline constexpr int kNotComing_ms = 50;  // how long to look for what must not come

class XdpProgramTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const auto reason = why_no_namespaces(); !reason.empty()) GTEST_SKIP() << reason;
    netns_.emplace();
  }

  void make_pair(const VethOptions& options = {}) {
    veth_ = make_veth("va", "vb", options);
    add_ip4(veth_.near.ifindex, "10.0.0.1");
  }

  XdpProgram::Options options() const { return {.device = "va", .ifindex = veth_.near.ifindex}; }

  XdpProgram attach() const { return attach(options()); }
  static XdpProgram attach(const XdpProgram::Options& wanted) {
    auto program = XdpProgram::attach(wanted);
    if (!program) ADD_FAILURE() << program.error().message();
    SO_CHECK(program.has_value(), "the program does not attach");
    return std::move(*program);
  }

  Bytes near_mac() const { return Bytes(veth_.near.mac.data(), veth_.near.mac.size()); }
  Bytes datagram(uint16_t port, const Bytes& payload) const {
    return eth(0x0800, near_mac()) + ip4({}, udp(1, port, payload));
  }

  // What Linux says is attached; 0 for nothing.
  static uint32_t attached_id(uint32_t ifindex) {
    LIBBPF_OPTS(bpf_xdp_query_opts, found);
    EXPECT_EQ(bpf_xdp_query(static_cast<int>(ifindex), 0, &found), 0);
    return found.prog_id;
  }

  // The traffic of Linux's own flows on the device, past the program.
  void expect_linux_gets_traffic() const {
    UdpSocket udp_socket(AF_INET, kPort);
    PacketSocket other_end(veth_.far.ifindex);
    const Bytes payload = pattern(200);
    other_end.send(datagram(kPort, payload));
    EXPECT_EQ(udp_socket.receive(), payload);
  }

  std::optional<Netns> netns_;
  Veth veth_;
};

}  // namespace starocean::xsk::testing
