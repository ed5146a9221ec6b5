// Routes of Linux that the data plane does not follow, or not quite, by name: for `problems`. Control thread.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "starocean/control/route_parse.h"

namespace starocean::control {

class RefusedRoutes {
 public:
  // So many are kept by name; the others are only counted while they come.
  static constexpr size_t kMaxNamed = 1024;

  // Notes what is wrong with a route, or that it is gone. True: leave the route out altogether.
  bool note(const RouteMessage& route);
  // A list of one family of one table: what is not noted before end_list() is forgotten.
  void begin_list() { ++generation_; }
  void end_list(uint32_t table, net::IpFamily family);
  void drop_table(uint32_t table);

  // One sentence for each sort: how many, an example, what becomes of them, the remedy.
  std::vector<std::string> problems() const;

 private:
  enum class Reason : uint8_t { kTos, kSourceSpecific, kEncap, kMtu };
  struct Key {
    uint32_t table;
    net::IpPrefix prefix;
    uint32_t metric;
    uint8_t tos;
    bool source_specific;
    auto operator<=>(const Key&) const = default;  // NOLINT(modernize-use-nullptr)
  };
  struct Note {
    Reason reason;
    uint64_t generation;
  };
  static std::string sentence(Reason reason, size_t count, const Key& example);

  std::map<Key, Note> notes_;
  uint64_t generation_ = 0;
  uint64_t unnamed_ = 0;
};

}  // namespace starocean::control
