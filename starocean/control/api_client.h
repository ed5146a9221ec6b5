// One request to a running daemon over its Unix socket. Blocking; any thread.
#pragma once

#include <string>

#include "starocean/base/result.h"

namespace starocean::control {

class ApiClient {
 public:
  explicit ApiClient(std::string socket_path) : socket_path_(std::move(socket_path)) {}

  // The body of a 2xx answer. `path` includes the query: "/v1/fdb?bridge=office".
  // Otherwise: what the daemon said, or why it cannot be reached and what to do.
  Result<std::string> get(const std::string& path) const;
  Result<std::string> post(const std::string& path) const;

 private:
  Result<std::string> request(bool is_post, const std::string& path) const;

  std::string socket_path_;
};

}  // namespace starocean::control
