#include "starocean/control/next_hop_objects.h"

#include <algorithm>

namespace starocean::control {
namespace {

constexpr uint32_t kMaxWeight = 256;  // table::NextHop

bool is_equal(const NextHopMessage& a, const NextHopMessage& b) {
  return a.blackhole == b.blackhole && a.fdb == b.fdb && a.hop == b.hop && a.members == b.members;
}

}  // namespace

void NextHopObjects::add_groups_of(uint32_t id, Changed& changed) const {
  for (const auto& [group, object] : objects_) {
    if (std::ranges::find(object.message.members, id, &NextHopMember::id) !=
        object.message.members.end()) {
      changed.push_back(group);
    }
  }
}

NextHopObjects::Changed NextHopObjects::apply(const NextHopMessage& message) {
  Changed changed;
  if (message.removed) {
    erase(message.id, changed);
    return changed;
  }
  const bool known = objects_.contains(message.id);
  Object& object = objects_[message.id];
  object.listed = true;
  if (known && is_equal(object.message, message)) return changed;
  object.message = message;
  ++generation_;
  changed.push_back(message.id);
  add_groups_of(message.id, changed);
  return changed;
}

// A group loses the member; if it was the last, the group goes as well.
void NextHopObjects::erase(uint32_t id, Changed& changed) {
  if (objects_.erase(id) == 0) return;
  ++generation_;
  changed.push_back(id);
  Changed groups;
  add_groups_of(id, groups);
  for (const uint32_t group : groups) {
    const auto found = objects_.find(group);
    if (found == objects_.end()) continue;
    auto& members = found->second.message.members;
    std::erase_if(members, [&](const NextHopMember& member) { return member.id == id; });
    if (members.empty()) {
      erase(group, changed);
    } else {
      changed.push_back(group);
    }
  }
}

NextHopObjects::Changed NextHopObjects::remove_of_device(uint32_t ifindex) {
  std::vector<uint32_t> ids;
  for (const auto& [id, object] : objects_) {
    if (object.message.hop.ifindex == ifindex && !object.message.blackhole) ids.push_back(id);
  }
  Changed changed;
  for (const uint32_t id : ids) erase(id, changed);
  return changed;
}

void NextHopObjects::begin_list() {
  for (auto& [id, object] : objects_) object.listed = false;
}

NextHopObjects::Changed NextHopObjects::end_list() {
  std::vector<uint32_t> ids;
  for (const auto& [id, object] : objects_) {
    if (!object.listed) ids.push_back(id);
  }
  Changed changed;
  for (const uint32_t id : ids) erase(id, changed);
  return changed;
}

bool NextHopObjects::is_blackhole(uint32_t id) const {
  const auto found = objects_.find(id);
  if (found == objects_.end()) return false;
  const NextHopMessage& object = found->second.message;
  // A blackhole may be the only member of a group (Linux net/ipv4/nexthop.c, nh_check_attr_group).
  if (object.members.size() != 1) return object.blackhole;
  const auto member = objects_.find(object.members[0].id);
  return member != objects_.end() && member->second.message.blackhole;
}

std::vector<RouteHop> NextHopObjects::resolve(uint32_t id) const {
  const auto found = objects_.find(id);
  if (found == objects_.end()) return {};
  const NextHopMessage& object = found->second.message;
  if (object.blackhole || object.fdb) return {};
  if (object.members.empty()) return {object.hop};
  uint32_t largest = 0;
  for (const NextHopMember& member : object.members) largest = std::max(largest, member.weight);
  std::vector<RouteHop> hops;
  for (const NextHopMember& member : object.members) {
    const auto single = objects_.find(member.id);  // a group is never a member of another
    if (single == objects_.end() || single->second.message.hop.ifindex == 0) continue;
    RouteHop hop = single->second.message.hop;
    hop.weight = largest <= kMaxWeight ? member.weight
                                       : static_cast<uint32_t>(std::max<uint64_t>(
                                             1, uint64_t{member.weight} * kMaxWeight / largest));
    hops.push_back(hop);
  }
  return hops;
}

}  // namespace starocean::control
