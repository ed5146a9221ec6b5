// Small integers that name things, one type per kind, so that a port is never passed for a worker.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace starocean {

// Tag only tells the types apart. `Rep` is the storage; the all-ones value means "none".
template <class Tag, class Rep>
class StrongId {
 public:
  using rep_type = Rep;

  constexpr StrongId() = default;
  explicit constexpr StrongId(Rep value) : value_(value) {}

  static constexpr StrongId none() { return StrongId(static_cast<Rep>(~Rep{0})); }
  constexpr bool valid() const { return *this != none(); }
  constexpr Rep value() const { return value_; }
  // For indexing arrays.
  constexpr size_t index() const { return value_; }
  constexpr auto operator<=>(const StrongId&) const = default;  // NOLINT(modernize-use-nullptr)

 private:
  Rep value_ = static_cast<Rep>(~Rep{0});
};

using PortId = StrongId<struct PortTag, uint16_t>;    // a logical interface of the data plane
using QueueId = StrongId<struct QueueTag, uint16_t>;  // a receive/transmit queue pair of one device
using WorkerId = StrongId<struct WorkerTag, uint16_t>;  // a worker thread
using BridgeId = StrongId<struct BridgeTag, uint16_t>;  // a learning domain
// What routes: an attached device, a VLAN of one, or a VLAN of a bridge.
using InterfaceId = StrongId<struct InterfaceTag, uint16_t>;

}  // namespace starocean

template <class Tag, class Rep>
struct std::hash<starocean::StrongId<Tag, Rep>> {
  size_t operator()(starocean::StrongId<Tag, Rep> id) const noexcept { return id.index(); }
};
