// The explorer's page, and the service behind it, over HTTP.
#include "server/admin.h"

#include <arpa/inet.h>
#include <google/protobuf/util/json_util.h>
#include <httplib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/conformance/requests.h"
#include "tests/server/heavy.h"

namespace boltzmann::test {
namespace {

using testing::HasSubstr;

constexpr char kJson[] = "application/json";

template <typename Message>
std::string ToJson(const Message& message) {
  std::string json;
  EXPECT_TRUE(google::protobuf::util::MessageToJsonString(message, &json).ok());
  return json;
}

class AdminTest : public testing::Test {
 protected:
  static server::ServerOptions Options() {
    server::ServerOptions options;
    options.admin_listen = "127.0.0.1:0";
    return options;
  }

  httplib::Result Post(const std::string& path, const std::string& body) {
    return http_.Post(path, body, kJson);
  }

  const std::unique_ptr<server::Server> server_ = StartServer(Options());
  const std::unique_ptr<v1::SamplerService::Stub> stub_ = Connect(*server_);
  httplib::Client http_{"http://" + server_->admin_address()};
};

TEST_F(AdminTest, ServesAPageThatMayLoadNothing) {
  const auto page = http_.Get("/");
  ASSERT_TRUE(page);
  EXPECT_EQ(page->status, 200);
  EXPECT_THAT(page->get_header_value("Content-Type"), HasSubstr("text/html"));
  EXPECT_THAT(page->get_header_value("Content-Security-Policy"), HasSubstr("default-src 'none'"));
  EXPECT_THAT(page->body, HasSubstr("<title>Boltzmann explorer</title>"));
  for (const char* elsewhere : {"http://", "https://", "src="}) {
    EXPECT_THAT(page->body, testing::Not(HasSubstr(elsewhere)));
  }
}

TEST_F(AdminTest, DescribesAsTheServiceDoes) {
  v1::DescribeRequest request = DescribeRequestOf({{3, 2.5, 2, 1.5, 1, .5, -.5, -1}});
  request.add_params()->set_temperature(.7);
  request.mutable_params(0)->set_top_p(.9);
  request.add_rows()->set_seed(1);
  request.set_all_tokens(true);
  grpc::ClientContext context;
  v1::DescribeResponse expected;
  ASSERT_TRUE(stub_->Describe(&context, request, &expected).ok());
  const auto reply = Post("/api/describe", ToJson(request));
  ASSERT_TRUE(reply);
  ASSERT_EQ(reply->status, 200) << reply->body;
  v1::DescribeResponse got;
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(reply->body, &got).ok());
  EXPECT_EQ(got.SerializeAsString(), expected.SerializeAsString());
}

TEST_F(AdminTest, SamplesAsTheServiceDoes) {
  const v1::SampleRequest request = MixedRequest(3, 50, v1::DATA_TYPE_FLOAT32, 1);
  grpc::ClientContext context;
  v1::SampleResponse expected;
  ASSERT_TRUE(stub_->Sample(&context, request, &expected).ok());
  const auto reply = Post("/api/sample", ToJson(request));
  ASSERT_TRUE(reply);
  v1::SampleResponse got;
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(reply->body, &got).ok());
  EXPECT_EQ(got.SerializeAsString(), expected.SerializeAsString());
}

TEST_F(AdminTest, TellsOfTheServer) {
  const auto reply = http_.Get("/api/info");
  ASSERT_TRUE(reply);
  EXPECT_THAT(reply->body, HasSubstr("\"worker_count\":1"));
}

TEST_F(AdminTest, AnswersABadRequestWithTheServicesError) {
  v1::DescribeRequest request = DescribeRequestOf({{1, 2}});
  request.add_params()->set_top_p(2);
  const auto reply = Post("/api/describe", ToJson(request));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 400);
  EXPECT_THAT(reply->body, HasSubstr("\"code\":3"));
  EXPECT_THAT(reply->body, HasSubstr("params[0].top_p: 2 is outside (0, 1]"));
}

TEST_F(AdminTest, RefusesWhatIsNoRequest) {
  const auto expect = [](const httplib::Result& reply, int status, const std::string& text) {
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->status, status);
    EXPECT_THAT(reply->body, HasSubstr(text));
  };
  expect(Post("/api/describe", "{\"logits\": "), 400, "the body is no DescribeRequest");
  expect(Post("/api/describe", "{\"colour\": 1}"), 400, "colour");
  expect(Post("/api/verify", "{}"), 404, "/api/info, /api/sample");
  expect(http_.Get("/etc/passwd"), 404, "\"code\":5");
  expect(Post("/api/sample", std::string(3 << 20, ' ')), 413, "call over gRPC");
}

TEST_F(AdminTest, RefusesWhatABrowserSendsForAnotherSite) {
  for (const char* name : {"evil.example:8080", "127.evil.example", "localhost.evil.example"}) {
    const auto rebound = http_.Get("/", {{"Host", name}});
    ASSERT_TRUE(rebound);
    EXPECT_EQ(rebound->status, 403) << name;
  }
  const auto simple = http_.Post("/api/sample", "{}", "text/plain");
  ASSERT_TRUE(simple);
  EXPECT_EQ(simple->status, 415);
  EXPECT_EQ(http_.Get("/", {{"Host", "localhost:8080"}})->status, 200);
}

// Bytes of a request that never ends, over a connection of its own.
class Dripper {
 public:
  explicit Dripper(const std::string& address) {
    const size_t colon = address.rfind(':');
    sockaddr_in to = {};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<uint16_t>(std::stoi(address.substr(colon + 1))));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socket_ = socket(AF_INET, SOCK_STREAM, 0);
    EXPECT_EQ(connect(socket_, reinterpret_cast<sockaddr*>(&to), sizeof(to)), 0);
  }
  ~Dripper() { close(socket_); }

  // Whether the server still takes them.
  bool Send(const std::string& bytes) const {
    return send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL) > 0;
  }

 private:
  int socket_;
};

TEST_F(AdminTest, EndsWhileCallersDripTheirRequests) {
  std::vector<std::unique_ptr<Dripper>> drippers;
  for (int i = 0; i < 8; ++i) {
    drippers.push_back(std::make_unique<Dripper>(server_->admin_address()));
    EXPECT_TRUE(drippers.back()->Send("POST /api/sample HTTP/1.1\r\nHost: localhost\r\nX: "));
  }
  std::atomic<bool> stop = false;
  std::thread drip([&] {
    while (!stop) {
      for (const auto& dripper : drippers) dripper->Send("x");
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  });
  EXPECT_TRUE(server_->Drain(std::chrono::seconds(10)).ok());
  stop = true;
  drip.join();
}

TEST_F(AdminTest, DropsABodyThatIsLargerThanItMayBeHoweverItIsSent) {
  const Dripper chunked(server_->admin_address());
  ASSERT_TRUE(chunked.Send(
      "POST /api/sample HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
      "Transfer-Encoding: chunked\r\n\r\n"));
  const std::string chunk = "10000\r\n" + std::string(0x10000, ' ') + "\r\n";
  int taken = 0;
  while (taken < 10000 && chunked.Send(chunk)) ++taken;
  EXPECT_LT(taken, 10000);  // 640 MB: the server has hung up long before
  EXPECT_EQ(http_.Get("/")->status, 200);
}

TEST_F(AdminTest, EndsWithTheServer) {
  EXPECT_TRUE(server_->Drain(std::chrono::seconds(10)).ok());
  EXPECT_FALSE(http_.Get("/"));
}

TEST(Admin, ListensOnIpv6) {
  server::ServerOptions options;
  options.admin_listen = "[::1]:0";
  options.listen = {"127.0.0.1:0"};
  const auto server = server::Server::Start(options);
  if (!server.ok()) GTEST_SKIP() << "no IPv6 here: " << server.status();
  httplib::Client http("http://" + (*server)->admin_address());
  const auto page = http.Get("/");
  ASSERT_TRUE(page);
  EXPECT_EQ(page->status, 200);
}

TEST(Admin, IsOffUnlessItIsAskedFor) {
  const server::ServerOptions options;
  EXPECT_EQ(StartServer(options)->admin_address(), "");
}

TEST(Admin, SaysWhichAddressItCannotListenOn) {
  server::ServerOptions options;
  options.listen = {"127.0.0.1:0"};
  const auto start = [&options](const std::string& listen) {
    options.admin_listen = listen;
    return std::string(server::Server::Start(options).status().message());
  };
  for (const std::string bad :
       {"8080", ":8080", "127.0.0.1:", "127.0.0.1:http", "localhost:70000"}) {
    EXPECT_EQ(start(bad), "admin_listen: " + bad + " is not HOST:PORT, such as 127.0.0.1:8080");
  }
  server::ServerOptions first = options;
  first.admin_listen = "127.0.0.1:0";
  const auto running = StartServer(first);
  EXPECT_EQ(start(running->admin_address()),
            "admin_listen: cannot listen on " + running->admin_address() + ": name another port");
}

}  // namespace
}  // namespace boltzmann::test
