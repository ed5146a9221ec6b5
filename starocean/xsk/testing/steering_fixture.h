// For tests of what the steering program claims: it is loaded in both variants, single and
// multi-buffer, and gives its verdict on frames that no device has seen.
#pragma once

#include <gtest/gtest.h>
#include <linux/bpf.h>

#include <optional>
#include <utility>
#include <vector>

#include "starocean/base/check.h"
#include "starocean/xsk/testing/bpf_run.h"
#include "starocean/xsk/testing/frames.h"
#include "starocean/xsk/testing/netns.h"
#include "starocean/xsk/testing/raw_socket.h"
#include "starocean/xsk/xdp_program.h"

namespace starocean::xsk::testing {

inline constexpr Claim::Ip4 kHere4 = {10, 0, 0, 1};
inline constexpr Claim::Ip6 kHere6 = {0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};

// Both variants of the program see every frame, and must agree.
class SteeringTest : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    if (const auto reason = why_no_namespaces(); !reason.empty()) GTEST_SKIP() << reason;
    netns_.emplace();
    veth_ = make_veth("va", "vb");
    xsk_.emplace(veth_.near.ifindex);
  }

  XdpProgram attach(std::vector<Claim> claims, bool look_through_vlan = false) {
    auto program = XdpProgram::attach({.device = "va",
                                       .ifindex = veth_.near.ifindex,
                                       .multi_buffer = GetParam(),
                                       .claim = ClaimMode::kByRule,
                                       .look_through_vlan = look_through_vlan});
    SO_CHECK(program.has_value(), "the program does not attach");
    EXPECT_TRUE(program->set_socket(0, xsk_->fd()));
    for (const Claim& claim : claims) {
      const auto added = program->add_claim(claim);
      EXPECT_TRUE(added) << added.error().message();
    }
    return std::move(*program);
  }

  static bool taken(const XdpProgram& program, const Bytes& frame) {
    const uint32_t verdict = xdp_verdict(program.program_fd(), frame);
    EXPECT_TRUE(verdict == XDP_REDIRECT || verdict == XDP_PASS) << verdict;
    return verdict == XDP_REDIRECT;
  }

  std::optional<Netns> netns_;
  Veth veth_;
  std::optional<TinyXsk> xsk_;
};

inline Bytes ip4_frame(const Ip4& header, const Bytes& payload) {
  return eth(0x0800) + ip4(header, payload);
}
inline Bytes ip6_frame(const Ip6& header, const Bytes& payload) {
  return eth(0x86dd) + ip6(header, payload);
}

}  // namespace starocean::xsk::testing
