#include "starocean/bench/rx_nft_counter.h"

#include <endian.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <array>
#include <cerrno>
#include <string_view>
#include <utility>

namespace starocean::bench {
namespace {

constexpr int kNewRule = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWRULE;
constexpr int kGetRule = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETRULE;

struct Wanted {
  uint16_t type;
  const nlattr* found = nullptr;
};

int look_at(const nlattr* attribute, void* wanted) {
  auto& search = *static_cast<Wanted*>(wanted);
  if (mnl_attr_get_type(attribute) == search.type) search.found = attribute;
  return MNL_CB_OK;
}

// The attribute of this type inside a nest; null if there is none.
const nlattr* find(const nlattr* nest, uint16_t type) {
  Wanted search{type};
  mnl_attr_parse_nested(nest, look_at, &search);
  return search.found;
}

int add_expression(const nlattr* expression, void* sum) {
  const nlattr* const name = find(expression, NFTA_EXPR_NAME);
  const nlattr* const data = find(expression, NFTA_EXPR_DATA);
  if (name == nullptr || data == nullptr || mnl_attr_validate(name, MNL_TYPE_NUL_STRING) < 0 ||
      std::string_view(mnl_attr_get_str(name)) != "counter") {
    return MNL_CB_OK;
  }
  const nlattr* const packets = find(data, NFTA_COUNTER_PACKETS);
  if (packets != nullptr && mnl_attr_get_payload_len(packets) == sizeof(uint64_t)) {
    *static_cast<uint64_t*>(sum) += be64toh(mnl_attr_get_u64(packets));
  }
  return MNL_CB_OK;
}

int add_expressions(const nlattr* attribute, void* sum) {
  if (mnl_attr_get_type(attribute) == NFTA_RULE_EXPRESSIONS) {
    mnl_attr_parse_nested(attribute, add_expression, sum);
  }
  return MNL_CB_OK;
}

int add_message(const nlmsghdr* message, void* sum) {
  *static_cast<uint64_t*>(sum) +=
      packets_of_rule({reinterpret_cast<const std::byte*>(message), message->nlmsg_len});
  return MNL_CB_OK;
}

}  // namespace

uint64_t packets_of_rule(std::span<const std::byte> bytes) {
  const auto* const message = reinterpret_cast<const nlmsghdr*>(bytes.data());
  if (!mnl_nlmsg_ok(message, static_cast<int>(bytes.size())) || message->nlmsg_type != kNewRule ||
      mnl_nlmsg_get_payload_len(message) < sizeof(nfgenmsg)) {
    return 0;
  }
  uint64_t sum = 0;
  mnl_attr_parse(message, sizeof(nfgenmsg), add_expressions, &sum);
  return sum;
}

Result<NftCounters> NftCounters::open() {
  mnl_socket* const socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
  if (socket == nullptr) return fail_system("cannot open a netlink socket to nftables", errno);
  NftCounters counters(socket);
  if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) != 0) {
    return fail_system("cannot bind a netlink socket to nftables", errno);
  }
  return counters;
}

NftCounters::NftCounters(NftCounters&& other) noexcept
    : socket_(std::exchange(other.socket_, nullptr)), sequence_(other.sequence_) {}

NftCounters& NftCounters::operator=(NftCounters&& other) noexcept {
  std::swap(socket_, other.socket_);
  std::swap(sequence_, other.sequence_);
  return *this;
}

NftCounters::~NftCounters() {
  if (socket_ != nullptr) mnl_socket_close(socket_);
}

Result<uint64_t> NftCounters::packets() {
  constexpr auto kWhat = "cannot read the counters of nftables";
  alignas(nlmsghdr) std::array<char, 8192> buffer;
  nlmsghdr* const request = mnl_nlmsg_put_header(buffer.data());
  request->nlmsg_type = kGetRule;
  request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request->nlmsg_seq = ++sequence_;
  auto* const family =
      static_cast<nfgenmsg*>(mnl_nlmsg_put_extra_header(request, sizeof(nfgenmsg)));
  family->nfgen_family = NFPROTO_UNSPEC;
  family->version = NFNETLINK_V0;
  if (mnl_socket_sendto(socket_, request, request->nlmsg_len) < 0) return fail_system(kWhat, errno);
  uint64_t sum = 0;
  for (int more = MNL_CB_OK; more == MNL_CB_OK;) {
    const ssize_t length = mnl_socket_recvfrom(socket_, buffer.data(), buffer.size());
    if (length < 0) return fail_system(kWhat, errno);
    more = mnl_cb_run(buffer.data(), static_cast<size_t>(length), sequence_,
                      mnl_socket_get_portid(socket_), add_message, &sum);
    if (more < MNL_CB_STOP) return fail_system(kWhat, errno);
  }
  return sum;
}

}  // namespace starocean::bench
