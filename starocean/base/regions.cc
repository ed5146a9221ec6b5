#include "starocean/base/regions.h"

#include <pthread.h>

#include <map>
#include <mutex>
#include <utility>

namespace starocean {
namespace {

struct Register {
  std::mutex mutex;
  std::map<uint64_t, Region> by_start;
};

Register& the_register() {
  // Never destroyed: threads may outlive main's statics.
  static auto* const instance = new Register;
  return *instance;
}

uint64_t address_of(const void* pointer) {
  return reinterpret_cast<uintptr_t>(pointer);
}

}  // namespace

void register_region(const void* start, size_t len_bytes, std::string name, std::string kind) {
  Register& all = the_register();
  const std::lock_guard lock(all.mutex);
  all.by_start[address_of(start)] = {address_of(start), len_bytes, std::move(name),
                                     std::move(kind)};
}

void unregister_region(const void* start) {
  Register& all = the_register();
  const std::lock_guard lock(all.mutex);
  all.by_start.erase(address_of(start));
}

std::vector<Region> registered_regions() {
  Register& all = the_register();
  const std::lock_guard lock(all.mutex);
  std::vector<Region> regions;
  regions.reserve(all.by_start.size());
  for (const auto& [start, region] : all.by_start) regions.push_back(region);
  return regions;
}

ScopedRegion::ScopedRegion(const void* start, size_t len_bytes, std::string name, std::string kind)
    : start_(start) {
  register_region(start, len_bytes, std::move(name), std::move(kind));
}

ScopedRegion ScopedRegion::this_thread_stack(std::string name) {
  pthread_attr_t attributes;
  if (pthread_getattr_np(pthread_self(), &attributes) != 0) return {};
  void* start = nullptr;
  size_t len_bytes = 0;
  const int failed = pthread_attr_getstack(&attributes, &start, &len_bytes);
  pthread_attr_destroy(&attributes);
  if (failed != 0) return {};
  return {start, len_bytes, std::move(name), "stack"};
}

ScopedRegion::ScopedRegion(ScopedRegion&& other) noexcept
    : start_(std::exchange(other.start_, nullptr)) {}

ScopedRegion& ScopedRegion::operator=(ScopedRegion&& other) noexcept {
  if (this != &other) {
    if (start_ != nullptr) unregister_region(start_);
    start_ = std::exchange(other.start_, nullptr);
  }
  return *this;
}

ScopedRegion::~ScopedRegion() {
  if (start_ != nullptr) unregister_region(start_);
}

}  // namespace starocean
