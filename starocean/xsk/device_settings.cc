#include "starocean/xsk/device_settings.h"

#include <linux/ethtool.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <vector>

#include "starocean/xsk/ethtool_request.h"

namespace starocean::xsk {
namespace {

constexpr uint32_t kBitsPerBlock = 32;

// The ioctls end in arrays whose length the caller chooses: a struct and `extra` bytes behind it.
template <class Header>
class Request {
 public:
  Request(uint32_t command, size_t extra_bytes)
      : storage_((sizeof(Header) + extra_bytes + sizeof(uint64_t) - 1) / sizeof(uint64_t)) {
    header()->cmd = command;
  }
  Header* header() { return reinterpret_cast<Header*>(storage_.data()); }

 private:
  std::vector<uint64_t> storage_;
};

// The names of all features, by bit number. Empty with `error` set on failure.
std::vector<std::string> feature_names(const std::string& device, int& error) {
  Request<ethtool_sset_info> counted(ETHTOOL_GSSET_INFO, sizeof(uint32_t));
  counted.header()->sset_mask = 1ULL << ETH_SS_FEATURES;
  error = ethtool::request(device, counted.header());
  if (error != 0 || counted.header()->sset_mask == 0) return {};
  const uint32_t count = counted.header()->data[0];
  Request<ethtool_gstrings> listed(ETHTOOL_GSTRINGS, size_t{count} * ETH_GSTRING_LEN);
  listed.header()->string_set = ETH_SS_FEATURES;
  listed.header()->len = count;
  error = ethtool::request(device, listed.header());
  if (error != 0) return {};
  std::vector<std::string> names;
  for (uint32_t i = 0; i < listed.header()->len && i < count; ++i) {
    const auto* text = reinterpret_cast<const char*>(listed.header()->data) + i * ETH_GSTRING_LEN;
    names.emplace_back(text, strnlen(text, ETH_GSTRING_LEN));
  }
  return names;
}

// Asks for `Answer`, and turns it into `Setting` by `convert`.
template <class Setting, class Answer, class Convert>
Result<std::optional<Setting>> setting(const std::string& device, uint32_t command,
                                       const char* about, Convert convert) {
  Answer answer{};
  answer.cmd = command;
  const int error = ethtool::request(device, &answer);
  if (error == EOPNOTSUPP) return std::optional<Setting>();
  if (error != 0) return ethtool::cannot_ask(about, device, error);
  return std::optional<Setting>(convert(answer));
}

}  // namespace

bool is_on(const Offloads& offloads, std::string_view name) {
  const auto found = offloads.find(name);
  return found != offloads.end() && found->second.on;
}

Result<Offloads> offloads(const std::string& device) {
  int error = 0;
  const std::vector<std::string> names = feature_names(device, error);
  if (error != 0) return ethtool::cannot_ask("offloads", device, error);
  const auto blocks = static_cast<uint32_t>((names.size() + kBitsPerBlock - 1) / kBitsPerBlock);
  Request<ethtool_gfeatures> got(ETHTOOL_GFEATURES, blocks * sizeof(ethtool_get_features_block));
  got.header()->size = blocks;
  error = ethtool::request(device, got.header());
  if (error != 0) return ethtool::cannot_ask("offloads", device, error);
  Offloads found;
  for (size_t i = 0; i < names.size(); ++i) {
    const ethtool_get_features_block& block = got.header()->features[i / kBitsPerBlock];
    const uint32_t bit = 1u << (i % kBitsPerBlock);
    const bool changeable = (block.available & bit) != 0 && (block.never_changed & bit) == 0;
    if (!names[i].empty()) found[names[i]] = {(block.active & bit) != 0, !changeable};
  }
  return found;
}

Result<std::optional<DeviceRings>> device_rings(const std::string& device) {
  return setting<DeviceRings, ethtool_ringparam>(
      device, ETHTOOL_GRINGPARAM, "ring sizes", [](const ethtool_ringparam& answer) {
        return DeviceRings{answer.rx_pending, answer.rx_max_pending, answer.tx_pending,
                           answer.tx_max_pending};
      });
}

Result<std::optional<Coalescing>> coalescing(const std::string& device) {
  return setting<Coalescing, ethtool_coalesce>(
      device, ETHTOOL_GCOALESCE, "interrupt coalescing", [](const ethtool_coalesce& answer) {
        return Coalescing{answer.rx_coalesce_usecs, answer.rx_max_coalesced_frames,
                          answer.use_adaptive_rx_coalesce != 0};
      });
}

Result<std::optional<Channels>> channels(const std::string& device) {
  return setting<Channels, ethtool_channels>(
      device, ETHTOOL_GCHANNELS, "queue count", [](const ethtool_channels& answer) {
        return Channels{answer.combined_count, answer.max_combined, answer.rx_count,
                        answer.max_rx,         answer.tx_count,     answer.max_tx};
      });
}

}  // namespace starocean::xsk
