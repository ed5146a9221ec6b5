#include "starocean/control/neighbour_mirror.h"

#include <libmnl/libmnl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <functional>

namespace starocean::control {
namespace {

constexpr uint64_t kSecond_ns = 1'000'000'000;
constexpr uint16_t kWithMac =
    NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT | NUD_NOARP;

table::NeighbourState reduced(const NeighbourMessage& message) {
  if ((message.state & kWithMac) != 0 && message.has_mac) return table::NeighbourState::kReachable;
  if ((message.state & NUD_FAILED) != 0) return table::NeighbourState::kFailed;
  return table::NeighbourState::kUnresolved;
}

// Nobody forwards to them: Linux keeps entries for what it sends itself.
bool is_multicast(const net::Ipv6Address& address) {
  return address.is_mapped() ? net::Ipv4Address(address.embedded_ipv4()).is_multicast()
                             : address.is_multicast();
}

}  // namespace

size_t NeighbourMirror::Hash::operator()(const Key& key) const noexcept {
  return std::hash<net::Ipv6Address>()(key.address) ^ size_t { key.ifindex } * 0x9e3779b9u;
}

void NeighbourMirror::apply(const NeighbourMessage& message) {
  if (is_multicast(message.address)) return;
  const Key key{message.ifindex, message.address};
  if (!message.removed) return set(key, message);
  fib_.remove_neighbour(key.ifindex, key.address);
  if (listing_) {
    neighbours_[key] = {.state = NUD_NONE, .mac = {}, .fresh = true};
  } else {
    neighbours_.erase(key);
  }
}

void NeighbourMirror::set(const Key& key, const NeighbourMessage& message) {
  Neighbour& neighbour = neighbours_[key];
  neighbour.state = message.state;
  neighbour.mac = message.mac;
  neighbour.fresh = true;
  // The only error is a table without room; the neighbour stays unresolved then.
  if (!fib_.set_neighbour(key.ifindex, key.address, reduced(message), message.mac)) {
    ++stats_.refused;
  }
}

void NeighbourMirror::begin_list() {
  listing_ = true;
  for (auto& [key, neighbour] : neighbours_) neighbour.fresh = false;
}

void NeighbourMirror::listed(const NeighbourMessage& message) {
  if (is_multicast(message.address)) return;
  const Key key{message.ifindex, message.address};
  const auto known = neighbours_.find(key);
  if (known != neighbours_.end() && known->second.fresh) return;  // news wins
  set(key, message);
}

void NeighbourMirror::end_list() {
  listing_ = false;
  std::erase_if(neighbours_, [&](const auto& each) {
    const auto& [key, neighbour] = each;
    if (neighbour.fresh && neighbour.state != NUD_NONE) return false;
    fib_.remove_neighbour(key.ifindex, key.address);
    return true;
  });
}

uint16_t NeighbourMirror::state_of(uint32_t ifindex, const net::Ipv6Address& address) const {
  const auto found = neighbours_.find({ifindex, address});
  return found == neighbours_.end() ? 0 : found->second.state;
}

bool NeighbourMirror::resolve(NetlinkRequests& requests, uint32_t ifindex,
                              const net::Ipv6Address& address, uint64_t now_ns) {
  if (now_ns - second_began_ns_ >= kSecond_ns) {
    second_began_ns_ = now_ns;
    asked_.clear();
  }
  const Key key{ifindex, address};
  if (asked_.contains(key)) return true;
  if (asked_.size() >= kMaxAsked) {
    ++stats_.not_asked;
    return false;
  }
  alignas(nlmsghdr) std::array<char, 128> buffer{};
  nlmsghdr* const request = mnl_nlmsg_put_header(buffer.data());
  request->nlmsg_type = RTM_NEWNEIGH;
  request->nlmsg_flags = NLM_F_CREATE;
  auto* const info = static_cast<ndmsg*>(mnl_nlmsg_put_extra_header(request, sizeof(ndmsg)));
  info->ndm_ifindex = static_cast<int>(ifindex);
  info->ndm_flags = NTF_USE;
  info->ndm_state = NUD_NONE;
  if (address.is_mapped()) {
    const net::Ipv4Address ipv4(address.embedded_ipv4());
    info->ndm_family = AF_INET;
    mnl_attr_put(request, NDA_DST, sizeof(ipv4), &ipv4);
  } else {
    info->ndm_family = AF_INET6;
    mnl_attr_put(request, NDA_DST, sizeof(address), &address);
  }
  asked_.insert(key);
  ++stats_.asked;
  if (const int error = requests.send(request); error != 0) answer(error);
  return true;
}

void NeighbourMirror::keep_alive(NetlinkRequests& requests, uint32_t ifindex,
                                 const net::Ipv6Address& address, uint64_t now_ns) {
  const uint16_t state = state_of(ifindex, address);
  if (state == NUD_NONE || (state & (NUD_STALE | NUD_FAILED)) != 0) {
    resolve(requests, ifindex, address, now_ns);
  }
}

void NeighbourMirror::answer(int error) {
  if (error == 0) return;
  ++(error == ENOBUFS ? stats_.table_overflow : stats_.refused);
}

}  // namespace starocean::control
