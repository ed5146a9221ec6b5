#include "starocean/xsk/punt_link.h"

#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <spdlog/fmt/fmt.h>

namespace starocean::xsk::rtnl {
namespace {

constexpr size_t kRequest_bytes = 1024;
constexpr uint8_t kAddrGenModeNone = 1;  // IN6_ADDR_GEN_MODE_NONE, linux/if_link.h

using RequestBuffer = std::array<char, kRequest_bytes>;

nlmsghdr* start(RequestBuffer& buffer, uint16_t type, uint16_t flags, uint32_t ifindex,
                ifinfomsg** info) {
  nlmsghdr* message = mnl_nlmsg_put_header(buffer.data());
  message->nlmsg_type = type;
  message->nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | flags);
  *info = static_cast<ifinfomsg*>(mnl_nlmsg_put_extra_header(message, sizeof(ifinfomsg)));
  (*info)->ifi_family = AF_UNSPEC;
  (*info)->ifi_index = static_cast<int>(ifindex);
  return message;
}

void put_text(nlmsghdr* message, uint16_t type, std::string_view text) {
  mnl_attr_put_strz(message, type, std::string(text).c_str());
}

void put_end(nlmsghdr* message, std::string_view name, uint32_t mtu, uint32_t queues) {
  put_text(message, IFLA_IFNAME, name);
  mnl_attr_put_u32(message, IFLA_MTU, mtu);
  mnl_attr_put_u32(message, IFLA_NUM_TX_QUEUES, queues);
  mnl_attr_put_u32(message, IFLA_NUM_RX_QUEUES, queues);
}

int read_kind(const nlattr* attribute, void* info) {
  if (mnl_attr_get_type(attribute) == IFLA_INFO_KIND) {
    static_cast<Device*>(info)->kind = mnl_attr_get_str(attribute);
  }
  return MNL_CB_OK;
}

int read_attribute(const nlattr* attribute, void* data) {
  auto* info = static_cast<Device*>(data);
  switch (mnl_attr_get_type(attribute)) {
    case IFLA_IFNAME:
      info->name = mnl_attr_get_str(attribute);
      break;
    case IFLA_IFALIAS:
      info->alias = mnl_attr_get_str(attribute);
      break;
    case IFLA_MTU:
      info->mtu = mnl_attr_get_u32(attribute);
      break;
    case IFLA_ADDRESS:
      std::memcpy(info->mac.data(), mnl_attr_get_payload(attribute),
                  std::min<size_t>(info->mac.size(), mnl_attr_get_payload_len(attribute)));
      break;
    case IFLA_LINKINFO:
      mnl_attr_parse_nested(attribute, read_kind, info);
      break;
    default:
      break;
  }
  return MNL_CB_OK;
}

int read_link(const nlmsghdr* message, void* links) {
  if (message->nlmsg_type != RTM_NEWLINK) return MNL_CB_OK;
  Device info;
  info.ifindex = static_cast<uint32_t>(
      static_cast<const ifinfomsg*>(mnl_nlmsg_get_payload(message))->ifi_index);
  mnl_attr_parse(message, sizeof(ifinfomsg), read_attribute, &info);
  static_cast<std::vector<Device>*>(links)->push_back(std::move(info));
  return MNL_CB_OK;
}

// Sends and hears the answer to its end. 0 or errno.
int converse(mnl_socket* socket, const nlmsghdr* message, mnl_cb_t callback, void* data) {
  if (mnl_socket_sendto(socket, message, message->nlmsg_len) < 0) return errno;
  const uint32_t port = mnl_socket_get_portid(socket);
  std::vector<char> answer(static_cast<size_t>(MNL_SOCKET_BUFFER_SIZE));
  for (;;) {
    const ssize_t length = mnl_socket_recvfrom(socket, answer.data(), answer.size());
    if (length < 0 && errno == EINTR) continue;
    if (length < 0) return errno;
    const int more = mnl_cb_run(answer.data(), static_cast<size_t>(length), message->nlmsg_seq,
                                port, callback, data);
    if (more < 0) return errno;
    if (more == MNL_CB_STOP) return 0;
  }
}

tl::unexpected<Error> refused(std::string_view what, int error) {
  return fail_system(what, error,
                     error == EPERM || error == EACCES ? "run as root, or with CAP_NET_ADMIN" : "");
}

}  // namespace

void Connection::Close::operator()(mnl_socket* socket) const {
  mnl_socket_close(socket);
}

Result<Connection> Connection::open() {
  mnl_socket* socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
  if (socket == nullptr) return fail_system("cannot open a netlink socket", errno);
  Connection result(socket);
  if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0) {
    return fail_system("cannot bind a netlink socket", errno);
  }
  return result;
}

Result<std::vector<Device>> Connection::list() {
  RequestBuffer buffer;
  ifinfomsg* info = nullptr;
  nlmsghdr* message = start(buffer, RTM_GETLINK, NLM_F_DUMP, 0, &info);
  message->nlmsg_seq = next_sequence();
  std::vector<Device> links;
  if (const int error = converse(socket_.get(), message, read_link, &links); error != 0) {
    return refused("cannot list network devices", error);
  }
  return links;
}

Result<Device> Connection::find(std::string_view name) {
  auto links = list();
  if (!links) return fail(links.error());
  for (Device& link : *links) {
    if (link.name == name) return std::move(link);
  }
  return fail(fmt::format("cannot find device '{}'", name), "there is none of that name", {},
              ENODEV);
}

Status Connection::create_veth(std::string_view name, std::string_view peer, uint32_t mtu,
                               uint32_t queues) {
  const std::string what = fmt::format("cannot create the veth pair '{}' and '{}'", name, peer);
  if (name.size() >= IFNAMSIZ || peer.size() >= IFNAMSIZ) {
    return fail(what, fmt::format("a device name has at most {} characters", IFNAMSIZ - 1));
  }
  RequestBuffer buffer;
  ifinfomsg* info = nullptr;
  nlmsghdr* message = start(buffer, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0, &info);
  put_end(message, name, mtu, queues);
  nlattr* link_info = mnl_attr_nest_start(message, IFLA_LINKINFO);
  put_text(message, IFLA_INFO_KIND, "veth");
  nlattr* data = mnl_attr_nest_start(message, IFLA_INFO_DATA);
  nlattr* other = mnl_attr_nest_start(message, VETH_INFO_PEER);
  mnl_nlmsg_put_extra_header(message, sizeof(ifinfomsg));
  put_end(message, peer, mtu, queues);
  mnl_attr_nest_end(message, other);
  mnl_attr_nest_end(message, data);
  mnl_attr_nest_end(message, link_info);
  return request(message, what);
}

Status Connection::set(uint32_t ifindex, const DeviceChange& change) {
  RequestBuffer buffer;
  ifinfomsg* info = nullptr;
  nlmsghdr* message = start(buffer, RTM_NEWLINK, 0, ifindex, &info);
  if (change.up) {
    info->ifi_change |= IFF_UP;
    if (*change.up) info->ifi_flags |= IFF_UP;
  }
  if (change.arp) {
    info->ifi_change |= IFF_NOARP;
    if (!*change.arp) info->ifi_flags |= IFF_NOARP;
  }
  if (change.alias) put_text(message, IFLA_IFALIAS, *change.alias);
  if (change.mtu) mnl_attr_put_u32(message, IFLA_MTU, *change.mtu);
  if (change.mac) mnl_attr_put(message, IFLA_ADDRESS, change.mac->size(), change.mac->data());
  if (change.no_ipv6_address) {
    nlattr* families = mnl_attr_nest_start(message, IFLA_AF_SPEC);
    nlattr* ipv6 = mnl_attr_nest_start(message, AF_INET6);
    mnl_attr_put_u8(message, IFLA_INET6_ADDR_GEN_MODE, kAddrGenModeNone);
    mnl_attr_nest_end(message, ipv6);
    mnl_attr_nest_end(message, families);
  }
  return request(message, fmt::format("cannot configure the device with index {}", ifindex));
}

Status Connection::remove(uint32_t ifindex) {
  RequestBuffer buffer;
  ifinfomsg* info = nullptr;
  return request(start(buffer, RTM_DELLINK, 0, ifindex, &info),
                 fmt::format("cannot remove the device with index {}", ifindex));
}

Status Connection::request(nlmsghdr* message, std::string_view what) {
  message->nlmsg_flags |= NLM_F_ACK;
  message->nlmsg_seq = next_sequence();
  if (const int error = converse(socket_.get(), message, nullptr, nullptr); error != 0) {
    return refused(what, error);
  }
  return {};
}

}  // namespace starocean::xsk::rtnl
