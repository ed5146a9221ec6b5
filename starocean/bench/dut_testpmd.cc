// DPDK's testpmd on the AF_XDP driver (net_af_xdp): frames go from port to port without being looked at.
#include <algorithm>
#include <fstream>
#include <sstream>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "starocean/bench/dut.h"

namespace starocean::bench {
namespace {

constexpr const char* kProgram = "dpdk-testpmd";
constexpr uint64_t kStartMs = 30'000;
constexpr uint64_t kMegabytes = 128;  // of packet memory
constexpr uint32_t kBusyBudget = 64;  // the driver's default

// Pages of the default size, in megabytes.
uint64_t free_huge_megabytes() {
  std::ifstream file("/proc/meminfo");
  uint64_t pages = 0, page_kilobytes = 0;
  for (std::string line; std::getline(file, line);) {
    std::istringstream fields(line);
    std::string key;
    uint64_t value = 0;
    fields >> key >> value;
    if (key == "HugePages_Free:") pages = value;
    if (key == "HugePages_Rsvd:") pages -= std::min(pages, value);
    if (key == "Hugepagesize:") page_kilobytes = value;
  }
  return pages * page_kilobytes / 1024;
}

// With busy polling, as the driver has it by default, frames are received on the forwarder's CPU, in its system
// calls; without, on the CPU where they arrive.
class Testpmd : public Dut {
 public:
  explicit Testpmd(bool busy) : busy_(busy) {}
  Status start(const DutSite& site) override;
  void stop() override { process_.stop(); }
  Status health() override {
    return process_.running() ? Status{} : ended_by_itself(kProgram, process_);
  }
  std::vector<pid_t> processes() const override { return {process_.pid()}; }
  std::string version() const override { return version_; }
  Settings settings() const override { return settings_; }

 private:
  void read_version();

  bool busy_;
  testbed::ChildProcess process_;
  std::string version_ = "unknown";
  Settings settings_;
};

std::string device_option(int number, const char* device, uint32_t busy_budget) {
  return fmt::format("--vdev=net_af_xdp{},iface={},start_queue=0,queue_count=1,busy_budget={}",
                     number, device, busy_budget);
}

// What DPDK's page on the driver advises with preferred busy polling ("Limitations" in its AF_XDP chapter).
Status defer_interrupts(const testbed::NetNamespace& where, const char* device) {
  return where.do_run({"sh", "-c",
                       fmt::format("echo 2 > /sys/class/net/{}/napi_defer_hard_irqs && "
                                   "echo 200000 > /sys/class/net/{}/gro_flush_timeout",
                                   device, device)});
}

Status Testpmd::start(const DutSite& site) {
  if (!testbed::is_installed(kProgram)) {
    return fail(fmt::format("cannot run {}", kProgram), "it is not installed",
                "apt-get install dpdk-dev", ENOENT);
  }
  const uint32_t busy_budget = busy_ ? kBusyBudget : 0;
  for (const char* device : {ForwardRig::kIn, ForwardRig::kOut}) {
    if (!busy_) break;
    if (Status set = defer_interrupts(site.rig.device(), device); !set) return set;
  }
  const bool huge = free_huge_megabytes() >= kMegabytes;
  // The first lcore only waits; the second forwards.
  testbed::Words words = {
      kProgram,
      "-v",
      "--no-pci",
      "--no-telemetry",
      huge ? "--in-memory" : "--no-huge",
      "-m",
      fmt::to_string(kMegabytes),
      fmt::format("--lcores=0@{},1@{}", site.placement.generator_cpu, site.placement.forwarder_cpu),
      device_option(0, ForwardRig::kIn, busy_budget),
      device_option(1, ForwardRig::kOut, busy_budget),
      "--",
      "--forward-mode=io",
      "--nb-cores=1",
      "--stats-period=86400"};
  const testbed::Words tuning = {"--burst=64", "--txd=2048", "--rxd=4096",
                                 "--total-num-mbufs=16384"};
  words.insert(words.end(), tuning.begin(), tuning.end());
  auto process = testbed::ChildProcess::start(
      words, site.directory + "/testpmd.log",
      {.netns_fd = site.rig.device().fd(), .environment = {{"RUNTIME_DIRECTORY", site.directory}}});
  if (!process) return fail(process.error());
  process_ = std::move(*process);
  const auto forwards = [this] {
    return process_.log_tail(100'000).find("packet forwarding") != std::string::npos;
  };
  Status ready =
      wait_for_start("cannot start testpmd", kStartMs, forwards, [this] { return health(); });
  read_version();
  settings_ = {{"driver", fmt::format("net_af_xdp, busy_budget {}", busy_budget)},
               {"options", fmt::format("{}", fmt::join(tuning, " "))},
               {"huge pages", huge ? "yes" : "no"}};
  return ready;
}

void Testpmd::read_version() {
  const std::string log = process_.log_tail(100'000);
  constexpr const char* kLabel = "RTE Version: '";
  const size_t begin = log.find(kLabel);
  if (begin == std::string::npos) return;
  const size_t from = begin + std::string(kLabel).size();
  version_ = log.substr(from, log.find('\'', from) - from);
}

}  // namespace

std::unique_ptr<Dut> make_testpmd() {
  return std::make_unique<Testpmd>(false);
}
std::unique_ptr<Dut> make_testpmd_busy() {
  return std::make_unique<Testpmd>(true);
}

}  // namespace starocean::bench
