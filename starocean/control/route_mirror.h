// The netlink mirror: Linux is the control plane, and the forwarding information follows it. Links, addresses,
// neighbours, routes of both families, next-hop objects and groups, and `ip rule`s of the network namespace in which
// it is opened; `ip route`, FRR and BIRD then drive the data plane unchanged.
//
//   auto mirror = RouteMirror::open(fib, {.tables = {254, 255}});
//   poll on mirror->fds(); then, and as long as it returns true:
//   while (mirror->service()) { … whatever else the control thread has to do … }
//   if (mirror->interfaces().generation() != seen || mirror->rules_generation() != …) → compile a new snapshot
//   resolve() for each neighbour that a packet waits for; keep_alive_used() once a second
//
// What it follows by itself: news, at once; then the effects of which the kernel tells nothing (an IPv4 route goes
// in silence with its device, its carrier or its source address; so does a next-hop object), computed at once and
// confirmed by a list of that device's routes; and lists of everything at the start and whenever the kernel had to
// throw news away (ENOBUFS). Lists only change what is different: forwarding never has a gap.
//
// Refused aloud, in problems(): routes by TOS, by source (IPv6 subtrees), rules with other selectors than incoming
// interface and source. Not mirrored: multicast routes, per-route metrics, IPv6 exceptions.
//
// Control thread only.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "starocean/base/result.h"
#include "starocean/control/interface_mirror.h"
#include "starocean/control/neighbour_mirror.h"
#include "starocean/control/rule_parse.h"
#include "starocean/table/fib.h"

namespace starocean::control {

class RouteMirror {
 public:
  struct Options {
    std::vector<uint32_t> tables;  // Linux's numbers; 254: main, 255: local
    // Room for news not yet read, kernel memory only while it is used. A message takes about 1.3 kB.
    int receive_buffer_bytes = 32 << 20;
  };
  struct Stats {
    uint64_t news = 0;       // messages
    uint64_t lists = 0;      // made to the end
    uint64_t repeated = 0;   // made again, because something changed meanwhile
    uint64_t lost_news = 0;  // times that the kernel threw news away: everything is listed again
    size_t routes4 = 0, routes6 = 0, next_hop_objects = 0, neighbours = 0;
    size_t memory_bytes = 0;  // of the mirror, without the Fib
  };

  // Subscribes and asks for everything; service() does the work. `fib` outlives it.
  static Result<RouteMirror> open(table::Fib& fib, const Options& options);
  RouteMirror(RouteMirror&&) noexcept;
  RouteMirror& operator=(RouteMirror&&) noexcept;
  ~RouteMirror();  // leaves the Fib as it is

  // Another table to follow; it fills by service(). Following it already is no error.
  Status add_table(uint32_t linux_table);
  // Forgets it; removes it from the Fib, which waits for a grace period.
  void remove_table(uint32_t linux_table);

  // When one is readable, service() has something to do.
  std::array<int, 2> fds() const;
  // A bounded piece of work: about `budget` messages, and as many routes visited. True: there is more to do at once.
  bool service(size_t budget = 2048);
  // Everything that the kernel had told or listed at the last call of service() is in the Fib.
  bool synchronised() const;
  // Lists everything again, beside what goes on.
  void resynchronise();

  const InterfaceMirror& interfaces() const;
  // Those in force, of one family, in order; refused ones are among them.
  std::vector<Rule> rules(net::IpFamily family) const;
  // Another number after each change of a rule.
  uint64_t rules_generation() const;

  // Asks Linux for a neighbour; see NeighbourMirror.
  bool resolve(uint32_t ifindex, const net::Ipv6Address& address, uint64_t now_ns);
  // For each neighbour that the data plane has used since the last call (Fib::take_used).
  void keep_alive_used(uint64_t now_ns);
  const NeighbourMirror::Stats& neighbour_stats() const;

  // What of Linux's routing the data plane does not follow; each a sentence with a remedy. Empty: nothing.
  std::vector<std::string> problems() const;
  Stats stats() const;

 private:
  class Impl;
  explicit RouteMirror(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace starocean::control
