#include "starocean/control/loader_memory.h"

#include <link.h>

#include <algorithm>
#include <cstdint>

namespace starocean::control {
namespace {

thread_local char tls_marker = 0;
// Initialised before main(), hence by the main thread.
const auto main_thread_tls = reinterpret_cast<uint64_t>(&tls_marker);

// Addresses known to be the loader's: link_map(5)'s entries, their names and search lists.
std::vector<uint64_t> loader_addresses() {
  std::vector<uint64_t> addresses;
  for (const link_map* library = _r_debug.r_map; library != nullptr; library = library->l_next) {
    addresses.push_back(reinterpret_cast<uint64_t>(library));
    addresses.push_back(reinterpret_cast<uint64_t>(library->l_name));
  }
  return addresses;
}

}  // namespace

std::vector<Region> loader_regions(const std::vector<SmapsEntry>& entries) {
  const std::vector<uint64_t> addresses = loader_addresses();
  std::vector<Region> regions;
  for (const SmapsEntry& entry : entries) {
    if (!entry.path.empty()) continue;
    const auto inside = [&](uint64_t address) {
      return entry.start <= address && address < entry.end;
    };
    const char* name = nullptr;
    if (inside(main_thread_tls)) {
      name = "thread-local storage of the main thread";
    } else if (std::any_of(addresses.begin(), addresses.end(), inside)) {
      name = "dynamic loader: list of libraries";
    }
    if (name != nullptr) regions.push_back({entry.start, entry.end - entry.start, name, "library"});
  }
  return regions;
}

}  // namespace starocean::control
