#include "starocean/control/list_request.h"

#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/netconf.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cerrno>

namespace starocean::control {
namespace {

uint8_t af_of(net::IpFamily family) {
  return family == net::IpFamily::kIpv4 ? AF_INET : AF_INET6;
}

void put_routes(nlmsghdr* request, const ListStep& step) {
  auto* const info = static_cast<rtmsg*>(mnl_nlmsg_put_extra_header(request, sizeof(rtmsg)));
  info->rtm_family = af_of(step.family);
  if (step.ifindex != 0) {
    mnl_attr_put_u32(request, RTA_OIF, step.ifindex);
  } else {
    mnl_attr_put_u32(request, RTA_TABLE, step.table);
  }
}

}  // namespace

nlmsghdr* make_request(const ListStep& step, RequestBuffer& buffer) {
  nlmsghdr* const request = mnl_nlmsg_put_header(buffer.data());
  const auto put = [&]<class T>(uint16_t type, T header) {
    request->nlmsg_type = type;
    *static_cast<T*>(mnl_nlmsg_put_extra_header(request, sizeof(T))) = header;
  };
  switch (step.kind) {
    case ListStep::Kind::kLinks:
      put(RTM_GETLINK, ifinfomsg{});
      break;
    case ListStep::Kind::kAddresses:
      put(RTM_GETADDR, ifaddrmsg{});
      break;
    case ListStep::Kind::kNetconf:
      put(RTM_GETNETCONF, netconfmsg{.ncm_family = af_of(step.family)});
      break;
    case ListStep::Kind::kNextHops:
      put(RTM_GETNEXTHOP, nhmsg{});
      break;
    case ListStep::Kind::kNeighbours:
      put(RTM_GETNEIGH, ndmsg{});
      break;
    case ListStep::Kind::kRules: {
      fib_rule_hdr header{};
      header.family = af_of(step.family);
      put(RTM_GETRULE, header);
      break;
    }
    case ListStep::Kind::kRoutes:
      request->nlmsg_type = RTM_GETROUTE;
      put_routes(request, step);
      break;
  }
  return request;
}

bool means_none(const ListStep& step, int error) {
  switch (step.kind) {
    case ListStep::Kind::kRoutes:  // no such table, no such device
      return error == ENOENT || error == ENODEV || error == EAFNOSUPPORT || error == EOPNOTSUPP;
    case ListStep::Kind::kNextHops:  // before Linux 5.3
    case ListStep::Kind::kNetconf:
    case ListStep::Kind::kRules:
      return error == EOPNOTSUPP || error == EAFNOSUPPORT || error == EINVAL;
    default:
      return false;
  }
}

}  // namespace starocean::control
