// Who may call, and what stands between callers and the server: TLS, certificates, tokens.
#include <arpa/inet.h>
#include <httplib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "grpcpp/generic/generic_stub.h"
#include "gtest/gtest.h"
#include "server/address.h"
#include "tests/certificates.h"
#include "tests/conformance/door.h"
#include "tests/conformance/requests.h"
#include "tests/server/heavy.h"
#include "tests/temporary_directory.h"

namespace boltzmann::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;
using testing::HasSubstr;

constexpr char kToken[] = "correct-horse-battery-staple";
constexpr char kLocal[] = "DNS:localhost,IP:127.0.0.1";

// What a caller comes with.
struct Caller {
  std::string ca_file = "";  // empty: no TLS
  Identity identity = {};
  std::string token = "";
};

std::shared_ptr<grpc::ChannelCredentials> CredentialsOf(const Caller& caller) {
  if (caller.ca_file.empty()) return grpc::InsecureChannelCredentials();
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = ContentOf(caller.ca_file);
  if (!caller.identity.cert_file.empty()) {
    options.pem_cert_chain = ContentOf(caller.identity.cert_file);
    options.pem_private_key = ContentOf(caller.identity.key_file);
  }
  return grpc::SslCredentials(options);
}

// A channel that shares no connection with another one.
std::shared_ptr<grpc::Channel> ChannelTo(const std::string& address, const Caller& caller) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(address, CredentialsOf(caller), arguments);
}

void Prepare(const Caller& caller, grpc::ClientContext& context) {
  context.set_deadline(std::chrono::system_clock::now() + seconds(10));
  if (!caller.token.empty()) context.AddMetadata("authorization", "Bearer " + caller.token);
}

// Samples a row, on a connection of its own.
grpc::Status Sample(const std::string& address, const Caller& caller) {
  const auto stub = v1::SamplerService::NewStub(ChannelTo(address, caller));
  grpc::ClientContext context;
  Prepare(caller, context);
  v1::SampleResponse response;
  return stub->Sample(&context, RequestOf({{1, 2}}), &response);
}

grpc::Status Sample(const server::Server& server, const Caller& caller) {
  return Sample(server.addresses().front(), caller);
}

// Whether `what` becomes true within a time that is long for a server.
template <typename What>
bool Eventually(What what) {
  const auto end = steady_clock::now() + seconds(20);
  while (!what()) {
    if (steady_clock::now() > end) return false;
    std::this_thread::sleep_for(milliseconds(50));
  }
  return true;
}

server::ServerOptions WithTls(const Identity& identity, const std::string& client_ca = "") {
  server::ServerOptions options;
  options.tls = {identity.cert_file, identity.key_file, client_ca};
  return options;
}

class Tls : public testing::Test {
 protected:
  Caller Good() const { return {authority_.cert_file()}; }
  Caller With(const Identity& identity) const { return {authority_.cert_file(), identity}; }
  server::ServerOptions Mutual() const { return WithTls(identity_, authority_.cert_file()); }

  Authority authority_;
  Authority other_authority_;
  const Identity identity_ = authority_.Issue("server", kLocal);
};

TEST_F(Tls, ServesCallersWhoTrustItsCertificateAndGoesOnAfterOthers) {
  const auto server = StartServer(WithTls(identity_));
  EXPECT_TRUE(Sample(*server, Good()).ok());
  EXPECT_EQ(Sample(*server, {other_authority_.cert_file()}).error_code(), grpc::UNAVAILABLE);
  EXPECT_EQ(Sample(*server, {}).error_code(), grpc::UNAVAILABLE);  // no TLS
  EXPECT_TRUE(Sample(*server, Good()).ok());
}

TEST_F(Tls, UnixSocketsStayPlain) {
  server::ServerOptions options = WithTls(identity_);
  options.listen = {NewUnixAddress(), "127.0.0.1:0"};
  const auto server = StartServer(options);
  EXPECT_TRUE(Sample(server->addresses()[0], {}).ok());
  EXPECT_TRUE(Sample(server->addresses()[1], Good()).ok());
}

TEST_F(Tls, CallersNeedACertificateIfItsAuthorityIsGiven) {
  const auto server = StartServer(Mutual());
  const auto code = [&](const Caller& caller) { return Sample(*server, caller).error_code(); };
  const Identity engine = authority_.Issue("engine", "DNS:engine");
  EXPECT_EQ(code(With(engine)), grpc::OK);
  EXPECT_EQ(code(Good()), grpc::UNAVAILABLE);
  EXPECT_EQ(code(With(other_authority_.Issue("engine", "DNS:engine"))), grpc::UNAVAILABLE);
  EXPECT_EQ(code(With(authority_.IssueExpired("late", "DNS:late"))), grpc::UNAVAILABLE);
  EXPECT_EQ(code(With(engine)), grpc::OK);
}

TEST_F(Tls, OfCallersWithACertificateThoseMayCallWhoAreAllowed) {
  server::ServerOptions options = Mutual();
  options.access.allowed_clients = {"engine", "spiffe://cluster/engine", "bare"};
  const auto server = StartServer(options);
  const auto sample = [&](const std::string& name, const std::string& names) {
    return Sample(*server, With(authority_.Issue(name, names)));
  };
  EXPECT_TRUE(sample("x", "DNS:other,DNS:engine").ok());
  EXPECT_TRUE(sample("x", "URI:spiffe://cluster/engine").ok());
  EXPECT_TRUE(sample("bare", "IP:127.0.0.1").ok());  // by its common name, having no others
  const grpc::Status refused = sample("engine", "DNS:intruder");
  EXPECT_EQ(refused.error_code(), grpc::PERMISSION_DENIED);
  EXPECT_THAT(refused.error_message(), HasSubstr("certificate of intruder"));
  EXPECT_THAT(refused.error_message(), HasSubstr("--tls_allowed_clients"));
}

TEST_F(Tls, ACertificateThatIsReplacedIsTakenForNewConnections) {
  const auto server = StartServer(WithTls(identity_));
  const Caller other = {other_authority_.cert_file()};
  EXPECT_FALSE(Sample(*server, other).ok());
  const Identity next = other_authority_.Issue("server", kLocal);
  std::filesystem::copy_file(next.key_file, identity_.key_file + ".new");
  std::filesystem::copy_file(next.cert_file, identity_.cert_file + ".new");
  std::filesystem::rename(identity_.key_file + ".new", identity_.key_file);
  std::filesystem::rename(identity_.cert_file + ".new", identity_.cert_file);
  EXPECT_TRUE(Eventually([&] { return Sample(*server, other).ok(); }));
  EXPECT_FALSE(Sample(*server, Good()).ok());
}

TEST_F(Tls, FilesThatBecomeUselessLeaveTheServerServingAsItDid) {
  const auto server = StartServer(WithTls(identity_));
  ASSERT_TRUE(Sample(*server, Good()).ok());
  std::ofstream(identity_.cert_file) << "no certificate";
  std::this_thread::sleep_for(seconds(3));  // longer than it takes to look at them
  EXPECT_TRUE(Sample(*server, Good()).ok());
  std::filesystem::remove(identity_.key_file);
  std::this_thread::sleep_for(seconds(3));
  EXPECT_TRUE(Sample(*server, Good()).ok());
}

TEST_F(Tls, WhatCannotBeUsedIsAnErrorThatNamesIt) {
  const auto error = [](const server::ServerOptions& options) {
    const absl::Status status = server::Server::Start(options).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    return std::string(status.message());
  };
  const Identity other = authority_.Issue("other", kLocal);
  server::ServerOptions options;
  options.listen = {"127.0.0.1:0"};
  options.tls = {identity_.cert_file, "", ""};
  EXPECT_THAT(error(options), HasSubstr("tls_key_file: is not given"));
  options.tls = {"", identity_.key_file, ""};
  EXPECT_THAT(error(options), HasSubstr("tls_cert_file: is not given"));
  options.tls = {"/no/such", identity_.key_file, ""};
  EXPECT_THAT(error(options), HasSubstr("tls_cert_file: /no/such: No such file"));
  options.tls = {identity_.cert_file, other.key_file, ""};
  EXPECT_THAT(error(options), HasSubstr("tls_key_file: " + other.key_file));
  options.tls = {identity_.cert_file, identity_.key_file, identity_.key_file};
  EXPECT_THAT(error(options), HasSubstr("tls_client_ca_file: "));
  options.tls = {"", "", authority_.cert_file()};
  EXPECT_THAT(error(options), HasSubstr("tls_client_ca_file: "));
  options.tls = {identity_.cert_file, identity_.key_file, ""};
  options.access.allowed_clients = {"engine"};
  EXPECT_THAT(error(options), HasSubstr("tls_allowed_clients: "));
}

// A connection that sends these bytes and nothing more.
class RawConnection {
 public:
  RawConnection(const std::string& listen, const std::string& bytes)
      : socket_(socket(AF_INET, SOCK_STREAM, 0)) {
    const auto address = server::ParseAddress("listen", listen);
    sockaddr_in to = {};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<uint16_t>(address->port));
    inet_pton(AF_INET, address->host.c_str(), &to.sin_addr);
    EXPECT_EQ(connect(socket_, reinterpret_cast<sockaddr*>(&to), sizeof(to)), 0);
    Send(bytes);
  }
  RawConnection(const RawConnection&) = delete;
  ~RawConnection() { close(socket_); }

  void Send(const std::string& bytes) const {
    EXPECT_EQ(send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL), ssize_t(bytes.size()));
  }

  // Whether the server has hung up by `end`.
  bool IsClosedBy(steady_clock::time_point end) const {
    char bytes[1024];
    while (steady_clock::now() < end) {
      const ssize_t count = recv(socket_, bytes, sizeof(bytes), MSG_DONTWAIT);
      if (count == 0 || (count < 0 && errno != EAGAIN)) return true;
      if (count < 0) std::this_thread::sleep_for(milliseconds(50));
    }
    return false;
  }

 private:
  const int socket_;
};

// What a port scan sends, and what callers send who stop in the midst of it.
const std::string kScans[] = {
    "",
    "GET / HTTP/1.0\r\n\r\n",
    std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11),  // TLS' hello, cut off
    "SSH-2.0-scan\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",  // HTTP/2's preface, without the settings
    std::string(4096, '\xff')};

TEST_F(Tls, PortScansAndCallersWhoDawdleAreHungUpOnAndHarmNobody) {
  for (const server::ServerOptions& options : {server::ServerOptions(), Mutual()}) {
    const auto server = StartServer(options);
    const Caller good =
        options.tls.on() ? With(authority_.Issue("engine", "DNS:engine")) : Caller();
    std::vector<std::unique_ptr<RawConnection>> scans;
    for (int round = 0; round < 20; ++round) {
      for (const std::string& bytes : kScans)
        scans.push_back(std::make_unique<RawConnection>(server->addresses().front(), bytes));
    }
    EXPECT_TRUE(Sample(*server, good).ok());
    const auto end = steady_clock::now() + seconds(40);  // four times what a handshake may take
    for (const auto& scan : scans) EXPECT_TRUE(scan->IsClosedBy(end));
    EXPECT_TRUE(Sample(*server, good).ok());
  }
}

// A string of HPACK, not compressed.
std::string HpackString(const std::string& text) {
  constexpr size_t kPrefix = 127;
  if (text.size() < kPrefix) return std::string(1, static_cast<char>(text.size())) + text;
  std::string size(1, static_cast<char>(kPrefix));
  size_t left = text.size() - kPrefix;
  for (; left >= 128; left /= 128) size += static_cast<char>(left % 128 + 128);
  return size + static_cast<char>(left) + text;
}

// A frame of HTTP/2.
std::string Frame(char type, char flags, char stream, const std::string& payload) {
  const size_t size = payload.size();
  return std::string({static_cast<char>(size >> 16), static_cast<char>(size >> 8),
                      static_cast<char>(size), type, flags, 0, 0, 0, stream}) +
         payload;
}

// A connection's first call, with these headers.
std::string CallWith(const std::vector<std::pair<std::string, std::string>>& headers) {
  std::string block;
  for (const auto& [name, value] : headers)
    block += std::string(1, '\0') + HpackString(name) + HpackString(value);
  return "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + Frame(4, 0, 0, "") + Frame(1, 5, 1, block);
}

// CVE-2023-1428: gRPC 1.51 to 1.52 may abort on such headers.
TEST(Headers, ThatAreWrongAndTooManyDoNotEndTheServer) {
  const auto server = StartServer();
  const std::string& address = server->addresses().front();
  for (const std::pair<std::string, std::string>& bad :
       {std::pair<std::string, std::string>{"te", "x"}, {":scheme", "x"},
        {"grpclb_client_stats", "x"}, {"grpc-timeout", "-1S"}, {"data-bin", "!!!"}}) {
    for (const size_t size : {10, 9000, 16000}) {
      const RawConnection connection(
          address, CallWith({{":method", "POST"},
                             {":scheme", "http"},
                             {":path", "/boltzmann.v1.SamplerService/Sample"},
                             {":authority", "x"},
                             bad,
                             {"content-type", "application/grpc"},
                             {"big", std::string(size, 'a')}}));
      EXPECT_TRUE(Sample(*server, {}).ok()) << bad.first << " " << size;
    }
  }
}

// Slow loris: connections that have said hello, and then drip the headers of a call for ever.
TEST(Headers, ThatNeverEndDoNotHoldUpOthers) {
  const auto server = StartServer();
  const std::string& address = server->addresses().front();
  std::string call = CallWith({{":method", "POST"}, {"big", std::string(100, 'a')}});
  call.resize(call.size() - 50);
  std::vector<std::unique_ptr<RawConnection>> drips;
  for (int i = 0; i < 100; ++i) drips.push_back(std::make_unique<RawConnection>(address, call));
  for (int round = 0; round < 10; ++round) {
    for (const auto& drip : drips) drip->Send("a");
    EXPECT_TRUE(Sample(*server, {}).ok()) << round;
  }
  EXPECT_TRUE(server->Drain(seconds(10)).ok());
}

TEST(Listen, BeyondLoopbackNeedsTlsAndToKnowItsCallersUnlessToldOtherwise) {
  Authority authority;
  const Identity identity = authority.Issue("server", kLocal);
  server::ServerOptions options;
  options.listen = {"0.0.0.0:0"};
  const auto start = [&] { return server::Server::Start(options).status(); };
  EXPECT_EQ(start().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(start().message()), HasSubstr("listen: 0.0.0.0:0"));
  EXPECT_THAT(std::string(start().message()), HasSubstr("--allow_insecure"));
  options.tls = {identity.cert_file, identity.key_file, ""};
  EXPECT_THAT(std::string(start().message()), HasSubstr("--tls_client_ca_file or --token_file"));
  options.tls.client_ca_file = authority.cert_file();
  EXPECT_TRUE(start().ok()) << start();
  options.tls = {};
  options.allow_insecure = true;
  EXPECT_TRUE(start().ok()) << start();
}

// Files of tokens.
class Tokens : public testing::Test {
 protected:
  void Write(const std::string& content) {
    std::ofstream(file_ + ".new") << content;
    std::filesystem::rename(file_ + ".new", file_);
  }

  server::ServerOptions Options() const {
    server::ServerOptions options;
    options.access.token_file = file_;
    return options;
  }

  const TemporaryDirectory directory_;
  const std::string file_ = directory_.Of("tokens");
};

TEST_F(Tokens, EveryCallNeedsOneButHealth) {
  Write(std::string("# of the engines\n\n") + kToken + "\nanother-token\n");
  server::ServerOptions options = Options();
  options.listen = {"127.0.0.1:0", NewUnixAddress()};
  const auto server = StartServer(options);
  for (const std::string& address : server->addresses()) {
    EXPECT_TRUE(Sample(address, {.token = kToken}).ok());
    EXPECT_TRUE(Sample(address, {.token = "another-token"}).ok());
    for (const char* bad : {"", "correct", "# of the engines", "correct-horse-battery-staplE"}) {
      const grpc::Status status = Sample(address, {.token = bad});
      EXPECT_EQ(status.error_code(), grpc::UNAUTHENTICATED) << bad;
      EXPECT_THAT(status.error_message(), HasSubstr("authorization: ")) << bad;
    }
    const auto health = grpc::health::v1::Health::NewStub(ChannelTo(address, {}));
    grpc::ClientContext context;
    grpc::health::v1::HealthCheckResponse response;
    EXPECT_TRUE(health->Check(&context, {}, &response).ok());
  }
}

// Calls a method by its name with an empty request.
grpc::StatusCode CodeOf(const server::Server& server, const std::string& method,
                        const Caller& caller) {
  grpc::GenericStub stub(ChannelTo(server.addresses().front(), caller));
  grpc::ClientContext context;
  Prepare(caller, context);
  grpc::ByteBuffer response;
  const grpc::ByteBuffer empty(nullptr, 0);
  std::promise<grpc::StatusCode> code;
  stub.UnaryCall(&context, method, {}, &empty, &response,
                 [&](const grpc::Status& status) { code.set_value(status.error_code()); });
  return code.get_future().get();
}

TEST_F(Tokens, NoMethodIsOpenToWhoHasNone) {
  Write(kToken);
  const auto server = StartServer(Options());
  const std::string sampler = "/boltzmann.v1.SamplerService/";
  const std::string regions = "/boltzmann.v1.RegionService/";
  for (const std::string& method :
       {sampler + "Sample", sampler + "StreamSample", sampler + "Score", sampler + "Verify",
        sampler + "Describe", sampler + "GetServerInfo", regions + "RegisterRegion",
        regions + "RenewRegion", regions + "UnregisterRegion", regions + "ListRegions"}) {
    EXPECT_EQ(CodeOf(*server, method, {}), grpc::UNAUTHENTICATED) << method;
    EXPECT_NE(CodeOf(*server, method, {.token = kToken}), grpc::UNAUTHENTICATED) << method;
  }
  for (const char* method :
       {"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        "/grpc.channelz.v1.Channelz/GetServers"}) {
    EXPECT_EQ(CodeOf(*server, method, {.token = kToken}), grpc::UNIMPLEMENTED) << method;
  }
}

TEST_F(Tokens, TheServerItselfNeedsNone) {
  Write(kToken);
  server::ServerOptions options = Options();
  options.admin_listen = "127.0.0.1:0";
  const auto server = StartServer(options);
  httplib::Client http("http://" + server->admin_address());
  EXPECT_EQ(http.Get("/api/info")->status, 200);
  EXPECT_EQ(http.Get("/healthz")->status, 200);
}

TEST_F(Tokens, AFileThatChangesIsReadAgainAndOneThatIsUselessIsNot) {
  Write("first-token");
  const auto server = StartServer(Options());
  const auto is_good = [&](const char* token) { return Sample(*server, {.token = token}).ok(); };
  EXPECT_TRUE(is_good("first-token"));
  Write("second-token");
  EXPECT_TRUE(Eventually([&] { return is_good("second-token"); }));
  EXPECT_FALSE(is_good("first-token"));
  Write("no token");
  std::this_thread::sleep_for(seconds(1));
  EXPECT_TRUE(is_good("second-token"));
  std::filesystem::remove(file_);
  std::this_thread::sleep_for(seconds(1));
  EXPECT_TRUE(is_good("second-token"));
}

TEST_F(Tokens, AFileWithoutAnyIsAnErrorThatNamesIt) {
  const auto error = [&] {
    const absl::Status status = server::Server::Start(Options()).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    return std::string(status.message());
  };
  EXPECT_THAT(error(), HasSubstr("token_file: " + file_ + ": No such file"));
  Write("# none\n");
  EXPECT_THAT(error(), HasSubstr("holds no token"));
  Write("good-one\nbad one\n");
  EXPECT_THAT(error(), HasSubstr("line 2 is no token"));
}

TEST_F(Tokens, AreCountedWhenTheyAreMissing) {
  Write(kToken);
  const auto server = StartServer(Options());
  EXPECT_FALSE(Sample(*server, {}).ok());
  const auto stub = v1::SamplerService::NewStub(server->TEST_InProcessChannel());
  grpc::ClientContext context;
  v1::GetServerInfoResponse info;
  ASSERT_TRUE(stub->GetServerInfo(&context, {}, &info).ok());
  EXPECT_EQ(info.counters().denied_count(), 1);
}

}  // namespace
}  // namespace boltzmann::test
