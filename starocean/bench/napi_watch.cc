#include "starocean/bench/napi_watch.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <net/if.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include <fmt/format.h>

#include "bpf/napi_watch.h"
#include "bpf/napi_watch.skel.h"
#include "starocean/bench/bpf_maps.h"
#include "starocean/xsk/steering_log.h"

namespace starocean::bench {
namespace {

constexpr const char* kWhat = "cannot watch where frames are received";

struct DestroySkeleton {
  void operator()(napi_watch_bpf* skeleton) const { napi_watch_bpf__destroy(skeleton); }
};

Result<napi_watch_device> identify(const testbed::WireEnd& end) {
  const auto inside = end.where.enter();
  struct stat status {};
  napi_watch_device device{};
  device.ifindex = if_nametoindex(end.device.c_str());
  if (device.ifindex == 0) return fail(kWhat, fmt::format("there is no device {}", end.device));
  if (stat("/proc/thread-self/ns/net", &status) != 0) return fail_system(kWhat, errno);
  device.net_inum = static_cast<uint32_t>(status.st_ino);
  return device;
}

}  // namespace

struct NapiWatch::State {
  std::unique_ptr<napi_watch_bpf, DestroySkeleton> skeleton;
  MappedArray counts;
};

NapiWatch::NapiWatch(std::unique_ptr<State> state) : state_(std::move(state)) {}
NapiWatch::NapiWatch(NapiWatch&&) noexcept = default;
NapiWatch& NapiWatch::operator=(NapiWatch&&) noexcept = default;
NapiWatch::~NapiWatch() = default;

Result<NapiWatch> NapiWatch::create(const std::vector<testbed::WireEnd>& ends) {
  auto state = std::make_unique<State>();
  xsk::steering::route_libbpf_messages();
  state->skeleton.reset(napi_watch_bpf__open());
  if (!state->skeleton) return fail_system(kWhat, errno);
  for (size_t i = 0; i < ends.size() && i < NAPI_WATCH_DEVICES; ++i) {
    const auto device = identify(ends[i]);
    if (!device) return fail(device.error());
    // The skeleton's copy is of a const volatile type.
    const_cast<napi_watch_device&>(state->skeleton->rodata->watched[i]) = *device;
  }
  const auto cpus = static_cast<uint32_t>(libbpf_num_possible_cpus());
  bpf_map__set_max_entries(state->skeleton->maps.counts, cpus * NAPI_WATCH_DEVICES);
  int error = napi_watch_bpf__load(state->skeleton.get());
  if (error == 0) error = napi_watch_bpf__attach(state->skeleton.get());
  if (error != 0) return refuse_program(kWhat, -error);
  auto counts = MappedArray::map(state->skeleton->maps.counts, kWhat);
  if (!counts) return fail(counts.error());
  state->counts = std::move(*counts);
  return NapiWatch(std::move(state));
}

std::vector<NapiCount> NapiWatch::read(size_t end) const {
  std::vector<NapiCount> by_cpu;
  const auto values = state_->counts.values<napi_watch_counts>();
  for (size_t i = end; i < values.size(); i += NAPI_WATCH_DEVICES) {
    by_cpu.push_back({.polls = values[i].polls, .frames = values[i].frames});
  }
  return by_cpu;
}

}  // namespace starocean::bench
