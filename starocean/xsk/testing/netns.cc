#include "starocean/xsk/testing/netns.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/ethtool.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "starocean/base/check.h"

namespace starocean::xsk::testing {
namespace {

void must(const Status& status) {
  if (!status) std::fprintf(stderr, "%s\n", status.error().message().c_str());
  SO_CHECK(status.has_value(), "the test's devices cannot be set up");
}

rtnl::Connection connect() {
  auto links = rtnl::Connection::open();
  SO_CHECK(links.has_value(), "the test has no netlink socket");
  return std::move(*links);
}

void use_one_queue(const std::string& device) {
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ethtool_channels channels{};
  channels.cmd = ETHTOOL_GCHANNELS;
  ifreq request{};
  std::strncpy(request.ifr_name, device.c_str(), IFNAMSIZ - 1);
  request.ifr_data = reinterpret_cast<char*>(&channels);
  SO_CHECK(ioctl(fd, SIOCETHTOOL, &request) == 0, "the test's device does not tell its queues");
  channels.cmd = ETHTOOL_SCHANNELS;
  channels.rx_count = channels.tx_count = 1;
  SO_CHECK(ioctl(fd, SIOCETHTOOL, &request) == 0, "the test's device keeps its queues");
  close(fd);
}

void add_address(uint32_t ifindex, int family, const std::string& text, uint8_t prefix_len) {
  std::array<uint8_t, 16> address{};
  SO_CHECK(inet_pton(family, text.c_str(), address.data()) == 1, "not an address");
  const size_t address_len = family == AF_INET ? 4 : 16;
  std::array<char, 256> buffer{};
  nlmsghdr* message = mnl_nlmsg_put_header(buffer.data());
  message->nlmsg_type = RTM_NEWADDR;
  message->nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL;
  auto* info = static_cast<ifaddrmsg*>(mnl_nlmsg_put_extra_header(message, sizeof(ifaddrmsg)));
  info->ifa_family = static_cast<uint8_t>(family);
  info->ifa_prefixlen = prefix_len;
  info->ifa_index = ifindex;
  info->ifa_flags = family == AF_INET6 ? IFA_F_NODAD : 0;
  mnl_attr_put(message, IFA_LOCAL, address_len, address.data());
  mnl_attr_put(message, IFA_ADDRESS, address_len, address.data());
  must(connect().request(message, "cannot add " + text));
}

// Whether the address answers to itself. The kernel makes an IPv6 address's local route some time
// after it has acknowledged the address, and drops what arrives in between.
bool answers_to_itself(const std::string& text) {
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  inet_pton(AF_INET6, text.c_str(), &address.sin6_addr);
  socklen_t length = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  const int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  char byte = 0;
  pollfd wanted{.fd = fd, .events = POLLIN, .revents = 0};
  const bool answers = bind(fd, generic, length) == 0 && getsockname(fd, generic, &length) == 0 &&
                       sendto(fd, &byte, 1, 0, generic, length) == 1 && poll(&wanted, 1, 10) == 1;
  close(fd);
  return answers;
}

}  // namespace

std::string why_no_namespaces() {
  if (geteuid() != 0) return "needs root: it makes network namespaces and loads BPF programs";
  const int previous = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
  if (previous < 0) return std::string("needs /proc: ") + std::strerror(errno);
  const bool possible = unshare(CLONE_NEWNET) == 0;
  const std::string reason =
      possible ? "" : std::string("may not make network namespaces: ") + std::strerror(errno);
  if (possible)
    SO_CHECK(setns(previous, CLONE_NEWNET) == 0, "no way back to the first network namespace");
  close(previous);
  return reason;
}

std::string why_no_multi_buffer() {
  utsname system{};
  unsigned major = 0;
  unsigned minor = 0;
  if (uname(&system) != 0 || std::sscanf(system.release, "%u.%u", &major, &minor) != 2) {
    return "cannot tell the kernel's version";
  }
  if (std::pair(major, minor) >= std::pair(6U, 6U)) return {};
  return std::string("needs Linux 6.6 for AF_XDP multi-buffer, this is ") + system.release;
}

Netns::Netns() : previous_(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)) {
  SO_CHECK(previous_ >= 0 && unshare(CLONE_NEWNET) == 0, "cannot make a network namespace");
  must(connect().set(if_nametoindex("lo"), {.up = true}));
}

Netns::~Netns() {
  SO_CHECK(setns(previous_, CLONE_NEWNET) == 0, "no way back to the first network namespace");
  close(previous_);
}

Veth make_veth(const std::string& near, const std::string& far, const VethOptions& options) {
  rtnl::Connection links = connect();
  must(links.create_veth(near, far, options.mtu, options.queues));
  for (const std::string& name : {near, far}) {
    const uint32_t ifindex = if_nametoindex(name.c_str());
    if (!options.ipv6) must(links.set(ifindex, {.no_ipv6_address = true}));
    must(links.set(ifindex, {.up = true}));
  }
  if (options.one_queue_at_far_end) use_one_queue(far);
  const auto near_info = links.find(near);
  const auto far_info = links.find(far);
  SO_CHECK(near_info && far_info, "the veth pair is gone");
  return {*near_info, *far_info};
}

void add_ip4(uint32_t ifindex, const std::string& address) {
  add_address(ifindex, AF_INET, address, 24);
}
void add_ip6(uint32_t ifindex, const std::string& address) {
  add_address(ifindex, AF_INET6, address, 64);
  int tries = 0;
  while (!answers_to_itself(address)) {
    SO_CHECK(++tries < 1000, "an IPv6 address does not come up");
    usleep(1000);
  }
}
void remove_link(uint32_t ifindex) {
  must(connect().remove(ifindex));
}
void set_link(uint32_t ifindex, const rtnl::DeviceChange& change) {
  must(connect().set(ifindex, change));
}

}  // namespace starocean::xsk::testing
