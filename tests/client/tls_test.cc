// TLS, client certificates and tokens between the client and gRPC's own server.
#include "client/tls.h"

#include <gmock/gmock.h>
#include <grpcpp/security/server_credentials.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "client/client.h"
#include "client/sample_stream.h"
#include "tests/certificates.h"
#include "tests/client/fake_server.h"
#include "tests/client/run_command.h"
#include "tests/client/temporary_file.h"
#include "tests/process.h"

namespace boltzmann::client {
namespace {

using test::Authority;
using test::ContentOf;
using test::FakeServer;
using test::Identity;
using test::TemporaryFile;
using ::testing::Each;
using ::testing::HasSubstr;

// Credentials of a server that is known by `identity`, and asks its clients for certificates of
// `clients`, if there is one.
std::shared_ptr<grpc::ServerCredentials> CredentialsOf(const Identity& identity,
                                                       const Authority* clients) {
  grpc::SslServerCredentialsOptions options(
      clients == nullptr ? GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE
                         : GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  options.pem_key_cert_pairs.push_back(
      {ContentOf(identity.key_file), ContentOf(identity.cert_file)});
  if (clients != nullptr) options.pem_root_certs = ContentOf(clients->cert_file());
  return grpc::SslServerCredentials(options);
}

class Tls : public testing::Test {
 protected:
  std::unique_ptr<FakeServer> Serve(const std::string& names, const Authority* clients = nullptr) {
    return std::make_unique<FakeServer>(test::AnswerGreedily,
                                        CredentialsOf(authority_.Issue("server", names), clients));
  }

  ClientOptions OptionsFor(const FakeServer& server) const {
    return {.target = server.address(),
            .timeout = absl::Seconds(20),
            .tls_ca_file = authority_.cert_file()};
  }

  Authority authority_;
};

absl::Status Ask(const ClientOptions& options) {
  const absl::StatusOr<Client> client = Client::Create(options);
  return client.ok() ? client->GetServerInfo().status() : client.status();
}

void ExpectUnreachable(const ClientOptions& options) {
  EXPECT_EQ(Ask(options).code(), absl::StatusCode::kUnavailable) << Ask(options);
}

void ExpectRefused(const ClientOptions& options, absl::StatusCode code, const std::string& why) {
  const absl::Status status = Client::Create(options).status();
  EXPECT_EQ(status.code(), code) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(why));
}

TEST_F(Tls, ReachesAServerWhoseCertificateIsFromTheAuthority) {
  const auto server = Serve("IP:127.0.0.1");
  const auto client = Client::Create(OptionsFor(*server));
  ASSERT_TRUE(client.ok()) << client.status();
  const auto response = client->Sample(test::ZeroLogits(3, 5));
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->results_size(), 3);
  EXPECT_TRUE(SampleStream::Open(*client).ok());
}

TEST_F(Tls, DoesNotSpeakPlainlyToAServerWithTlsNorTheOtherWayRound) {
  const auto server = Serve("IP:127.0.0.1");
  ExpectUnreachable({.target = server->address()});
  FakeServer plain(test::AnswerGreedily);
  ExpectUnreachable(OptionsFor(plain));
}

TEST_F(Tls, DoesNotTrustAnotherAuthority) {
  const auto server = Serve("IP:127.0.0.1");
  ClientOptions options = OptionsFor(*server);
  const Authority other;
  options.tls_ca_file = other.cert_file();
  ExpectUnreachable(options);
}

TEST_F(Tls, AsksForTheNameOfTheTargetOrForTheOneGiven) {
  const auto server = Serve("DNS:sampler.example.com");
  ClientOptions options = OptionsFor(*server);
  ExpectUnreachable(options);
  options.tls_server_name = "sampler.example.com";
  EXPECT_TRUE(Ask(options).ok()) << Ask(options);
  options.tls_server_name = "other.example.com";
  ExpectUnreachable(options);
}

// gRPC knows no host of a list.
TEST_F(Tls, NeedsANameForAListOfServers) {
  const auto server = Serve("DNS:sampler.example.com,IP:127.0.0.1");
  ClientOptions options = OptionsFor(*server);
  options.target = "ipv4:" + server->address() + "," + server->address();
  ExpectRefused(options, absl::StatusCode::kInvalidArgument, "tls_server_name: is needed");
  options.tls_server_name = "sampler.example.com";
  EXPECT_TRUE(Ask(options).ok()) << Ask(options);
}

TEST_F(Tls, ShowsItsCertificateToAServerThatAsksForOne) {
  Authority clients;
  const auto server = Serve("IP:127.0.0.1", &clients);
  ClientOptions options = OptionsFor(*server);
  ExpectUnreachable(options);
  const Identity stranger = authority_.Issue("stranger", "DNS:stranger");
  options.tls_cert_file = stranger.cert_file;
  options.tls_key_file = stranger.key_file;
  ExpectUnreachable(options);
  const Identity client = clients.Issue("client", "DNS:client");
  options.tls_cert_file = client.cert_file;
  options.tls_key_file = client.key_file;
  EXPECT_TRUE(Ask(options).ok()) << Ask(options);
}

// The client goes on as it is; its certificate is another one in the same files.
TEST_F(Tls, TakesUpACertificateThatIsRenewed) {
  Authority clients;
  const auto server = Serve("IP:127.0.0.1", &clients);
  ClientOptions options = OptionsFor(*server);
  const Identity own = authority_.Issue("client", "DNS:client");
  options.tls_cert_file = own.cert_file;
  options.tls_key_file = own.key_file;
  const auto client = Client::Create(options);
  ASSERT_TRUE(client.ok()) << client.status();
  EXPECT_FALSE(client->GetServerInfo().ok());
  const Identity renewed = clients.Issue("client", "DNS:client");
  std::filesystem::rename(renewed.key_file, own.key_file);
  std::filesystem::rename(renewed.cert_file, own.cert_file);
  absl::Status status = absl::UnknownError("");
  for (int i = 0; i < 200 && !status.ok(); ++i) {
    absl::SleepFor(absl::Milliseconds(50));
    status = client->GetServerInfo().status();
  }
  EXPECT_TRUE(status.ok()) << status;
}

TEST_F(Tls, RefusesOptionsThatDoNotGoTogether) {
  const auto refuse = [](const ClientOptions& options, const std::string& why) {
    ExpectRefused(options, absl::StatusCode::kInvalidArgument, why);
  };
  const std::string& ca = authority_.cert_file();
  refuse({.tls_ca_file = ca, .tls_cert_file = "a"}, "tls_key_file: is needed beside tls_cert_file");
  refuse({.tls_ca_file = ca, .tls_key_file = "a"}, "tls_cert_file: is needed beside tls_key_file");
  refuse({.tls_cert_file = "a", .tls_key_file = "b"}, "tls_ca_file: is needed beside tls_cert");
  refuse({.tls_server_name = "a"}, "tls_ca_file: is needed beside tls_server_name");
  refuse({.target = "unix:/run/s", .tls_ca_file = ca}, "tls_ca_file: unix:/run/s speaks no TLS");
}

TEST_F(Tls, RefusesFilesThatAreNotWhatTheyShouldBe) {
  const auto refuse = [this](ClientOptions options, const std::string& why) {
    if (options.tls_ca_file.empty()) options.tls_ca_file = authority_.cert_file();
    ExpectRefused(options, absl::StatusCode::kFailedPrecondition, why);
  };
  const TemporaryFile text("text", "-----BEGIN CERTIFICATE-----\nno\n-----END CERTIFICATE-----\n");
  const Identity own = authority_.Issue("client", "DNS:client");
  const Identity other = authority_.Issue("other", "DNS:other");
  refuse({.tls_ca_file = text.path()},
         "tls_ca_file: " + text.path() + " has no certificate in PEM");
  refuse({.tls_ca_file = own.key_file}, "tls_ca_file: " + own.key_file + " has no certificate");
  refuse({.tls_cert_file = text.path(), .tls_key_file = own.key_file},
         "tls_cert_file: " + text.path() + " has no certificate in PEM");
  refuse({.tls_cert_file = own.cert_file, .tls_key_file = own.cert_file},
         "tls_key_file: " + own.cert_file + " has no private key in PEM");
  refuse(
      {.tls_cert_file = own.cert_file, .tls_key_file = other.key_file},
      "tls_key_file: " + other.key_file + " is not the key of the certificate in " + own.cert_file);
  ExpectRefused({.tls_ca_file = "/no/such/file"}, absl::StatusCode::kNotFound,
                "tls_ca_file: /no/such/file cannot be read: No such file or directory");
}

TEST_F(Tls, AsksNobodyForThePassphraseOfAKey) {
  const Identity own = authority_.Issue("client", "DNS:client");
  const TemporaryFile locked("key", "");
  test::Process openssl("/usr/bin/env", {"openssl", "pkcs8", "-topk8", "-in", own.key_file, "-out",
                                         locked.path(), "-passout", "pass:secret"});
  ASSERT_EQ(openssl.Wait(), 0) << openssl.text();
  ExpectRefused({.tls_ca_file = authority_.cert_file(),
                 .tls_cert_file = own.cert_file,
                 .tls_key_file = locked.path()},
                absl::StatusCode::kFailedPrecondition,
                "has no private key in PEM that could be read without a passphrase");
}

TEST_F(Tls, SendsTheTokenWithEveryCallAndStream) {
  const TemporaryFile token("token", "s3cret\n");
  const auto server = Serve("IP:127.0.0.1");
  ClientOptions options = OptionsFor(*server);
  options.token_file = token.path();
  const auto client = Client::Create(options);
  ASSERT_TRUE(client.ok()) << client.status();
  ASSERT_TRUE(client->Sample(test::ZeroLogits(1, 1)).ok());
  ASSERT_TRUE(client->GetServerInfo().ok());
  const auto stream = *SampleStream::Open(*client);
  ASSERT_TRUE(stream->Send(test::ZeroLogits(1, 1)).ok());
  ASSERT_TRUE(stream->Receive().ok());
  EXPECT_EQ(server->service().authorizations().size(), 3u);
  EXPECT_THAT(server->service().authorizations(), Each("Bearer s3cret"));
}

TEST(Token, IsSentPlainlyToThisHostOnly) {
  const TemporaryFile token("token", "s3cret\n");
  FakeServer server(test::AnswerGreedily);
  EXPECT_TRUE(Ask({.target = server.address(), .token_file = token.path()}).ok());
  EXPECT_THAT(server.service().authorizations(), Each("Bearer s3cret"));
  EXPECT_TRUE(Client::Create({.target = "unix:/run/s", .token_file = token.path()}).ok());
  for (const char* target : {"10.0.0.1:50051", "sampler:50051", "ipv4:127.0.0.1:1,10.0.0.1:1"}) {
    ExpectRefused({.target = target, .token_file = token.path()},
                  absl::StatusCode::kInvalidArgument,
                  std::string("token_file: a token sent to ") + target +
                      " without TLS could be "
                      "read on the way: give tls_ca_file, or a Unix socket or a loopback address");
  }
  const Authority authority;
  EXPECT_TRUE(Client::Create({.target = "sampler:50051",
                              .tls_ca_file = authority.cert_file(),
                              .token_file = token.path()})
                  .ok());
}

TEST(Token, IsNotSentUnlessGiven) {
  FakeServer server(test::AnswerGreedily);
  EXPECT_TRUE(Ask({.target = server.address()}).ok());
  EXPECT_THAT(server.service().authorizations(), Each(""));
}

TEST(Token, IsTheOneThatTheFileHasNow) {
  const TemporaryFile token("token", "first\n");
  FakeServer server(test::AnswerGreedily);
  const auto client = Client::Create({.target = server.address(), .token_file = token.path()});
  ASSERT_TRUE(client->GetServerInfo().ok());
  std::ofstream(token.path()) << "second\n";
  std::string last;
  for (int i = 0; i < 200 && last != "Bearer second"; ++i) {
    ASSERT_TRUE(client->GetServerInfo().ok());
    last = server.service().authorizations().back();
    absl::SleepFor(absl::Milliseconds(50));
  }
  EXPECT_EQ(last, "Bearer second");
  EXPECT_EQ(server.service().authorizations().front(), "Bearer first");
}

// Else nobody would know why a token that was replaced is refused.
TEST(Token, IsSaidToBeOldWhereAServerRefusesItAndItsFileCannotBeRead) {
  const TemporaryFile token("token", "first\n");
  FakeServer server(test::AnswerAlways({grpc::UNAUTHENTICATED, "no"}));
  const auto client = Client::Create({.target = server.address(), .token_file = token.path()});
  const auto refusal = [&] { return client->Sample(test::ZeroLogits(1, 1)).status(); };
  EXPECT_EQ(refusal(), absl::UnauthenticatedError("no"));
  std::filesystem::remove(token.path());
  for (int i = 0; i < 200 && refusal().message() == "no"; ++i) {
    absl::SleepFor(absl::Milliseconds(50));
  }
  EXPECT_EQ(refusal(), absl::UnauthenticatedError(
                           "no\n(the token that was sent may be an old one: token_file: " +
                           token.path() + " cannot be read: No such file or directory)"));
}

TEST_F(Tls, IsWhatTheFlagsOfEveryCommandSay) {
  const TemporaryFile token("token", "s3cret\n");
  Authority clients;
  const auto server = Serve("DNS:sampler.example.com", &clients);
  const Identity own = clients.Issue("client", "DNS:client");
  const std::vector<std::string> flags = {
      "--server",          server->address(),     "--tls_ca_file",  authority_.cert_file(),
      "--tls_cert_file",   own.cert_file,         "--tls_key_file", own.key_file,
      "--tls_server_name", "sampler.example.com", "--token_file",   token.path()};
  const std::vector<std::vector<std::string>> commands = {
      {"info"},
      {"sample", "--logits", "-"},
      {"score", "--logits", "-", "--token_ids", "1"},
      {"describe", "--logits", "-"},
      {"generate", "--tokens", "2"},
      {"load", "--requests", "4", "--vocab_size", "10", "--warmup", "0"},
      {"load", "--requests", "4", "--vocab_size", "10", "--warmup", "0", "--method", "stream"}};
  for (std::vector<std::string> command : commands) {
    const size_t before = server->service().authorizations().size();
    command.insert(command.end(), flags.begin(), flags.end());
    const test::CommandResult result = test::RunCommand(command, "1 2 3");
    EXPECT_EQ(result.exit_code, 0) << command[0] << ": " << result.err;
    EXPECT_GT(server->service().authorizations().size(), before) << command[0];
  }
  EXPECT_THAT(server->service().authorizations(), Each("Bearer s3cret"));
}

TEST(CredentialFlags, ExitWithTwoForAMisuseAndWithOneForAFile) {
  const auto run = [](const std::string& flag) {
    return test::RunCommand({"info", "--server", "sampler:50051", flag});
  };
  EXPECT_EQ(run("--tls_server_name=x").exit_code, 2);
  EXPECT_EQ(run("--token_file=/no/such/token").exit_code, 2);  // without TLS
  EXPECT_EQ(run("--tls_ca_file=/no/such/file").exit_code, 1);
  EXPECT_THAT(run("--tls_ca_file=/no/such/file").err,
              HasSubstr("boltzmann: tls_ca_file: /no/such/file cannot be read: No such file"));
}

}  // namespace
}  // namespace boltzmann::client
