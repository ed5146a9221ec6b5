// One request to a running daemon over its Unix socket. Blocking; any thread.
#pragma once

#include <string>

#include "starocean/base/result.h"

namespace starocean::control {

class ApiClient {
 public:
  // `program` is what serves there, for messages.
  explicit ApiClient(std::string socket_path, std::string program = "starocean run")
      : socket_path_(std::move(socket_path)), program_(std::move(program)) {}

  // The body of a 2xx answer. `path` includes the query: "/v1/fdb?bridge=office".
  // Otherwise: what the daemon said, or why it cannot be reached and what to do.
  Result<std::string> get(const std::string& path) const;
  // With a JSON document as body, or none.
  Result<std::string> post(const std::string& path, const std::string& body = {}) const;

 private:
  Result<std::string> request(const std::string& path, const std::string* body) const;

  std::string socket_path_;
  std::string program_;
};

}  // namespace starocean::control
