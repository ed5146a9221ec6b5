#include "starocean/control/doctor_host.h"

#include <dirent.h>
#include <libmnl/libmnl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <thread>

#include <fmt/format.h>

#include "starocean/control/doctor_kernel.h"
#include "starocean/control/doctor_sysfs.h"
#include "starocean/control/privileges.h"
#include "starocean/xsk/netlink_attributes.h"
#include "starocean/xsk/netlink_query.h"
#include "starocean/xsk/steering_attach.h"

namespace starocean::control::doctor {
namespace {

constexpr const char* kCpus = "/sys/devices/system/cpu";
constexpr const char* kHugePages = "/sys/kernel/mm/hugepages";

// CLOCK_MONOTONIC_COARSE advances once a timer tick, and its resolution is the length of one
// (kernel/time/posix-timers.c, posix_get_coarse_res): CONFIG_HZ without the kernel's configuration file.
std::optional<uint32_t> tick_hz() {
  timespec resolution{};
  if (clock_getres(CLOCK_MONOTONIC_COARSE, &resolution) != 0 || resolution.tv_sec != 0 ||
      resolution.tv_nsec <= 0) {
    return std::nullopt;
  }
  return static_cast<uint32_t>(std::lround(1e9 / static_cast<double>(resolution.tv_nsec)));
}

// The cpuset of this process's control group decides, whatever the affinity of this thread is: asked for all
// CPUs, a thread gets those that it may have (sched_setaffinity(2)). One of its own, which then ends.
std::vector<int> usable_cpus(const std::vector<int>& online) {
  std::vector<int> usable;
  if (online.empty()) return usable;
  const auto count = static_cast<size_t>(online.back()) + 1;
  const size_t bytes = CPU_ALLOC_SIZE(count);
  cpu_set_t* const set = CPU_ALLOC(count);
  if (set == nullptr) return usable;
  CPU_ZERO_S(bytes, set);
  for (const int cpu : online) CPU_SET_S(static_cast<size_t>(cpu), bytes, set);
  std::thread([&] {
    if (pthread_setaffinity_np(pthread_self(), bytes, set) != 0 ||
        pthread_getaffinity_np(pthread_self(), bytes, set) != 0) {
      CPU_ZERO_S(bytes, set);
    }
  }).join();
  for (const int cpu : online) {
    if (CPU_ISSET_S(static_cast<size_t>(cpu), bytes, set)) usable.push_back(cpu);
  }
  CPU_FREE(set);
  return usable;
}

std::map<std::string, std::vector<int>> governors(const std::vector<int>& cpus) {
  std::map<std::string, std::vector<int>> found;
  for (const int cpu : cpus) {
    const auto name = read_text(fmt::format("{}/cpu{}/cpufreq/scaling_governor", kCpus, cpu));
    if (name) found[*name].push_back(cpu);
  }
  return found;
}

// Processes of this PID namespace that call themselves `name`.
std::vector<int> processes_named(const std::string& name) {
  std::vector<int> found;
  DIR* const directory = opendir("/proc");
  if (directory == nullptr) return found;
  while (const dirent* const entry = readdir(directory)) {
    const int pid = std::atoi(entry->d_name);
    if (pid > 0 && read_text(fmt::format("/proc/{}/comm", pid)) == name) found.push_back(pid);
  }
  closedir(directory);
  return found;
}

std::optional<HugePagePool> huge_pages(uint32_t kilobytes) {
  const std::string folder = fmt::format("{}/hugepages-{}kB/", kHugePages, kilobytes);
  const auto total = read_number(folder + "nr_hugepages");
  const auto free = read_number(folder + "free_hugepages");
  const auto reserved = read_number(folder + "resv_hugepages");
  if (!total || !free || !reserved) return std::nullopt;
  return HugePagePool{*total, *free, *reserved};
}

uint64_t memory_available_bytes() {
  const std::string text = read_text("/proc/meminfo").value_or("");
  const size_t line = text.find("MemAvailable:");
  if (line == std::string::npos) return 0;
  return std::strtoull(text.c_str() + line + std::strlen("MemAvailable:"), nullptr, 10) * 1024;
}

Limit limit_of(decltype(RLIMIT_STACK) resource) {
  rlimit now{};
  if (getrlimit(resource, &now) != 0) return {};
  const auto bytes = [](rlim_t value) { return value == RLIM_INFINITY ? kUnlimited : value; };
  return {bytes(now.rlim_cur), bytes(now.rlim_max)};
}

void read_neighbour_tables(HostFacts& facts) {
  alignas(nlmsghdr) std::array<char, 64> buffer{};
  nlmsghdr* const request = mnl_nlmsg_put_header(buffer.data());
  request->nlmsg_type = RTM_GETNEIGHTBL;
  request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  mnl_nlmsg_put_extra_header(request, sizeof(ndtmsg));
  xsk::netlink_query(NETLINK_ROUTE, request, [&](const nlmsghdr* message) {
    // The tables themselves, not the parameters of each device, carry a configuration.
    std::optional<NeighbourTable> table;
    uint32_t thresh3 = 0;
    std::string name;
    xsk::each_attribute_of(message, sizeof(ndtmsg), [&](uint16_t type, const nlattr* attribute) {
      const size_t length = mnl_attr_get_payload_len(attribute);
      const char* const payload = static_cast<const char*>(mnl_attr_get_payload(attribute));
      if (type == NDTA_NAME) name.assign(payload, strnlen(payload, length));
      if (type == NDTA_THRESH3 && length >= sizeof thresh3) thresh3 = mnl_attr_get_u32(attribute);
      if (type == NDTA_CONFIG && length >= sizeof(ndt_config)) {
        ndt_config config{};
        std::memcpy(&config, payload, sizeof config);
        table.emplace().entries = config.ndtc_entries;
      }
    });
    if (!table) return;
    table->gc_thresh3 = thresh3;
    if (name == "arp_cache") facts.neighbours_v4 = table;
    if (name == "ndisc_cache") facts.neighbours_v6 = table;
  });
}

void read_process(HostFacts& facts) {
  facts.memlock = limit_of(RLIMIT_MEMLOCK);
  facts.stack = limit_of(RLIMIT_STACK);
  facts.missing_capabilities = missing_capabilities();
  facts.may_lock_memory = has_capability(CAP_IPC_LOCK);
  facts.may_gain_lock = geteuid() != 0 && cap_get_bound(CAP_IPC_LOCK) == 1 &&
                        prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0;
  facts.may_lift_limits = has_capability(CAP_SYS_RESOURCE);
  facts.may_load_programs =
      has_capability(CAP_SYS_ADMIN) || (has_capability(CAP_BPF) && has_capability(CAP_NET_ADMIN));
  facts.parent_pid = getppid();
  std::array<char, 4096> path{};
  const ssize_t length = readlink("/proc/self/exe", path.data(), path.size() - 1);
  facts.program_path = length > 0 ? path.data() : "starocean";
}

}  // namespace

HostFacts gather_host() {
  HostFacts facts;
  utsname system{};
  uname(&system);
  facts.kernel_release = system.release;
  std::sscanf(system.release, "%u.%u", &facts.kernel_major, &facts.kernel_minor);
  facts.kernel = probe_kernel();
  facts.kernel.program_compiler = xsk::compiles_programs();
  const auto report = xsk::xdp_report(1);
  if (report) facts.kernel.netdev_family = report->has_value();
  facts.single_page_mtu = xsk::steering::largest_single_page_mtu();
  facts.tick_hz = tick_hz();
  facts.online_cpus = parse_list(read_text(fmt::format("{}/online", kCpus)).value_or(""));
  facts.usable_cpus = usable_cpus(facts.online_cpus);
  facts.isolated_cpus = parse_list(read_text(fmt::format("{}/isolated", kCpus)).value_or(""));
  facts.governors = governors(facts.online_cpus);
  facts.irqbalance_pids = processes_named("irqbalance");
  facts.kernel_threads = movable_kernel_threads();
  facts.pages_2m = huge_pages(2048);
  facts.pages_1g = huge_pages(1u << 20);
  facts.memory_available_bytes = memory_available_bytes();
  facts.sees_bpf_settings = access("/proc/sys/net/core/bpf_jit_enable", F_OK) == 0;
  read_process(facts);
  read_neighbour_tables(facts);
  return facts;
}

}  // namespace starocean::control::doctor
