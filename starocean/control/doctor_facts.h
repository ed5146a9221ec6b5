// What `starocean doctor` looks at: plain values, gathered once (doctor_host.cc, doctor_interface.cc) and
// judged by pure functions (doctor_judge.h). Nothing here has an opinion.
//
// An optional that is empty was not to be seen: not in this kernel, not from this network namespace, or
// not without privileges. It is never a guess.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "starocean/base/kernel_threads.h"
#include "starocean/xsk/device_settings.h"
#include "starocean/xsk/netdev_family.h"
#include "starocean/xsk/present_program.h"

namespace starocean::control::doctor {

// AF_XDP and what it learned over time, found out by asking a socket for it, not by the version.
struct KernelFeatures {
  std::optional<bool> af_xdp;            // Linux 4.18
  std::optional<bool> need_wakeup;       // 5.4
  std::optional<bool> prefer_busy_poll;  // 5.11
  std::optional<bool> multi_buffer;      // 6.6: XDP_USE_SG
  std::optional<bool> tx_metadata;       // 6.8
  std::optional<bool> tx_budget;         // 6.17: XDP_MAX_TX_SKB_BUDGET
  std::optional<bool> program_compiler;  // BPF programs are compiled, not interpreted
  std::optional<bool> netdev_family;     // 6.3: drivers report their XDP features
};

inline constexpr uint64_t kUnlimited = UINT64_MAX;

struct Limit {
  uint64_t soft = 0;  // bytes, or kUnlimited
  uint64_t hard = 0;
};

struct HugePagePool {
  uint64_t total = 0, free = 0, reserved = 0;
  uint64_t usable() const { return free - (reserved < free ? reserved : free); }
};

// A neighbour table (ARP, ND) of Linux; it is one for all network namespaces.
struct NeighbourTable {
  uint32_t entries = 0;
  uint32_t gc_thresh3 = 0;  // the most that it holds
};

struct HostFacts {
  std::string kernel_release;  // uname -r
  uint32_t kernel_major = 0, kernel_minor = 0;
  KernelFeatures kernel;
  uint32_t single_page_mtu = 0;  // the largest MTU of an XDP program without multi-buffer support
  std::optional<uint32_t> tick_hz;
  std::vector<int> online_cpus;
  std::vector<int> usable_cpus;    // those of them on which this process may run threads
  std::vector<int> isolated_cpus;  // isolcpus=
  std::map<std::string, std::vector<int>> governors;  // CPUs by cpufreq governor; empty: no cpufreq
  std::vector<int> irqbalance_pids;
  std::vector<KernelThread> kernel_threads;  // that can be placed
  std::optional<HugePagePool> pages_2m;
  std::optional<HugePagePool> pages_1g;
  uint64_t memory_available_bytes = 0;
  Limit memlock;
  Limit stack;
  std::vector<std::string> missing_capabilities;
  bool may_lock_memory = false;    // CAP_IPC_LOCK
  bool may_gain_lock = false;      // CAP_IPC_LOCK, if the program's file had it
  bool may_lift_limits = false;    // CAP_SYS_RESOURCE
  bool may_load_programs = false;  // CAP_BPF and CAP_NET_ADMIN, or CAP_SYS_ADMIN
  std::optional<NeighbourTable> neighbours_v4;
  std::optional<NeighbourTable> neighbours_v6;
  bool sees_bpf_settings = false;  // net.core.bpf_jit_enable: only in the first network namespace
  std::string program_path;        // of this program
  int parent_pid = 0;              // usually a shell
};

// An attempt to do something with the interface.
struct Attempt {
  enum class Outcome : uint8_t { kNotTried, kGranted, kRefused };
  Outcome outcome = Outcome::kNotTried;
  std::string reason;  // kRefused: why, in a sentence

  bool granted() const { return outcome == Outcome::kGranted; }
  bool refused() const { return outcome == Outcome::kRefused; }
};

// The steering program attached without sockets in its map, so that every packet goes on to Linux, and
// AF_XDP sockets bound to queue 0; all removed again.
struct Trial {
  std::string skipped;  // why nothing was tried; empty if it was
  Attempt native;       // XDP in the driver
  Attempt fragments;    // the same with a program for packets of several frames
  Attempt generic;      // XDP in the network stack; tried only if native is refused
  Attempt zero_copy;
  Attempt copy;
  Attempt multi_buffer;  // a socket for packets of several frames, in the best mode granted
  uint32_t napi_id = 0;  // of the zero-copy socket: what busy polling would poll
};

struct IrqFacts {
  uint32_t number = 0;
  std::string name;                  // as in /proc/interrupts
  std::vector<int> allowed_cpus;     // smp_affinity_list
  std::vector<int> effective_cpus;   // effective_affinity_list
  std::optional<uint32_t> rx_queue;  // if the driver says so
};

// The other end of a veth.
struct PeerFacts {
  std::string name;
  uint32_t mtu = 0;
  bool has_program = false;
  bool has_vlan_devices = false;  // on top of it
  xsk::Offloads offloads;
  // What has to stand before a command for it: "" in this network namespace, else
  // "ip netns exec NAME " or "nsenter --net=/proc/PID/ns/net ".
  std::string command_prefix;
  std::string place;  // "" in this network namespace, else "namespace NAME"
};

struct InterfaceFacts {
  std::string name;
  bool exists = false;
  std::string problem;  // what could not be asked, and why
  uint32_t ifindex = 0;
  std::string kind;    // as LinkInfo::kind
  std::string driver;  // "" if the device has none
  bool up = false, carrier = false;
  uint32_t mtu = 0;
  std::string master;              // the bridge or bond that it belongs to
  bool has_address = false;        // other than link-local
  bool has_vlan_devices = false;   // on top of it
  bool has_default_route = false;  // Linux reaches the world through it
  uint32_t rx_queues = 0, tx_queues = 0;
  std::optional<xsk::Channels> channels;
  std::optional<xsk::PresentProgram> program;
  std::optional<xsk::XdpReport> report;
  std::vector<xsk::QueueReport> queues;
  Trial trial;
  xsk::Offloads offloads;
  std::optional<xsk::DeviceRings> rings;
  std::optional<xsk::Coalescing> coalescing;
  std::vector<IrqFacts> irqs;
  std::map<std::string, std::string>
      steering_masks;                       // "rx-0/rps_cpus" → "3"; those that are not zero
  std::optional<uint32_t> defer_hard_irqs;  // napi_defer_hard_irqs
  std::optional<uint64_t> gro_flush_timeout_ns;
  std::optional<PeerFacts> peer;  // veth only

  bool is_veth() const { return kind == "veth"; }
};

}  // namespace starocean::control::doctor
