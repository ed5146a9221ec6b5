#include "starocean/control/api_server.h"

#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <exception>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <httplib.h>
#include <nlohmann/json.hpp>

#include "starocean/control/metrics.h"
#include "starocean/control/render_json.h"

namespace starocean::control {
namespace {

constexpr mode_t kSocketMode = 0660;
// A client that sends or reads nothing for so long loses its connection, and the thread is free
// again.
constexpr time_t kClientTimeoutSeconds = 5;
constexpr int kBacklog = 128;
constexpr size_t kMaxRequestBytes = 64 << 10;
constexpr const char* kJsonType = "application/json";
constexpr const char* kMetricsType = "text/plain; version=0.0.4; charset=utf-8";

void answer(httplib::Response& response, const Json& document) {
  response.set_content(to_text(document), kJsonType);
}

void answer_error(httplib::Response& response, int code, std::string_view message) {
  response.status = code;
  answer(response, error_json(message));
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

void filter_fdb(const httplib::Request& request, std::vector<FdbEntry>& entries) {
  const auto keep_only = [&](const char* parameter, std::string FdbEntry::*member) {
    if (!request.has_param(parameter)) return;
    const std::string wanted = lower(request.get_param_value(parameter));
    std::erase_if(entries, [&](const FdbEntry& entry) { return lower(entry.*member) != wanted; });
  };
  keep_only("bridge", &FdbEntry::bridge);
  keep_only("interface", &FdbEntry::interface);
  keep_only("mac", &FdbEntry::mac);
  if (request.has_param("vlan")) {
    const std::string wanted = request.get_param_value("vlan");
    std::erase_if(entries,
                  [&](const FdbEntry& entry) { return fmt::to_string(entry.vlan) != wanted; });
  }
}

}  // namespace

struct ApiServer::Impl {
  ApiHandlers handlers;
  SocketClaim claim;
  uint16_t tcp_port = 0;

  struct Listener {
    httplib::Server server;
    int fd = -1;  // the server's
    std::thread thread;
  };
  std::vector<std::unique_ptr<Listener>> listeners;

  Listener& add_listener();
  void add_pages(httplib::Server& server);
  void add_reload(httplib::Server& server);
  void add_actions(httplib::Server& server);
  Status listen_unix();
  Status listen_tcp(const std::string& text);
  // Of a listener that is bound.
  static void serve(Listener& listener);
  ~Impl();
};

ApiServer::Impl::Listener& ApiServer::Impl::add_listener() {
  Listener& listener = *listeners.emplace_back(std::make_unique<Listener>());
  httplib::Server& server = listener.server;
  server.new_task_queue = [] { return new httplib::ThreadPool(kRequestThreads); };
  server.set_keep_alive_max_count(1);
  server.set_read_timeout(kClientTimeoutSeconds);
  server.set_write_timeout(kClientTimeoutSeconds);
  server.set_payload_max_length(kMaxRequestBytes);
  server.set_exception_handler(
      [](const httplib::Request&, httplib::Response& response, std::exception_ptr thrown) {
        try {
          std::rethrow_exception(thrown);
        } catch (const std::exception& error) {
          answer_error(response, 500, fmt::format("cannot answer: {}", error.what()));
        } catch (...) {
          answer_error(response, 500, "cannot answer: unknown exception");
        }
      });
  server.set_error_handler([](const httplib::Request& request, httplib::Response& response) {
    if (!response.body.empty()) return;
    const int code = response.status;
    answer_error(response, code,
                 code == 404 ? fmt::format("there is no {} {}", request.method, request.path)
                             : fmt::format("the request failed with HTTP status {}", code));
  });
  add_pages(server);
  return listener;
}

void ApiServer::Impl::add_pages(httplib::Server& server) {
  // httplib takes the first match, so a handler's own page wins over the built-in one of its path.
  for (const auto& [path, page] : handlers.pages) {
    server.Get(path, [&page](const httplib::Request&, httplib::Response& response) {
      const ApiPage made = page();
      response.set_content(made.body, made.content_type);
    });
  }
  for (const auto& [path, question] : handlers.questions) {
    server.Get(path, [&question](const httplib::Request& request, httplib::Response& response) {
      const Result<ApiPage> made = question(request.params);
      if (!made) return answer_error(response, 422, made.error().message());
      response.set_content(made->body, made->content_type);
    });
  }
  if (handlers.status) {
    const std::pair<const char*, Json (*)(const DaemonStatus&)> pages[] = {
        {"/v1/status", status_json}, {"/v1/interfaces", interfaces_json}, {"/v1/drops", drops_json},
        {"/v1/queues", queues_json}, {"/v1/workers", workers_json},
    };
    for (const auto& [path, render] : pages) {
      server.Get(path, [this, render = render](const auto&, httplib::Response& response) {
        answer(response, render(handlers.status()));
      });
    }
    server.Get("/metrics", [this](const auto&, httplib::Response& response) {
      response.set_content(metrics_text(handlers.status()), kMetricsType);
    });
  }
  if (handlers.fdb) {
    server.Get("/v1/fdb", [this](const httplib::Request& request, httplib::Response& response) {
      std::vector<FdbEntry> entries = handlers.fdb();
      filter_fdb(request, entries);
      answer(response, fdb_json(entries));
    });
  }
  if (handlers.memory) {
    server.Get("/v1/memory", [this](const auto&, httplib::Response& response) {
      const Result<MemoryStatus> memory = handlers.memory();
      if (!memory) return answer_error(response, 500, memory.error().message());
      answer(response, memory_json(*memory));
    });
  }
}

void ApiServer::Impl::add_reload(httplib::Server& server) {
  if (!handlers.reload) return;
  server.Post("/v1/reload", [this](const auto&, httplib::Response& response) {
    if (const Status done = handlers.reload(); !done) {
      return answer_error(response, 422, done.error().message());
    }
    Json document = {{"schema_version", kSchemaVersion}};
    if (handlers.status) document["generation"] = handlers.status().generation;
    answer(response, document);
  });
}

void ApiServer::Impl::add_actions(httplib::Server& server) {
  for (const auto& [path, action] : handlers.actions) {
    server.Post(path, [&action](const httplib::Request& request, httplib::Response& response) {
      const Result<ApiPage> made = action(request.body);
      if (!made) return answer_error(response, 422, made.error().message());
      response.set_content(made->body, made->content_type);
    });
  }
}

Status ApiServer::Impl::listen_unix() {
  Listener& listener = add_listener();
  add_reload(listener.server);
  add_actions(listener.server);
  listener.server.set_address_family(AF_UNIX);
  // Before bind the mode of the socket's inode is what the file will have, less the umask: at no
  // moment can more people connect than in the end.
  listener.server.set_socket_options([&listener](int fd) {
    listener.fd = fd;
    fchmod(fd, kSocketMode);
  });
  constexpr int kUnusedPort = 80;
  errno = 0;
  if (!listener.server.bind_to_port(claim.path(), kUnusedPort)) {
    return fail_system(fmt::format("cannot listen on '{}'", claim.path()), errno,
                       "choose another path with --socket");
  }
  // httplib listens with a backlog of 5, and a Unix socket refuses connections beyond it.
  ::listen(listener.fd, kBacklog);
  if (chmod(claim.path().c_str(), kSocketMode) != 0) {
    return fail_system(fmt::format("cannot set the mode of '{}'", claim.path()), errno);
  }
  serve(listener);
  return {};
}

Status ApiServer::Impl::listen_tcp(const std::string& text) {
  const Result<ListenAddress> address = parse_listen_address(text);
  if (!address) return fail(address.error());
  Listener& listener = add_listener();
  // httplib's default is SO_REUSEPORT, with which a second daemon would share the port unnoticed.
  listener.server.set_socket_options([](int fd) {
    const int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  });
  errno = 0;
  int bound = address->port;
  if (address->port == 0) {
    bound = listener.server.bind_to_any_port(address->host);
  } else if (!listener.server.bind_to_port(address->host, address->port)) {
    bound = -1;
  }
  if (bound <= 0) {
    const int error = errno;
    const std::string what = fmt::format("cannot listen on '{}'", text);
    const char* const remedy = "choose another address or port";
    if (error == 0) return fail(what, "the name does not resolve", remedy);
    return fail_system(what, error, remedy);
  }
  tcp_port = static_cast<uint16_t>(bound);
  serve(listener);
  return {};
}

void ApiServer::Impl::serve(Listener& listener) {
  listener.thread = std::thread([&server = listener.server] { server.listen_after_bind(); });
  // stop() does nothing before the loop runs, so nobody may come to call it earlier.
  while (!listener.server.is_running()) std::this_thread::yield();
}

ApiServer::Impl::~Impl() {
  for (auto& listener : listeners) {
    if (!listener->thread.joinable()) continue;
    listener->server.stop();
    listener->thread.join();
  }
}

ApiServer::ApiServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<ApiServer>> ApiServer::start(ApiOptions options, ApiHandlers handlers) {
  auto impl = std::make_unique<Impl>();
  impl->handlers = std::move(handlers);
  impl->claim = std::move(options.socket);
  if (!options.listen.empty()) {
    if (auto listening = impl->listen_tcp(options.listen); !listening) {
      return fail(listening.error());
    }
  }
  if (!impl->claim.path().empty()) {
    if (auto listening = impl->listen_unix(); !listening) return fail(listening.error());
  }
  return std::unique_ptr<ApiServer>(new ApiServer(std::move(impl)));
}

ApiServer::~ApiServer() = default;

uint16_t ApiServer::tcp_port() const {
  return impl_->tcp_port;
}

}  // namespace starocean::control
