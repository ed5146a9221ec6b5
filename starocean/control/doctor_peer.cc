#include "starocean/control/doctor_peer.h"

#include <dirent.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <functional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "starocean/control/doctor_quote.h"
#include "starocean/xsk/link_monitor.h"
#include "starocean/xsk/netlink_attributes.h"
#include "starocean/xsk/netlink_query.h"

namespace starocean::control::doctor {
namespace {

constexpr const char* kNamed = "/run/netns/";

class Descriptor {
 public:
  explicit Descriptor(const std::string& path) : fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

// The number by which this namespace calls that one (RTM_GETNSID); -1 if it has none.
int32_t number_of(const Descriptor& space) {
  alignas(nlmsghdr) std::array<char, 64> buffer{};
  nlmsghdr* const request = mnl_nlmsg_put_header(buffer.data());
  request->nlmsg_type = RTM_GETNSID;
  request->nlmsg_flags = NLM_F_REQUEST;
  mnl_nlmsg_put_extra_header(request, sizeof(rtgenmsg));
  mnl_attr_put_u32(request, NETNSA_FD, static_cast<uint32_t>(space.get()));
  int32_t number = -1;
  xsk::netlink_query(NETLINK_ROUTE, request, [&](const nlmsghdr* message) {
    xsk::each_attribute_of(message, sizeof(rtgenmsg), [&](uint16_t type, const nlattr* attribute) {
      if (type != NETNSA_NSID || mnl_attr_get_payload_len(attribute) < sizeof number) return;
      number = static_cast<int32_t>(mnl_attr_get_u32(attribute));
    });
  });
  return number;
}

std::vector<std::string> names_in(const char* folder) {
  std::vector<std::string> names;
  DIR* const directory = opendir(folder);
  if (directory == nullptr) return names;
  while (const dirent* const entry = readdir(directory)) names.emplace_back(entry->d_name);
  closedir(directory);
  return names;
}

struct Space {
  std::string path;
  std::string prefix;
  std::string place;
};

// Named ones first; then those of processes, the oldest process of each, which lives longest.
std::optional<Space> find_space(int32_t wanted) {
  for (const std::string& name : names_in(kNamed)) {
    if (name.starts_with('.')) continue;
    const Descriptor space(kNamed + name);
    if (space.get() >= 0 && number_of(space) == wanted) {
      return Space{kNamed + name, fmt::format("ip netns exec {} ", shell_quoted(name)),
                   fmt::format("namespace {}", name)};
    }
  }
  std::vector<int> pids;
  for (const std::string& name : names_in("/proc")) pids.push_back(std::atoi(name.c_str()));
  std::ranges::sort(pids);
  std::set<ino_t> seen;
  for (const int pid : pids) {
    if (pid <= 0) continue;
    const std::string path = fmt::format("/proc/{}/ns/net", pid);
    struct stat status {};
    if (stat(path.c_str(), &status) != 0 || !seen.insert(status.st_ino).second) continue;
    const Descriptor space(path);
    if (space.get() >= 0 && number_of(space) == wanted) {
      return Space{path, fmt::format("nsenter --net={} ", path),
                   fmt::format("the namespace of process {}", pid)};
    }
  }
  return std::nullopt;
}

std::optional<PeerFacts> look_here(uint32_t ifindex) {
  const auto link = xsk::find_link(ifindex);
  if (!link || !*link) return std::nullopt;
  PeerFacts peer;
  peer.name = (*link)->name;
  peer.mtu = (*link)->mtu;
  peer.has_program = (*link)->xdp_program_id() != 0;
  peer.has_vlan_devices = has_vlan_devices(ifindex);
  if (auto offloads = xsk::offloads(peer.name)) peer.offloads = std::move(*offloads);
  return peer;
}

}  // namespace

bool has_vlan_devices(uint32_t ifindex) {
  bool found = false;
  const Status listed = xsk::list_links([&](const xsk::LinkInfo& link) {
    found |= link.kind == "vlan" && link.lower_ifindex == ifindex && !link.lower_netns;
  });
  return listed && found;
}

std::optional<PeerFacts> find_peer(const xsk::LinkInfo& link) {
  if (link.kind != "veth" || link.lower_ifindex == 0) return std::nullopt;
  if (!link.lower_netns) return look_here(link.lower_ifindex);
  if (*link.lower_netns < 0) return std::nullopt;
  const auto space = find_space(*link.lower_netns);
  if (!space) return std::nullopt;
  std::optional<PeerFacts> peer;
  std::thread([&] {
    const Descriptor there(space->path);
    if (setns(there.get(), CLONE_NEWNET) == 0) peer = look_here(link.lower_ifindex);
  }).join();
  if (!peer) return std::nullopt;
  peer->command_prefix = space->prefix;
  peer->place = space->place;
  return peer;
}

}  // namespace starocean::control::doctor
