// For tests of the way back into Linux: a veth pair in a namespace of its own, the near end with the address
// 10.0.0.1, and frames put into Linux as if they had arrived there.
#pragma once

#include <gtest/gtest.h>
#include <sys/uio.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "starocean/xsk/punt.h"
#include "starocean/xsk/testing/frames.h"
#include "starocean/xsk/testing/netns.h"
#include "starocean/xsk/testing/raw_socket.h"

namespace starocean::xsk::testing {

// Helper veths in the namespace of the caller, both ends.
inline std::vector<std::string> helper_devices() {
  std::vector<std::string> names;
  auto links = rtnl::Connection::open();
  const auto present = links->list();
  for (const rtnl::Device& link : *present) {
    if (link.name.starts_with("sopunt")) names.push_back(link.name);
  }
  std::ranges::sort(names);
  return names;
}

class PuntTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const auto reason = why_no_namespaces(); !reason.empty()) GTEST_SKIP() << reason;
    netns_.emplace();
    veth_ = make_veth("va", "vb");
    add_ip4(veth_.near.ifindex, "10.0.0.1");
  }

  Punt make_punt() {
    auto punt = Punt::create();
    if (!punt) ADD_FAILURE() << punt.error().message();
    const auto added = punt->add_interface("va", veth_.near.ifindex);
    EXPECT_TRUE(added) << added.error().message();
    return std::move(*punt);
  }

  // In one piece.
  size_t inject(Punt& punt, const Bytes& frame) { return inject(punt, frame, veth_.near.ifindex); }
  static size_t inject(Punt& punt, const Bytes& frame, uint32_t ifindex) {
    const iovec piece{const_cast<uint8_t*>(frame.data()), frame.size()};
    const PuntFrame punted{.ifindex = ifindex, .pieces = {&piece, 1}};
    return punt.inject({&punted, 1});
  }

  Bytes near_mac() const { return Bytes(veth_.near.mac.data(), veth_.near.mac.size()); }

  std::optional<Netns> netns_;
  Veth veth_;
};

}  // namespace starocean::xsk::testing
