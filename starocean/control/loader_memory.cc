#include "starocean/control/loader_memory.h"

#include <cstdint>

#include "starocean/base/regions.h"

namespace starocean::control {
namespace {

thread_local char tls_marker = 0;
// Initialised before main(), hence by the main thread.
const auto main_thread_tls = reinterpret_cast<uint64_t>(&tls_marker);

}  // namespace

void register_loader_memory(const std::vector<MemoryMapping>& mappings) {
  for (const MemoryMapping& mapping : mappings) {
    if (!mapping.backing.empty() || mapping.kind != "other") continue;
    const bool has_tls = mapping.start <= main_thread_tls && main_thread_tls < mapping.end;
    register_region(reinterpret_cast<const void*>(mapping.start), mapping.end - mapping.start,
                    has_tls ? "thread-local storage of the main thread"
                            : "dynamic loader: tables of the libraries",
                    "library");
  }
}

}  // namespace starocean::control
