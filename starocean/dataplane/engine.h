// The data plane as a whole: packet memory, workers, ports, bridges. It owns everything that the workers
// use, compiles it into snapshots, publishes them, and takes back what no worker uses any more.
//
// One control thread calls all of it (the daemon serialises). A call that changes something returns when
// the change is live on every worker. Nothing here is on the packet path, but service() feeds it:
// punted packets and reports of MAC moves come from the workers through rings.
//
//   auto engine = Engine::create(options);
//   PortId lan1 = *engine->add_port({.name = "lan1", .device = "lan1"});
//   engine->attach(lan1, link_state);                     now it receives
//   engine->set_bridges({{.name = "office", .members = {lan1, lan2}}});
//   loop: poll(engine->event_fd(), 250 ms); engine->service(now_ms);
//   engine->drain(); engine->shut_down();
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "starocean/base/result.h"
#include "starocean/dataplane/attached_port.h"
#include "starocean/dataplane/linux_taps.h"
#include "starocean/dataplane/loop_detector.h"
#include "starocean/dataplane/worker.h"
#include "starocean/xsk/left_programs.h"
#include "starocean/xsk/punt.h"

namespace starocean::dataplane {

struct EngineOptions {
  xsk::UmemOptions memory;
  std::vector<int> cpus;  // a worker for each, pinned; empty: one worker, not pinned
  PollMode poll = PollMode::kAdaptive;
  // Where the programs are noted that this process, or an earlier one, leaves on devices; empty: nowhere.
  std::string left_programs_path = {};
  // When the process ends, in whatever way, nothing passes its ports until another one runs: their programs
  // stay. Needs left_programs_path.
  bool block_on_exit = false;
};

// An address that is never learned, moved or aged.
struct StaticStation {
  uint64_t mac = 0;  // net::MacAddress::as_u64()
  PortId port;
  uint16_t vlan = kNoVlan;  // of VLAN-aware bridges
};

struct BridgeOptions {
  std::string name;
  uint32_t aging_ms = 300'000;
  uint32_t mac_limit = 16384;
  std::vector<PortId> members = {};
  std::vector<StaticStation> static_macs = {};
  std::shared_ptr<const BridgeRules> rules = nullptr;  // names the same members; null: none
};

// Everything that routes, or that Linux has a TAP device for.
struct Routing {
  std::vector<RoutedInterface> interfaces;
  std::vector<Vrf> vrfs;
  uint32_t icmp_errors_per_s = 1000;  // of each worker; 0: no limit
};

// Where the frames are; total = all the others added up, once traffic stands still.
struct FrameCensus {
  uint64_t total = 0, depot = 0, pools = 0, in_rx = 0, in_tx = 0, in_flight = 0, punting = 0;
};

class Engine {
 public:
  static Result<std::unique_ptr<Engine>> create(const EngineOptions& options);
  // The packet memory that create() makes: options.memory in whole slabs, with room for all arrays.
  static xsk::UmemOptions packet_memory(const EngineOptions& options);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // --- Ports. A port is a name; it is attached while its device is there. ---
  // A name that was there before gets its number back, and its counters go on.
  Result<PortId> add_port(const PortOptions& options);
  // Detaches, and forgets the port, which is in no bridge any more. Nothing else gets its number while
  // the process lives, and what it has counted stays in removed_counters().
  void remove_port(PortId port);
  // Of a port that is not attached; it stays in its bridge. The name stays.
  void set_port_options(PortId port, const PortOptions& options);
  Status attach(PortId port, const LinkState& link, Patience patience = Patience::kForTearDown);
  void detach(PortId port);
  // The device's state may have changed. An MTU that the port cannot carry as attached, or another number
  // of receive queues, fails: attach anew.
  Status update_link(PortId port, const LinkState& link);

  // Replaces all bridges. A port may be in one only (the caller has checked). A bridge that stays, by
  // name, keeps its number, and with its mac_limit what it has learned; static entries that stay are
  // there all the time. Loops are told anew.
  void set_bridges(const std::vector<BridgeOptions>& bridges);

  // --- Routing (engine_routing.cc) ---
  // Written by this thread, read by the workers at once.
  table::Fib& fib() { return *fib_; }
  // The number of a routed interface: one for each name, for the life of the process.
  InterfaceId interface_number(const std::string& name);
  // Makes or adopts the TAP device of that name, for the routed interface of that name. `mac`: none keeps
  // what it has. Its counters go on under that name, like a port's.
  Status add_tap(const std::string& name, std::optional<std::array<uint8_t, 6>> mac);
  // With `keep` it stays, without carrier, as when the process ends.
  void remove_tap(const std::string& name, bool keep);
  // Replaces all routed interfaces and VRFs; the programs of the ports are told what to take. A port that
  // is neither in a bridge nor routes is left to Linux.
  void set_routing(Routing routing);
  const Routing& routing() const { return routing_; }
  // Linux's own addresses: the programs leave what is for them to Linux. Part of the next publication.
  void set_local_addresses(std::set<net::Ipv6Address> addresses);

  // --- Running ---
  Status start_workers();
  // Readable when service() has something to do before its next regular call.
  int event_fd() const { return event_fd_; }
  // Gives punted packets to Linux, ages the MAC table, watches for loops. Call at least every 250 ms.
  void service(uint64_t now_ms);
  // Once every port that there is to be is attached: devices that an earlier process left blocked, and that
  // are none of them, are Linux's again.
  Status release_left();
  // Detaches all programs (with block_on_exit leaves them, and nothing passes from now on), and waits until
  // what was received has been sent; bounded.
  void drain();
  // Stops the workers and closes all sockets. Afterwards every frame is in the depot or a pool.
  void shut_down();
  // Called when a packet waits for a neighbour: Linux is to be asked for it.
  std::function<void(const NeighbourRequest&)> on_neighbour_wanted;
  // Called on a new loop.
  std::function<void(const LoopDetector::Loop&)> on_loop;

  // --- Reading ---
  struct PortView {
    PortId id;
    const PortOptions& options;
    const AttachedPort* attached;  // null while detached
    const LinkState& link;
    BridgeId bridge;
    PortCounters::Values counters;
  };
  std::vector<PortView> ports() const;
  // Empty when there is no such port.
  std::string port_name(PortId port) const;
  // What Linux has for VLANs of bridges and of devices (add_tap()): by name, what came from there and was sent on.
  struct TapView {
    std::string name;
    PortCounters::Values counters;
  };
  std::vector<TapView> taps() const;
  // Of all ports and TAP devices that have been removed, added up.
  PortCounters::Values removed_counters() const;
  const std::vector<std::unique_ptr<Worker>>& workers() const { return workers_; }
  struct BridgeState {
    BridgeOptions options;
    std::shared_ptr<BridgeMacs> macs;
  };
  const std::map<BridgeId, BridgeState>& bridges() const { return bridges_; }
  // None when there is no such bridge.
  BridgeId bridge_of(const std::string& name) const;
  // Empty when there is no such bridge (any more).
  std::string bridge_name(BridgeId bridge) const;
  // Queue counters over the life of the port, re-attachments included.
  QueueCounters::Values queue_counters(const PortQueue& queue) const;
  FrameCensus census() const;
  std::vector<LoopDetector::Loop> loops() const { return loop_detector_.loops(); }
  // Who has asked for what, in the bridges that snoop.
  const SnoopingState& snooping() const { return snooping_state_; }
  const xsk::Umem& umem() const { return *umem_; }
  uint64_t generation() const { return generation_; }
  // As the workers see it now; for this thread, until the next change.
  const Snapshot& snapshot() const { return *snapshots_->current(); }
  const SnoopingTables* snooping_tables() const { return snooping_->current(); }
  uint32_t frames_to_worker(WorkerId worker) const { return mesh_->frames_to(worker); }
  // Why no worker can transmit by XDP_REDIRECT; empty when it can, or has not been tried.
  const std::string& redirect_problem() const { return redirect_problem_; }
  // Why nothing can be given back to Linux; empty when it can.
  const std::string& punt_problem() const { return punt_problem_; }

 private:
  friend struct EngineTestAccess;  // engine_test.cc plays a worker

  struct PortState {
    PortId id;
    PortOptions options;
    LinkState link;
    BridgeId bridge;
    bool can_punt = false;
    bool is_new = true;  // set_routing() has not been called since add_port()
    std::unique_ptr<AttachedPort> attached;
  };

  explicit Engine(const EngineOptions& options) : options_(options) {}
  Status build();
  Status watch(int fd);
  std::vector<WorkerId> queue_owners(PortId port, uint32_t queues) const;
  void publish();
  uint64_t frames_needed() const;
  Port compile_port(const PortState& state) const;
  void close_port(PortState& state);
  void release_device(uint32_t ifindex);
  Result<PortId> port_number(const std::string& name);
  void compile_routing(Snapshot& next) const;
  std::pair<xsk::ClaimMode, xsk::RouteFilter> steering_of(const PortState& state) const;
  void steer_ports();
  void deliver(std::span<const HandoffItem> items);
  void offer_first_lanes(PortState& state);
  void offer_lanes(Worker& worker);
  void offer_lanes(Worker& worker, PortState& state);
  xsk::XdpTransmitter* transmitter_for(Worker& worker);
  void tell_programs(const net::Ipv6Address& address, bool local);
  PortCounters::Values port_counters(PortId port) const;
  void punt_from_workers();
  void drop_handoffs();
  void punt_batch(std::span<HandoffItem> items);
  void watch_moves(uint64_t now_ms);
  void pass_on_neighbour_requests();
  void watch_groups(uint64_t now_ms);
  void age_macs(uint64_t now_ms);
  void flush_port(PortId port);
  BridgeId free_bridge_id(const std::map<BridgeId, BridgeState>& taken) const;
  void update_macs(BridgeId id, const BridgeOptions& before);
  void forget_moves();
  uint64_t packets_moved() const;

  EngineOptions options_;
  std::unique_ptr<xsk::LeftPrograms> left_;  // before the ports, whose programs are noted there
  std::unique_ptr<xsk::Umem> umem_;
  std::unique_ptr<xsk::FrameDepot> depot_;
  std::unique_ptr<xsk::FramePool> control_pool_;
  std::vector<std::unique_ptr<xsk::FramePool>> pools_;
  std::unique_ptr<HandoffMesh> mesh_;
  std::unique_ptr<MacMoveRing> mac_moves_;
  std::unique_ptr<GroupEventRing> group_events_;
  std::unique_ptr<NeighbourRequestRing> neighbour_requests_;
  std::unique_ptr<ring::Qsbr> qsbr_;
  std::unique_ptr<ring::SnapshotPublisher<Snapshot>> snapshots_;
  std::unique_ptr<ring::SnapshotPublisher<SnoopingTables>> snooping_;
  std::map<PortId, PortState> ports_;
  std::map<std::string, PortId> names_;  // of all ports that there ever were
  std::map<std::pair<PortId, uint16_t>, QueueCounters::Values> past_queues_;  // of closed sockets
  std::map<BridgeId, BridgeState> bridges_;
  // By worker, where one has asked for it; they outlive the workers' threads.
  std::vector<std::unique_ptr<xsk::XdpTransmitter>> transmitters_;
  std::string redirect_problem_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::unique_ptr<table::Fib> fib_;
  Routing routing_;
  std::map<std::string, InterfaceId> interface_numbers_;  // of all that there ever were
  std::set<net::Ipv6Address> local_;
  std::unique_ptr<LinuxTaps> taps_;
  std::map<std::string, PortId> tap_accounts_;  // of those that there are, by name
  int event_fd_ = -1;                           // epoll: the doorbell and the TAP devices
  std::optional<xsk::Punt> punt_;
  std::string punt_problem_;
  std::unique_ptr<PortCounters[]> control_counters_;  // what this thread does to packets
  LoopDetector loop_detector_;
  SnoopingState snooping_state_;
  uint64_t next_expiry_ms_ = 0;  // of what was snooped
  uint64_t generation_ = 0;
  uint64_t punting_ = 0;
  uint64_t next_aging_ms_ = 0;
};

}  // namespace starocean::dataplane
