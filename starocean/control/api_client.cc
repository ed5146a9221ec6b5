#include "starocean/control/api_client.h"

#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <system_error>
#include <thread>

#include <fmt/format.h>
#include <httplib.h>
#include <nlohmann/json.hpp>

#include "starocean/control/render_json.h"
#include "starocean/control/socket_claim.h"

namespace starocean::control {
namespace {

constexpr time_t kConnectTimeoutSeconds = 5;
constexpr int kBusyTries = 100;
constexpr std::chrono::milliseconds kBusyPause{20};
// A reload answers when every worker has adopted the new state and new interfaces are attached.
constexpr time_t kAnswerTimeoutSeconds = 60;

tl::unexpected<Error> unreachable(const std::string& path, const std::string& program, int error) {
  const std::string what = fmt::format("cannot reach the daemon at {}", path);
  switch (error) {
    case ENOENT:
      return fail(what, "no such file",
                  fmt::format("is `{}` running?, or name its socket with --socket", program),
                  error);
    case ECONNREFUSED:
      return fail(what, "nobody listens there any more",
                  fmt::format("start `{}` again, or name another socket with --socket", program),
                  error);
    case EACCES:
    case EPERM:
      return fail(what, "permission denied", "run as root, or as a member of the socket's group",
                  error);
    default:
      return fail_system(what, error, "name the daemon's socket with --socket");
  }
}

// The sentence in an error document; otherwise what can be said of the answer.
std::string daemon_words(const httplib::Response& response) {
  const Json document = Json::parse(response.body, nullptr, false);
  if (document.is_object() && document.contains("error") && document["error"].is_string()) {
    return document["error"].get<std::string>();
  }
  return fmt::format("HTTP status {} with no explanation", response.status);
}

}  // namespace

// A POST if there is a body.
Result<std::string> ApiClient::request(const std::string& path, const std::string* body) const {
  constexpr int kUnusedPort = 80;
  httplib::Client client(socket_path_, kUnusedPort);
  client.set_address_family(AF_UNIX);
  client.set_default_headers({{"Host", "starocean"}});
  client.set_connection_timeout(kConnectTimeoutSeconds);
  client.set_read_timeout(kAnswerTimeoutSeconds);
  const auto ask = [&] {
    return body != nullptr ? client.Post(path, *body, "application/json") : client.Get(path);
  };
  httplib::Result result = ask();
  // A full backlog refuses at once (EAGAIN, connect(2)) instead of queueing: the daemon is alive,
  // but busy. httplib does not say why it could not connect, so ask again by hand, and only then: each
  // connection occupies one of the daemon's threads.
  for (int tries = 0; tries < kBusyTries && result.error() == httplib::Error::Connection; ++tries) {
    if (const int error = probe_socket(socket_path_); error != 0) {
      return unreachable(socket_path_, program_, error);
    }
    std::this_thread::sleep_for(kBusyPause);
    result = ask();
  }
  if (!result) {
    return fail(fmt::format("cannot reach the daemon at {}", socket_path_),
                fmt::format("no answer to {} (HTTP client error: {})", path,
                            httplib::to_string(result.error())),
                "see the daemon's log");
  }
  if (result->status / 100 == 2) return result->body;
  return fail(
      Error(fmt::format("the daemon at {} refused {}", socket_path_, path), daemon_words(*result)));
}

Result<std::string> ApiClient::get(const std::string& path) const {
  return request(path, nullptr);
}

Result<std::string> ApiClient::post(const std::string& path, const std::string& body) const {
  return request(path, &body);
}

}  // namespace starocean::control
