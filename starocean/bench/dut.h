// Devices under test: systems that take frames at in0 and give them out at out0, in a network namespace of
// their own. Each is tuned for that as its documentation advises; what was set is part of the report.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "starocean/base/result.h"
#include "starocean/bench/forward_results.h"
#include "starocean/bench/forward_rig.h"
#include "starocean/bench/forward_trial.h"

namespace starocean::bench {

// Where a device forwards.
struct DutSite {
  const ForwardRig& rig;
  Placement placement;
  std::string directory;  // for its files; removed afterwards
  uint32_t mtu = 1500;
  uint64_t macs = 2;   // that it will see
  uint32_t rings = 0;  // of starocean: entries of its receive and fill rings; 0: as they come
};

// Control thread.
class Dut {
 public:
  virtual ~Dut() = default;  // ends it

  // Returns when it forwards, or will do so by itself within seconds. An error says why it cannot, with what the
  // program itself said.
  virtual Status start(const DutSite& site) = 0;
  // Idempotent.
  virtual void stop() = 0;

  // An error when it has ended by itself, with its last words.
  virtual Status health() { return {}; }
  // Processes whose CPU time is its own. Empty: it is part of the kernel.
  virtual std::vector<pid_t> processes() const { return {}; }
  virtual DutCounts counts() { return {}; }
  // Changes what frames have to look like for it to forward them.
  virtual void adapt(TrafficSpec&) const {}
  // Frames come out where they went in, at in0, and are checked at gen0.
  virtual bool sends_back() const { return false; }
  // Whether it learns where addresses are.
  virtual bool learns() const { return false; }
  // Valid once start() has succeeded.
  virtual std::string version() const = 0;
  virtual Settings settings() const = 0;
};

struct DutType {
  const char* name;
  DutKind kind;
  DutJob job;
  const char* description;
  std::unique_ptr<Dut> (*make)();
};

// To compare two builds in one run; measured only when asked for.
inline constexpr const char* kOtherBuild = "starocean-other";

// All there are, in the order in which they are measured.
const std::vector<DutType>& dut_types();
const DutType* find_dut_type(const std::string& name);

// Each in a file of its own.
std::unique_ptr<Dut> make_starocean_adaptive();
std::unique_ptr<Dut> make_starocean_busy();
std::unique_ptr<Dut> make_starocean_other();  // the program at $STAROCEAN_OTHER
std::unique_ptr<Dut> make_starocean_route();
std::unique_ptr<Dut> make_testpmd();
std::unique_ptr<Dut> make_testpmd_busy();
std::unique_ptr<Dut> make_ovs();
std::unique_ptr<Dut> make_ovs_normal();
std::unique_ptr<Dut> make_ovs_route();
std::unique_ptr<Dut> make_xdpsock();
std::unique_ptr<Dut> make_linux_bridge();
std::unique_ptr<Dut> make_linux_route();
std::unique_ptr<Dut> make_xdp_redirect();

// What all routers have alike. Between the benchmark networks of TrafficSpec, sources and destinations, each behind a
// neighbour of the router: the generator's end of the wire, and the sink's.
inline constexpr const char* kSourceNetwork = "198.18.0.0/16";
inline constexpr const char* kDestinationNetwork = "198.19.0.0/16";
// Frames come from the neighbour, to the router's MAC address; IP addresses and ports stay.
void address_router(TrafficSpec& traffic);
// Gives Linux in that namespace addresses, neighbours (permanent) and a route to each of the networks. Forwarding is left
// as it is: off.
Status configure_router(const testbed::NetNamespace& where);

// Waits until `done` or until `health` is an error or the time is over.
Status wait_for_start(const std::string& what, uint64_t timeout_ms,
                      const std::function<bool()>& done, const std::function<Status()>& health);

// "cannot run NAME: it ended; it said: …"
Status ended_by_itself(const std::string& name, const testbed::ChildProcess& process);

}  // namespace starocean::bench
