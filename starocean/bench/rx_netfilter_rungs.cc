// Rungs where netfilter ends the packet, and the one where nobody does.
#include <utility>

#include <fmt/format.h>

#include "bpf/rx_path.h"
#include "starocean/bench/rx_nft_counter.h"
#include "starocean/bench/rx_rung.h"
#include "starocean/bench/rx_snmp.h"

namespace starocean::bench {
namespace {

class NftRung : public RxRung {
 public:
  explicit NftRung(NftCounters counters) : counters_(std::move(counters)) {}
  Result<RxCounts> counts() override {
    const auto packets = counters_.packets();
    if (!packets) return fail(packets.error());
    return RxCounts{.handled = *packets};
  }

 private:
  NftCounters counters_;
};

// One table with one chain with one rule; it goes with the namespace.
Result<std::unique_ptr<RxRung>> open_nft(const RxPlace& place, const std::string& family,
                                         const std::string& hook) {
  const std::string ruleset = fmt::format(
      "table {} starocean {{\nchain ladder {{\ntype filter hook {}; policy accept;\n"
      "udp dport {} counter drop\n}}\n}}",
      family, hook, RX_PATH_PORT);
  if (!testbed::is_installed("nft")) {
    return fail("there is no nftables rung", "`nft` is not installed",
                "install the Debian package nftables");
  }
  if (Status made = place.where.do_run({"nft", ruleset}); !made) return fail(made.error());
  auto counters = NftCounters::open();
  if (!counters) return fail(counters.error());
  return std::make_unique<NftRung>(std::move(*counters));
}

class NoHandlerRung : public RxRung {
 public:
  explicit NoHandlerRung(SnmpFile snmp) : snmp_(std::move(snmp)) {}
  Result<RxCounts> counts() override {
    const auto text = snmp_.read();
    if (!text) return fail(text.error());
    RxCounts counts;
    const auto without_socket = find_snmp_count(*text, "Udp", "NoPorts");
    const auto bad = find_snmp_count(*text, "Udp", "InErrors");
    const auto answered = find_snmp_count(*text, "Icmp", "OutDestUnreachs");
    for (const auto* count : {&without_socket, &bad, &answered}) {
      if (!*count) return fail(count->error());
    }
    counts.handled = *without_socket;
    counts.lost = {{"bad UDP packets", *bad}};
    counts.beside = {{"answered with an ICMP error", *answered}};
    return counts;
  }

 private:
  SnmpFile snmp_;
};

}  // namespace

Result<std::unique_ptr<RxRung>> open_netdev_ingress(const RxPlace& place, const RxTuning&) {
  return open_nft(place, "netdev",
                  fmt::format("ingress device \"{}\" priority filter", place.device));
}

Result<std::unique_ptr<RxRung>> open_prerouting(const RxPlace& place, const RxTuning&) {
  return open_nft(place, "ip", "prerouting priority raw");
}

Result<std::unique_ptr<RxRung>> open_local_in(const RxPlace& place, const RxTuning&) {
  return open_nft(place, "ip", "input priority filter");
}

Result<std::unique_ptr<RxRung>> open_no_handler(const RxPlace& place, const RxTuning&) {
  // Of each namespace since Linux 6.12; before, the limit of the whole machine (1000 a second by default)
  // holds, and how many were sent is counted beside.
  for (const char* limit : {"net.ipv4.icmp_msgs_per_sec", "net.ipv4.icmp_msgs_burst"}) {
    [[maybe_unused]] const Status set = place.where.sysctl(limit, "0");
  }
  auto snmp = SnmpFile::open();
  if (!snmp) return fail(snmp.error());
  return std::make_unique<NoHandlerRung>(std::move(*snmp));
}

}  // namespace starocean::bench
