#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include <gtest/gtest.h>
#include <httplib.h>
#include <nlohmann/json.hpp>

#include "starocean/control/api_client.h"
#include "starocean/control/api_server.h"
#include "starocean/control/metrics.h"
#include "starocean/control/render_json.h"
#include "starocean/control/status_sample.h"

namespace starocean::control {
namespace {

class Api : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "starocean-api-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    path_ = directory_ + "/run/test.sock";
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  ApiHandlers handlers() {
    return {.status = [] { return sample_status(); },
            .fdb = [] { return sample_fdb(); },
            .memory = [] { return sample_memory(); },
            .reload = [this]() -> Status {
              ++reloads_;
              if (refuse_.empty()) return {};
              return fail("cannot load 'x.yaml'", refuse_);
            },
            .pages = {}};
  }
  std::unique_ptr<ApiServer> start(const std::string& listen = {}) {
    auto claim = SocketClaim::take(path_);
    EXPECT_TRUE(claim) << claim.error().message();
    if (!claim) return nullptr;
    auto server = ApiServer::start({std::move(*claim), listen}, handlers());
    EXPECT_TRUE(server) << server.error().message();
    return server ? std::move(*server) : nullptr;
  }
  Json get(const std::string& target) {
    const auto body = ApiClient(path_).get(target);
    EXPECT_TRUE(body) << body.error().message();
    return body ? Json::parse(*body) : Json();
  }

  std::string directory_;
  std::string path_;
  std::string refuse_;
  std::atomic<int> reloads_ = 0;
};

int listen_at(const std::string& path) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  EXPECT_EQ(bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  EXPECT_EQ(listen(fd, 5), 0);
  return fd;
}

// A daemon that was killed: the file is there, nobody listens.
void leave_dead_socket(const std::string& path) {
  close(listen_at(path));
}

TEST_F(Api, ServesEveryPage) {
  const auto server = start();
  ASSERT_TRUE(server);
  EXPECT_EQ(get("/v1/interfaces"), interfaces_json(sample_status()));
  EXPECT_EQ(get("/v1/drops"), drops_json(sample_status()));
  EXPECT_EQ(get("/v1/queues"), queues_json(sample_status()));
  EXPECT_EQ(get("/v1/workers"), workers_json(sample_status()));
  EXPECT_EQ(get("/v1/status"), status_json(sample_status()));
  EXPECT_EQ(get("/v1/memory"), memory_json(sample_memory()));
  EXPECT_EQ(get("/v1/fdb"), fdb_json(sample_fdb()));
  EXPECT_EQ(*ApiClient(path_).get("/metrics"), metrics_text(sample_status()));
}

TEST_F(Api, FiltersTheFdb) {
  const auto server = start();
  ASSERT_TRUE(server);
  EXPECT_EQ(get("/v1/fdb?bridge=office")["count"], 2);
  EXPECT_EQ(get("/v1/fdb?bridge=office&interface=lan2")["count"], 1);
  EXPECT_EQ(get("/v1/fdb?mac=02:00:00:00:00:0C")["entries"][0]["interface"], "lan3");
  EXPECT_EQ(get("/v1/fdb?mac=02:00:00:00:00:0d")["count"], 0);
  EXPECT_EQ(get("/v1/fdb?vlan=10")["count"], 2);
}

TEST_F(Api, ReloadReportsTheDaemonsWords) {
  const auto server = start();
  ASSERT_TRUE(server);
  const auto done = ApiClient(path_).post("/v1/reload");
  ASSERT_TRUE(done) << done.error().message();
  EXPECT_EQ(*done, R"({"schema_version":1,"generation":7})");
  refuse_ = "line 3 is wrong";
  const auto refused = ApiClient(path_).post("/v1/reload");
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message().find("cannot load 'x.yaml': line 3 is wrong"),
            std::string::npos)
      << refused.error().message();
  EXPECT_EQ(reloads_, 2);
}

TEST_F(Api, ActionsGetTheBodyAndAreRefusedInTheirWords) {
  auto claim = SocketClaim::take(path_);
  ASSERT_TRUE(claim);
  ApiHandlers handlers;
  handlers.pages["/v1/thing"] = [] { return ApiPage{"application/json", "{}"}; };
  handlers.actions["/v1/thing"] = [](const std::string& body) -> Result<ApiPage> {
    if (body == "no") return fail("cannot do it", "it is not to be done");
    return ApiPage{"text/plain", "did " + body};
  };
  const auto server = ApiServer::start({std::move(*claim), "127.0.0.1:0"}, std::move(handlers));
  ASSERT_TRUE(server) << server.error().message();
  const ApiClient client(path_);
  EXPECT_EQ(*client.post("/v1/thing", "this"), "did this");
  EXPECT_EQ(*client.get("/v1/thing"), "{}");
  const auto refused = client.post("/v1/thing", "no");
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message().find("cannot do it: it is not to be done"),
            std::string::npos);
  httplib::Client tcp("127.0.0.1", (*server)->tcp_port());
  const auto over_tcp = tcp.Post("/v1/thing", "this", "text/plain");
  ASSERT_TRUE(over_tcp);
  EXPECT_EQ(over_tcp->status, 404) << "over TCP nothing is done";
}

TEST_F(Api, UnknownPathsAndMethodsAreRefused) {
  const auto server = start();
  ASSERT_TRUE(server);
  const auto answer = ApiClient(path_).get("/v1/nothing");
  ASSERT_FALSE(answer);
  EXPECT_NE(answer.error().message().find("there is no GET /v1/nothing"), std::string::npos)
      << answer.error().message();
  EXPECT_FALSE(ApiClient(path_).get("/v1/reload"));
  EXPECT_FALSE(ApiClient(path_).post("/v1/status"));
  EXPECT_EQ(reloads_, 0);
}

TEST_F(Api, SocketIsForOwnerAndGroup) {
  const auto server = start();
  ASSERT_TRUE(server);
  struct stat info {};
  ASSERT_EQ(stat(path_.c_str(), &info), 0);
  EXPECT_TRUE(S_ISSOCK(info.st_mode));
  EXPECT_EQ(info.st_mode & 07777, 0660u);
}

TEST_F(Api, StoppingRemovesTheSocket) {
  start().reset();
  EXPECT_FALSE(std::filesystem::exists(path_));
  const auto answer = ApiClient(path_).get("/v1/status");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().message(),
            "cannot reach the daemon at " + path_ +
                ": no such file; is `starocean run` running?, or name its socket with --socket");
}

TEST_F(Api, DeadSocketIsReplaced) {
  leave_dead_socket(path_);
  const auto answer = ApiClient(path_).get("/v1/status");
  ASSERT_FALSE(answer);
  EXPECT_NE(answer.error().message().find("nobody listens"), std::string::npos);
  const auto server = start();
  ASSERT_TRUE(server);
  EXPECT_EQ(get("/v1/status")["node"], "edge-a");
}

TEST_F(Api, LiveDaemonKeepsItsSocket) {
  const auto server = start();
  ASSERT_TRUE(server);
  const auto second = SocketClaim::take(path_);
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().message().find("another starocean is running on " + path_),
            std::string::npos)
      << second.error().message();
  EXPECT_EQ(get("/v1/status")["node"], "edge-a");
}

TEST_F(Api, ClaimHoldsBeforeAnythingListens) {
  auto first = SocketClaim::take(path_);
  ASSERT_TRUE(first);
  EXPECT_FALSE(SocketClaim::take(path_));
  *first = SocketClaim();
  EXPECT_TRUE(SocketClaim::take(path_));
}

TEST_F(Api, OrdinaryFileIsNotRemoved) {
  std::filesystem::create_directories(directory_ + "/run");
  std::ofstream(path_) << "precious";
  const auto claim = SocketClaim::take(path_);
  ASSERT_FALSE(claim);
  EXPECT_NE(claim.error().message().find("not a socket"), std::string::npos);
  EXPECT_TRUE(std::filesystem::exists(path_));
}

// One connection a request: a second would occupy another of the daemon's threads.
TEST_F(Api, ClientConnectsOnce) {
  const auto claim = SocketClaim::take(path_);
  ASSERT_TRUE(claim) << claim.error().message();
  const int listening = listen_at(path_);
  std::string asked;
  std::thread server([&] {
    const int client = accept(listening, nullptr, nullptr);
    std::array<char, 4096> request{};
    const ssize_t length = read(client, request.data(), request.size());
    asked.assign(request.data(), static_cast<size_t>(std::max<ssize_t>(length, 0)));
    const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
    EXPECT_EQ(send(client, answer.data(), answer.size(), MSG_NOSIGNAL), ssize_t(answer.size()));
    close(client);
    pollfd more{.fd = listening, .events = POLLIN, .revents = 0};
    EXPECT_EQ(poll(&more, 1, 0), 0) << "another connection waits";
    close(listening);
  });
  const auto answer = ApiClient(path_).get("/v1/status");
  server.join();
  EXPECT_EQ(asked.substr(0, asked.find('\r')), "GET /v1/status HTTP/1.1");
  EXPECT_EQ(answer.value_or("none"), "hi");
}

TEST_F(Api, LongPathIsRefusedInASentence) {
  const std::string path = directory_ + "/" + std::string(120, 'x');
  const auto claim = SocketClaim::take(path);
  ASSERT_FALSE(claim);
  EXPECT_NE(claim.error().message().find("1 to 107 characters"), std::string::npos);
  EXPECT_FALSE(ApiClient(path).get("/v1/status"));
}

TEST_F(Api, TcpIsReadOnly) {
  const auto server = start("127.0.0.1:0");
  ASSERT_TRUE(server);
  ASSERT_NE(server->tcp_port(), 0);
  httplib::Client client("127.0.0.1", server->tcp_port());
  const auto page = client.Get("/v1/interfaces");
  ASSERT_TRUE(page);
  EXPECT_EQ(Json::parse(page->body), interfaces_json(sample_status()));
  EXPECT_EQ(page->get_header_value("Content-Type"), "application/json");
  const auto metrics = client.Get("/metrics");
  ASSERT_TRUE(metrics);
  EXPECT_EQ(metrics->get_header_value("Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
  const auto reload = client.Post("/v1/reload");
  ASSERT_TRUE(reload);
  EXPECT_EQ(reload->status, 404);
  EXPECT_EQ(reloads_, 0);
}

TEST_F(Api, TcpAloneWithPagesOfItsOwn) {
  ApiHandlers own;
  own.pages["/v1/echo"] = [] { return ApiPage{"application/json", R"({"answered":3})"}; };
  auto server = ApiServer::start({{}, "[::1]:0"}, own);
  if (!server) GTEST_SKIP() << "no IPv6 here: " << server.error().message();
  httplib::Client client("::1", (*server)->tcp_port());
  EXPECT_EQ(client.Get("/v1/echo")->body, R"({"answered":3})");
  EXPECT_EQ(client.Get("/v1/status")->status, 404);
}

TEST_F(Api, TakenPortIsASentence) {
  const auto server = start("127.0.0.1:0");
  ASSERT_TRUE(server);
  const std::string listen = "127.0.0.1:" + std::to_string(server->tcp_port());
  const auto second = ApiServer::start({{}, listen}, handlers());
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().message().find("cannot listen on '" + listen + "': Address already"),
            std::string::npos)
      << second.error().message();
}

TEST_F(Api, ThrowingHandlerIsAnError) {
  ApiHandlers throwing = handlers();
  throwing.status = []() -> DaemonStatus { throw std::runtime_error("out of ink"); };
  auto claim = SocketClaim::take(path_);
  ASSERT_TRUE(claim);
  const auto server = ApiServer::start({std::move(*claim), {}}, throwing);
  ASSERT_TRUE(server);
  const auto answer = ApiClient(path_).get("/v1/status");
  ASSERT_FALSE(answer);
  EXPECT_NE(answer.error().message().find("out of ink"), std::string::npos)
      << answer.error().message();
}

TEST_F(Api, AnswersManyAtOnce) {
  const auto server = start();
  ASSERT_TRUE(server);
  std::vector<std::thread> clients;
  std::atomic<int> good = 0;
  for (int i = 0; i < 40; ++i) {
    clients.emplace_back([&] {
      for (int j = 0; j < 20; ++j) good += ApiClient(path_).get("/v1/queues") ? 1 : 0;
    });
  }
  for (auto& client : clients) client.join();
  EXPECT_EQ(good, 40 * 20);
}

TEST(ListenAddress, Forms) {
  EXPECT_EQ(parse_listen_address("127.0.0.1:30088")->port, 30088);
  EXPECT_EQ(parse_listen_address("localhost:80")->host, "localhost");
  EXPECT_EQ(parse_listen_address("[::1]:80")->host, "::1");
  EXPECT_EQ(parse_listen_address(":80")->host, "0.0.0.0");
  for (const char* wrong :
       {"", ":", "80", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "::1:80",
        "[::1:80", "1.2.3:80", "a/b:80", "127.0.0.1:8o", "[]:80", "[:80"}) {
    EXPECT_FALSE(parse_listen_address(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace starocean::control
