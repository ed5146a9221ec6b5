#include "starocean/xsk/link_monitor.h"

#include <poll.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "starocean/xsk/device_info.h"

namespace starocean::xsk {
namespace {

TEST(FindLink, Loopback) {
  const auto link = find_link("lo");
  ASSERT_TRUE(link) << link.error().message();
  ASSERT_TRUE(*link);
  EXPECT_EQ((*link)->name, "lo");
  EXPECT_EQ((*link)->ifindex, 1u);
  EXPECT_GE((*link)->mtu, 1280u);
  EXPECT_GE((*link)->rx_queues, 1u);
  const auto by_index = find_link(1u);
  ASSERT_TRUE(by_index);
  EXPECT_EQ(**by_index, **link);
}

TEST(FindLink, NothingThere) {
  for (const char* name : {"", "so-none", "a-name-longer-than-any-device", "a/b"}) {
    const auto link = find_link(name);
    ASSERT_TRUE(link) << link.error().message();
    EXPECT_FALSE(*link) << name;
  }
  EXPECT_FALSE(*find_link(0u));
  EXPECT_FALSE(*find_link(0x7fffffffu));
}

TEST(ListLinks, AgreesWithFindLink) {
  bool loopback = false;
  const Status listed = list_links([&](const LinkInfo& link) { loopback |= link.name == "lo"; });
  ASSERT_TRUE(listed) << listed.error().message();
  EXPECT_TRUE(loopback);
}

TEST(DeviceInfo, LoopbackHasOneQueue) {
  const auto queues = queue_count("lo");
  ASSERT_TRUE(queues) << queues.error().message();
  EXPECT_EQ(*queues, 1u);
}

TEST(DeviceInfo, UnknownDeviceIsASentence) {
  const auto queues = queue_count("so-none");
  ASSERT_FALSE(queues);
  EXPECT_EQ(queues.error().message(),
            "cannot read the queue count of 'so-none': there is no such device; `ip link` lists "
            "those that there are");
  EXPECT_FALSE(driver_name("so-none"));
  EXPECT_FALSE(driver_name("a-name-longer-than-any-device"));
}

// In a network namespace of its own: a namespace belongs to a thread, and goes with it.
template <class Body>
void in_namespace(Body body) {
  bool possible = true;
  std::thread([&] {
    possible = unshare(CLONE_NEWNET) == 0;
    if (possible) body();
  }).join();
  if (!possible) GTEST_SKIP() << "needs the right to make network namespaces";
}

void ip(const std::string& words) {
  ASSERT_EQ(std::system(("ip " + words).c_str()), 0) << "ip " << words;
}

// All news up to now; waits for the first.
std::vector<LinkInfo> news(LinkMonitor& monitor) {
  std::vector<LinkInfo> links;
  pollfd readable{monitor.fd(), POLLIN, 0};
  constexpr int kPatienceMs = 10'000;
  EXPECT_EQ(poll(&readable, 1, kPatienceMs), 1);
  const Status read = monitor.read([&](const LinkInfo& link) { links.push_back(link); });
  EXPECT_TRUE(read) << read.error().message();
  return links;
}

const LinkInfo* last_of(const std::vector<LinkInfo>& links, const std::string& name) {
  const auto found = std::find_if(links.rbegin(), links.rend(),
                                  [&](const LinkInfo& link) { return link.name == name; });
  return found == links.rend() ? nullptr : &*found;
}

void follow_a_veth() {
  auto monitor = LinkMonitor::open();
  ASSERT_TRUE(monitor) << monitor.error().message();
  std::vector<LinkInfo> first;
  ASSERT_TRUE(monitor->list([&](const LinkInfo& link) { first.push_back(link); }));
  ASSERT_EQ(first.size(), 1u);
  EXPECT_EQ(first[0].name, "lo");
  EXPECT_TRUE(monitor->read([](const LinkInfo&) {})) << "nothing to read is no error";

  ip("link add name a numrxqueues 2 numtxqueues 1 address 02:00:00:00:00:0a mtu 1400 type veth "
     "peer name b");
  const auto added = news(*monitor);
  const LinkInfo* a = last_of(added, "a");
  ASSERT_NE(a, nullptr);
  EXPECT_EQ(a->kind, "veth");
  EXPECT_EQ(a->mtu, 1400u);
  EXPECT_EQ(a->mac, (std::array<uint8_t, 6>{2, 0, 0, 0, 0, 10}));
  EXPECT_EQ(a->rx_queues, 2u);
  EXPECT_FALSE(a->up);
  EXPECT_FALSE(a->carrier);
  const uint32_t old_index = a->ifindex;
  EXPECT_EQ(*driver_name("a"), "veth");
  EXPECT_EQ(queue_counts("a")->receive, 2u);
  EXPECT_EQ(queue_counts("a")->transmit, 1u);

  ip("link set dev a up");
  ip("link set dev b up");
  auto up = news(*monitor);
  // The carrier's news follows a moment later, from the kernel's own worker.
  while (last_of(up, "a") == nullptr || !last_of(up, "a")->carrier) up = news(*monitor);
  EXPECT_TRUE(last_of(up, "a")->up);

  ip("link del dev a");
  const auto gone = news(*monitor);
  ASSERT_NE(last_of(gone, "a"), nullptr);
  EXPECT_TRUE(last_of(gone, "a")->removed);
  EXPECT_EQ(last_of(gone, "a")->ifindex, old_index);
  EXPECT_FALSE(*find_link("a"));

  ip("link add name a type veth peer name b");
  EXPECT_NE(last_of(news(*monitor), "a")->ifindex, old_index);
}

void lose_events() {
  LinkMonitor::Options tiny;
  tiny.receive_buffer_bytes = 1;  // the kernel's least, a few messages
  ip("link add lost type veth peer name lost2");
  auto monitor = LinkMonitor::open(tiny);
  ASSERT_TRUE(monitor);
  ip("link del lost");
  for (int i = 0; i < 20; ++i) {
    ip(fmt::format("link add x{0} type veth peer name y{0}", i));
  }
  const auto links = news(*monitor);
  for (int i = 0; i < 20; ++i) {
    const LinkInfo* const link = last_of(links, fmt::format("x{}", i));
    ASSERT_NE(link, nullptr) << i;
    EXPECT_FALSE(link->removed);
  }
  ASSERT_NE(last_of(links, "lost"), nullptr);
  EXPECT_TRUE(last_of(links, "lost")->removed);
}

TEST(LinkMonitor, FollowsADeviceThroughItsLife) {
  in_namespace(follow_a_veth);
}

TEST(LinkMonitor, LostEventsAreMadeUpFor) {
  in_namespace(lose_events);
}

void leave_a_bridge() {
  if (std::system("ip link add name sw0 type bridge 2>/dev/null") != 0) {
    GTEST_SKIP() << "this kernel has no bridge";
  }
  ip("link add name a type veth peer name b");
  ip("link set dev a master sw0");
  EXPECT_EQ((*find_link("a"))->master_ifindex, (*find_link("sw0"))->ifindex);
  auto monitor = LinkMonitor::open();
  ASSERT_TRUE(monitor);
  ip("link set dev a nomaster");
  for (const LinkInfo& link : news(*monitor)) EXPECT_FALSE(link.removed) << link.name;
  EXPECT_EQ((*find_link("a"))->master_ifindex, 0u);
}

TEST(LinkMonitor, LeavingABridgeIsNotTheEndOfADevice) {
  in_namespace(leave_a_bridge);
}

}  // namespace
}  // namespace starocean::xsk
