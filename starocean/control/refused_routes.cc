#include "starocean/control/refused_routes.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

namespace starocean::control {

bool RefusedRoutes::note(const RouteMessage& route) {
  std::optional<Reason> reason;
  bool leave_out = false;
  if (route.tos != 0 || route.source_specific) {
    reason = route.tos != 0 ? Reason::kTos : Reason::kSourceSpecific;
    leave_out = true;
  } else if (std::ranges::any_of(route.hops, &RouteHop::encap)) {
    reason = Reason::kEncap;
  } else if (route.mtu != 0) {
    reason = Reason::kMtu;
  }
  if (!reason && notes_.empty()) return false;  // nearly always
  const Key key{route.table, route.prefix, route.metric, route.tos, route.source_specific};
  if (!reason || route.removed) {
    notes_.erase(key);
  } else if (notes_.size() < kMaxNamed || notes_.contains(key)) {
    notes_[key] = {*reason, generation_};
  } else {
    ++unnamed_;
  }
  return leave_out;
}

void RefusedRoutes::end_list(uint32_t table, net::IpFamily family) {
  std::erase_if(notes_, [&](const auto& each) {
    return each.first.table == table && each.first.prefix.family == family &&
           each.second.generation != generation_;
  });
  if (notes_.empty()) unnamed_ = 0;
}

void RefusedRoutes::drop_table(uint32_t table) {
  std::erase_if(notes_, [&](const auto& each) { return each.first.table == table; });
}

std::string RefusedRoutes::sentence(Reason reason, size_t count, const Key& example) {
  const std::string what = fmt::format("{} route{} of Linux", count, count == 1 ? "" : "s");
  const std::string which =
      fmt::format("{} in table {}", example.prefix.to_string(), example.table);
  switch (reason) {
    case Reason::kTos:
      return fmt::format(
          "{} for a type of service, such as {} with tos {:#04x}: the data plane does not choose "
          "by it, and "
          "does not follow them; choose by `ip rule` and source address instead",
          what, which, example.tos);
    case Reason::kSourceSpecific:
      return fmt::format(
          "{} for certain sources only, such as {}: the data plane does not follow them; put them "
          "into a "
          "table of their own and choose it by `ip rule add from PREFIX lookup TABLE`",
          what, which);
    case Reason::kEncap:
      return fmt::format(
          "{} with an encapsulation, such as {}: the data plane leaves their packets to Linux, "
          "which "
          "forwards them at its own speed; route into a tunnel device instead",
          what, which);
    case Reason::kMtu:
      break;
  }
  return fmt::format(
      "{} with an MTU of their own, such as {}: the data plane goes by the interface's MTU; set "
      "that one "
      "with `ip link set dev DEVICE mtu N`",
      what, which);
}

std::vector<std::string> RefusedRoutes::problems() const {
  std::vector<std::string> sentences;
  for (const Reason reason :
       {Reason::kTos, Reason::kSourceSpecific, Reason::kEncap, Reason::kMtu}) {
    const auto is_so = [&](const auto& each) { return each.second.reason == reason; };
    const auto first = std::ranges::find_if(notes_, is_so);
    if (first == notes_.end()) continue;
    const auto count = static_cast<size_t>(std::ranges::count_if(notes_, is_so));
    sentences.push_back(sentence(reason, count, first->first));
  }
  if (unnamed_ > 0) {
    sentences.push_back(
        fmt::format("{} more such routes are not named, nor counted one by one: at most {} are; "
                    "remove those that are named",
                    unnamed_, kMaxNamed));
  }
  return sentences;
}

}  // namespace starocean::control
