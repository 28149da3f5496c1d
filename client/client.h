// The C++ client of Boltzmann.
#ifndef BOLTZMANN_CLIENT_CLIENT_H_
#define BOLTZMANN_CLIENT_CLIENT_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "boltzmann/v1/sampler.grpc.pb.h"

namespace boltzmann::client {

struct ClientOptions {
  // Where the server listens: "127.0.0.1:50051", "unix:/run/boltzmann.sock", or any other gRPC
  // target. Not empty.
  std::string target = "127.0.0.1:50051";

  // What one call may take, its retries included. Positive and finite: no call is ever made
  // without a deadline. Raise it for very large batches.
  absl::Duration timeout = absl::Seconds(10);

  // How many times a call is tried while the answer is UNAVAILABLE. From 1, no retry, to 5, which
  // is gRPC's own limit. The pauses are random, below 50 ms at first and twice that each time.
  int max_attempts = 3;
};

// Calls a Boltzmann server, and waits for its answer.
//
// Threads: any thread may call any method at any time; calls run side by side on one connection.
// Failure: the gRPC status code, and a message that lists every violation that the server found,
// one a line (see call_error.h). Only UNAVAILABLE is tried again.
// Cost: a call copies no logits of its own; gRPC serialises the request once.
class Client {
 public:
  // A client with a channel of its own, without TLS and never through an HTTP proxy. Connects at
  // the first call, and again whenever the connection is lost. INVALID_ARGUMENT if an option is
  // out of its range.
  static absl::StatusOr<Client> Create(const ClientOptions& options);

  // A client over a channel that the caller made, for instance an in-process one or one with TLS.
  // Whether calls are tried again is up to the channel. `timeout` as in ClientOptions.
  static absl::StatusOr<Client> Create(std::shared_ptr<grpc::ChannelInterface> channel,
                                       absl::Duration timeout);

  // Of the methods that take a batch: the reply has one entry for each row, or for each sequence of
  // `Verify`, else the call fails with INTERNAL. RESOURCE_EXHAUSTED, before anything is sent, if
  // the request has 2 GiB or more, which is protobuf's limit.

  // Draws tokens for each row of a batch: one decode step.
  absl::StatusOr<v1::SampleResponse> Sample(const v1::SampleRequest& request) const;

  // Tells the log-prob and the rank of a named token for each row of a batch.
  absl::StatusOr<v1::ScoreResponse> Score(const v1::ScoreRequest& request) const;

  // Verifies drafted tokens for each sequence of a batch: speculative decoding.
  absl::StatusOr<v1::VerifyResponse> Verify(const v1::VerifyRequest& request) const;

  // Describes what each row of a batch would be drawn from.
  absl::StatusOr<v1::DescribeResponse> Describe(const v1::DescribeRequest& request) const;

  // The server's version, limits and features.
  absl::StatusOr<v1::GetServerInfoResponse> GetServerInfo() const;

 private:
  using Stub = v1::SamplerService::StubInterface;

  Client(std::unique_ptr<Stub> stub, absl::Duration timeout);

  // A method of the stub that waits for its answer.
  template <typename Request, typename Response>
  using Method = grpc::Status (Stub::*)(grpc::ClientContext*, const Request&, Response*);

  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(Method<Request, Response> method, const Request& request) const;

  std::unique_ptr<Stub> stub_;
  absl::Duration timeout_;
};

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_CLIENT_H_
