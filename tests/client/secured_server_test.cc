// The client and boltzmann-server's own TLS, client certificates and tokens.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "client/client.h"
#include "client/sample_stream.h"
#include "tests/certificates.h"
#include "tests/client/fake_server.h"
#include "tests/client/run_command.h"
#include "tests/process.h"
#include "tests/temporary_directory.h"

namespace boltzmann::client {
namespace {

using test::Authority;
using test::Identity;

class SecuredServer : public testing::Test {
 protected:
  SecuredServer() { EXPECT_TRUE(server_.ReadUntil("serving")) << server_.text(); }

  static std::string Written(const std::string& path, const std::string& content) {
    std::ofstream(path) << content;
    return path;
  }

  // Where the server listens on TCP, as it says.
  std::string TcpAddress() const {
    const size_t at = server_.text().find("127.0.0.1:");
    return server_.text().substr(at, server_.text().find_first_not_of("0123456789", at + 10) - at);
  }

  ClientOptions OverTcp() const {
    return {.target = TcpAddress(),
            .timeout = absl::Seconds(30),
            .tls_ca_file = servers_.cert_file(),
            .tls_cert_file = client_.cert_file,
            .tls_key_file = client_.key_file,
            .tls_server_name = "sampler.example.com",
            .token_file = token_file_};
  }

  static absl::Status Ask(const ClientOptions& options) {
    const auto client = Client::Create(options);
    return client.ok() ? client->GetServerInfo().status() : client.status();
  }

  const test::TemporaryDirectory directory_;
  Authority servers_;
  Authority clients_;
  const Identity identity_ = servers_.Issue("server", "DNS:sampler.example.com");
  const Identity client_ = clients_.Issue("client", "DNS:engine-1");
  const std::string token_file_ = Written(directory_.Of("token"), "s3cret\n");
  const std::string server_tokens_ = Written(directory_.Of("tokens"), "other\ns3cret\n");
  const std::string socket_ = "unix:" + directory_.Of("socket");
  test::Process server_{
      BOLTZMANN_SERVER,
      {"--listen=127.0.0.1:0," + socket_, "--workers=1", "--tls_cert_file=" + identity_.cert_file,
       "--tls_key_file=" + identity_.key_file, "--tls_client_ca_file=" + clients_.cert_file(),
       "--tls_allowed_clients=engine-1", "--token_file=" + server_tokens_}};
};

TEST_F(SecuredServer, AnswersAClientWithCertificateAndToken) {
  const auto client = Client::Create(OverTcp());
  ASSERT_TRUE(client.ok()) << client.status();
  const auto sampled = client->Sample(test::ZeroLogits(3, 5));
  EXPECT_TRUE(sampled.ok()) << sampled.status();
  const auto described = client->Describe(test::ZeroLogits<v1::DescribeRequest>(1, 5));
  EXPECT_TRUE(described.ok()) << described.status();
  const auto stream = SampleStream::Open(*client);
  ASSERT_TRUE(stream.ok()) << stream.status();
  ASSERT_TRUE((*stream)->Send(test::ZeroLogits(1, 5)).ok());
  const auto streamed = (*stream)->Receive();
  EXPECT_TRUE(streamed.ok()) << streamed.status();
}

TEST_F(SecuredServer, AnswersACommandWithItsFlags) {
  const test::CommandResult result = test::RunCommand({"load",
                                                       "--server",
                                                       TcpAddress(),
                                                       "--tls_ca_file",
                                                       servers_.cert_file(),
                                                       "--tls_cert_file",
                                                       client_.cert_file,
                                                       "--tls_key_file",
                                                       client_.key_file,
                                                       "--tls_server_name",
                                                       "sampler.example.com",
                                                       "--token_file",
                                                       token_file_,
                                                       "--requests",
                                                       "20",
                                                       "--warmup",
                                                       "0",
                                                       "--vocab_size",
                                                       "100",
                                                       "--verify",
                                                       "1"});
  EXPECT_EQ(result.exit_code, 0) << result.err << result.out;
}

TEST_F(SecuredServer, TurnsAwayWhoLacksAToken) {
  ClientOptions options = OverTcp();
  options.token_file = "";
  EXPECT_EQ(Ask(options).code(), absl::StatusCode::kUnauthenticated) << Ask(options);
  options.token_file = Written(directory_.Of("wrong"), "wrong\n");
  EXPECT_EQ(Ask(options).code(), absl::StatusCode::kUnauthenticated) << Ask(options);
}

TEST_F(SecuredServer, TurnsAwayWhoLacksAnAllowedCertificate) {
  ClientOptions options = OverTcp();
  const Identity other = clients_.Issue("other", "DNS:engine-2");
  options.tls_cert_file = other.cert_file;
  options.tls_key_file = other.key_file;
  EXPECT_EQ(Ask(options).code(), absl::StatusCode::kPermissionDenied) << Ask(options);
  options.tls_cert_file = options.tls_key_file = "";
  EXPECT_EQ(Ask(options).code(), absl::StatusCode::kUnavailable) << Ask(options);
}

TEST_F(SecuredServer, TakesTheTokenOverItsPlainUnixSocket) {
  EXPECT_EQ(Ask({.target = socket_}).code(), absl::StatusCode::kUnauthenticated);
  const absl::Status asked = Ask({.target = socket_, .token_file = token_file_});
  EXPECT_TRUE(asked.ok()) << asked;
}

// First the server takes both, then the client sends the new one, then the old one goes.
TEST_F(SecuredServer, GoesOnWhileTheTokenIsReplaced) {
  const auto client = Client::Create({.target = socket_, .token_file = token_file_});
  ASSERT_TRUE(client.ok());
  ASSERT_TRUE(client->GetServerInfo().ok());
  const std::string new_token = Written(directory_.Of("new"), "new\n");
  Written(server_tokens_, "s3cret\nnew\n");
  absl::Status status = absl::UnknownError("");
  for (int i = 0; i < 600 && !status.ok(); ++i) {
    status = Ask({.target = socket_, .token_file = new_token});
    absl::SleepFor(absl::Milliseconds(50));
  }
  EXPECT_TRUE(status.ok()) << status;
  Written(token_file_, "new\n");
  absl::SleepFor(absl::Milliseconds(1100));
  EXPECT_TRUE(client->GetServerInfo().ok());
  Written(server_tokens_, "new\n");
  const std::string old_token = Written(directory_.Of("old"), "s3cret\n");
  for (int i = 0; i < 600 && status.ok(); ++i) {
    const auto info = client->GetServerInfo();
    EXPECT_TRUE(info.ok()) << info.status();
    status = Ask({.target = socket_, .token_file = old_token});
    absl::SleepFor(absl::Milliseconds(50));
  }
  EXPECT_EQ(status.code(), absl::StatusCode::kUnauthenticated);
}

// Their health is watched without a token, which the server does not ask for there.
TEST_F(SecuredServer, IsReachedAsOneOfSeveral) {
  ClientOptions options = OverTcp();
  options.target = "ipv4:" + TcpAddress() + "," + test::FreeAddress();
  const auto client = Client::Create(options);
  ASSERT_TRUE(client.ok()) << client.status();
  for (int i = 0; i < 20; ++i) {
    const auto sampled = client->Sample(test::ZeroLogits(1, 5));
    EXPECT_TRUE(sampled.ok()) << sampled.status();
  }
}

}  // namespace
}  // namespace boltzmann::client
