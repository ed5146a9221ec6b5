#include "starocean/bench/dut.h"

#include <chrono>
#include <thread>

#include <fmt/format.h>

#include "starocean/base/clock.h"

namespace starocean::bench {

const char* to_string(DutKind kind) {
  switch (kind) {
    case DutKind::kOurs:
      return "ours";
    case DutKind::kPeer:
      return "peer";
    case DutKind::kKernel:
      return "kernel";
    case DutKind::kCeiling:
      return "ceiling";
  }
  return "";
}

const char* to_string(DutJob job) {
  return job == DutJob::kRoute ? "route" : "switch";
}

const std::vector<DutType>& dut_types() {
  static const std::vector<DutType> types = {
      {"starocean", DutKind::kOurs, DutJob::kSwitch,
       "starocean, L2 switch over AF_XDP, adaptive polling", make_starocean_adaptive},
      {"starocean-busy", DutKind::kOurs, DutJob::kSwitch,
       "starocean, L2 switch over AF_XDP, busy polling", make_starocean_busy},
      {kOtherBuild, DutKind::kOurs, DutJob::kSwitch,
       "another build of starocean, the program at $STAROCEAN_OTHER, adaptive polling",
       make_starocean_other},
      {"starocean-route", DutKind::kOurs, DutJob::kRoute,
       "starocean, IPv4 routing over AF_XDP, adaptive polling", make_starocean_route},
      {"ovs", DutKind::kPeer, DutJob::kSwitch,
       "Open vSwitch, user-space datapath over AF_XDP, one OpenFlow rule", make_ovs},
      {"ovs-normal", DutKind::kPeer, DutJob::kSwitch,
       "Open vSwitch, user-space datapath over AF_XDP, as a learning switch", make_ovs_normal},
      {"ovs-route", DutKind::kPeer, DutJob::kRoute,
       "Open vSwitch, user-space datapath over AF_XDP, IPv4 routing by OpenFlow rules",
       make_ovs_route},
      {"testpmd", DutKind::kPeer, DutJob::kSwitch,
       "DPDK testpmd over net_af_xdp, port to port, frames not looked at", make_testpmd},
      {"testpmd-busy", DutKind::kPeer, DutJob::kSwitch, "the same, with preferred busy polling",
       make_testpmd_busy},
      {"xdpsock", DutKind::kPeer, DutJob::kSwitch, "xdpsock l2fwd of the kernel's samples",
       make_xdpsock},
      {"linux-bridge", DutKind::kKernel, DutJob::kSwitch, "Linux bridge", make_linux_bridge},
      {"linux-route", DutKind::kKernel, DutJob::kRoute, "Linux IPv4 routing", make_linux_route},
      {"xdp-redirect", DutKind::kCeiling, DutJob::kSwitch,
       "XDP program that redirects port to port, frames not looked at", make_xdp_redirect},
  };
  return types;
}

const DutType* find_dut_type(const std::string& name) {
  for (const DutType& type : dut_types()) {
    if (type.name == name) return &type;
  }
  return nullptr;
}

void address_router(TrafficSpec& traffic) {
  traffic.source_mac = {.first = *net::MacAddress::parse(ForwardRig::kGeneratorMac), .count = 1};
  traffic.destination_mac = {.first = *net::MacAddress::parse(ForwardRig::kInMac), .count = 1};
}

Status configure_router(const testbed::NetNamespace& where) {
  struct Side {
    const char *device, *address, *neighbour, *mac, *network;
  };
  constexpr Side kSides[] = {
      {ForwardRig::kIn, "10.0.1.1/24", "10.0.1.2", ForwardRig::kGeneratorMac, kSourceNetwork},
      {ForwardRig::kOut, "10.0.0.1/24", "10.0.0.2", ForwardRig::kSinkMac, kDestinationNetwork}};
  for (const Side& side : kSides) {
    for (const testbed::Words& words :
         {testbed::Words{"ip", "addr", "add", side.address, "dev", side.device},
          testbed::Words{"ip", "neigh", "add", side.neighbour, "lladdr", side.mac, "dev",
                         side.device, "nud", "permanent"},
          testbed::Words{"ip", "route", "add", side.network, "via", side.neighbour, "dev",
                         side.device}}) {
      if (Status done = where.do_run(words); !done) return done;
    }
  }
  return {};
}

Status wait_for_start(const std::string& what, uint64_t timeout_ms,
                      const std::function<bool()>& done, const std::function<Status()>& health) {
  constexpr std::chrono::milliseconds kPause{10};
  const uint64_t deadline_ns = monotonic_ns() + timeout_ms * kNsPerMs;
  while (monotonic_ns() < deadline_ns) {
    if (done()) return {};
    if (Status alive = health(); !alive) return alive;
    std::this_thread::sleep_for(kPause);
  }
  return fail(what, fmt::format("it was not ready within {} ms", timeout_ms));
}

Status ended_by_itself(const std::string& name, const testbed::ChildProcess& process) {
  constexpr size_t kLongest = 600;
  std::string said = process.log_tail(kLongest);
  if (said.size() == kLongest)
    said.erase(0, said.find('\n') + 1);  // begins in the middle of a line
  while (!said.empty() && said.back() == '\n') said.pop_back();
  for (size_t at = 0; (at = said.find('\n', at)) != std::string::npos;) said.replace(at, 1, "; ");
  return fail(fmt::format("cannot run {}", name),
              fmt::format("it has ended; its last words: {}", said.empty() ? "none" : said));
}

}  // namespace starocean::bench
