// The daemon's API: HTTP over a Unix socket, and on request over TCP.
//
//   GET  /v1/interfaces /v1/fdb /v1/drops /v1/queues /v1/workers /v1/memory /v1/status    JSON
//   GET  /metrics                                           Prometheus text exposition 0.0.4
//   POST /v1/reload                                         empty body; answers when the new state is live
// and what else the handlers bring: pages (GET) and actions (POST).
//
// GET /v1/fdb takes ?bridge=, ?vlan=, ?interface= and ?mac= (in any case), which all must match. The JSON
// is that of render_json.h. An answer that is not 2xx has the body
// {"schema_version":1,"error":"…"}: 404 for an unknown path, 422 when a reload or an action is refused
// (the running state is unchanged), 500 when an answer could not be made.
//
// Who may ask: on the Unix socket (mode 0660) the owner and group of the file, everything; on TCP
// anybody who reaches the address, GET only.
//
// Threads: one accepts per listener, kRequestThreads each answer. The handlers are called on those,
// several at a time: they lock for themselves. A connection carries one request, so that an idle
// client holds no thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "starocean/base/result.h"
#include "starocean/control/socket_claim.h"
#include "starocean/control/status.h"

namespace starocean::control {

inline constexpr size_t kRequestThreads = 4;

struct ApiPage {
  std::string content_type;
  std::string body;
};

// What the server serves. Without a handler (empty function) its paths do not exist (404).
struct ApiHandlers {
  std::function<DaemonStatus()> status;
  std::function<std::vector<FdbEntry>()> fdb;
  std::function<Result<MemoryStatus>()> memory;
  std::function<Status()> reload;
  // Further pages (GET) by path; one of a path above takes its place.
  std::map<std::string, std::function<ApiPage()>> pages;
  // Further questions (GET) by path, with the parameters of the request; a refusal is 422.
  using Parameters = std::multimap<std::string, std::string>;
  std::map<std::string, std::function<Result<ApiPage>(const Parameters&)>> questions = {};
  // Further requests for something to be done (POST, Unix socket only) by path; called with the body.
  std::map<std::string, std::function<Result<ApiPage>(const std::string&)>> actions = {};
};

struct ApiOptions {
  SocketClaim socket;  // may be empty: TCP only
  std::string
      listen;  // "127.0.0.1:30088", "[::1]:30088", "localhost:30088"; empty: no TCP. Port 0: any.
};

class ApiServer {
 public:
  // On return every listener accepts connections.
  static Result<std::unique_ptr<ApiServer>> start(ApiOptions options, ApiHandlers handlers);

  ApiServer(const ApiServer&) = delete;
  ApiServer& operator=(const ApiServer&) = delete;
  // Finishes the answers under way, closes the listeners and gives up the socket's path.
  ~ApiServer();

  // The TCP port that was bound; 0 without TCP.
  uint16_t tcp_port() const;

 private:
  struct Impl;
  explicit ApiServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// "ADDRESS:PORT" taken apart; an IPv6 address stands in brackets, an empty address means any
// (IPv4).
struct ListenAddress {
  std::string host;
  uint16_t port = 0;
};
Result<ListenAddress> parse_listen_address(const std::string& text);

}  // namespace starocean::control
