// The C++ client of Boltzmann.
#ifndef BOLTZMANN_CLIENT_CLIENT_H_
#define BOLTZMANN_CLIENT_CLIENT_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "boltzmann/v1/sampler.pb.h"
#include "client/connection.h"
#include "client/payload.h"

namespace boltzmann::client {

// Calls a Boltzmann server, and waits for its answer.
//
// Threads: any thread may call any method at any time; calls run side by side on one connection.
// Failure: the gRPC status code, and a message that lists every violation that the server found,
// one a line (see call_error.h). Only UNAVAILABLE, RESOURCE_EXHAUSTED and CANCELLED are tried
// again, by another server if there are several: a call whose server is killed or drains is not
// lost (see retry.h).
// Cost: a request is serialised once, which copies its logits; those of a Payload are not copied,
// and those in shared memory (see shared_ring.h) are not sent. Copies of a client share its
// connection.
class Client {
 public:
  // A client with a channel of its own, with TLS if `tls_ca_file` is given, and never through an
  // HTTP proxy. Connects at the first call, and again whenever the connection is lost. The errors
  // of Connect() in connection.h.
  static absl::StatusOr<Client> Create(const ClientOptions& options);

  // A client over a channel that was made elsewhere, for instance an in-process one. It sends no
  // token, and whether calls are tried again is up to the channel. `timeout` and `caller` as in
  // ClientOptions.
  static absl::StatusOr<Client> Create(std::shared_ptr<grpc::ChannelInterface> channel,
                                       absl::Duration timeout, const std::string& caller = "");

  // Of the methods that take a batch: the reply has one entry for each row, or for each sequence of
  // `Verify`, else the call fails with INTERNAL. RESOURCE_EXHAUSTED, before anything is sent, if
  // the request has 2 GiB or more, which is protobuf's limit.
  //
  // With `inline_data` the server sees the very request that has these bytes in
  // `logits.inline_data`, but they are sent from where they lie. INVALID_ARGUMENT if the request
  // itself has a source of logits.

  // Draws tokens for each row of a batch: one decode step.
  absl::StatusOr<v1::SampleResponse> Sample(const v1::SampleRequest& request) const;
  absl::StatusOr<v1::SampleResponse> Sample(const v1::SampleRequest& request,
                                            Payload inline_data) const;

  // Tells the log-prob and the rank of a named token for each row of a batch.
  absl::StatusOr<v1::ScoreResponse> Score(const v1::ScoreRequest& request) const;
  absl::StatusOr<v1::ScoreResponse> Score(const v1::ScoreRequest& request,
                                          Payload inline_data) const;

  // Verifies drafted tokens for each sequence of a batch: speculative decoding.
  absl::StatusOr<v1::VerifyResponse> Verify(const v1::VerifyRequest& request) const;
  absl::StatusOr<v1::VerifyResponse> Verify(const v1::VerifyRequest& request,
                                            Payload inline_data) const;

  // Describes what each row of a batch would be drawn from.
  absl::StatusOr<v1::DescribeResponse> Describe(const v1::DescribeRequest& request) const;
  absl::StatusOr<v1::DescribeResponse> Describe(const v1::DescribeRequest& request,
                                                Payload inline_data) const;

  // The server's version, limits, features and counters.
  absl::StatusOr<v1::GetServerInfoResponse> GetServerInfo() const;

  // Regions of shared memory, see RegionService. SharedRegion calls these in due order.
  absl::StatusOr<v1::RegisterRegionResponse> RegisterRegion(
      const v1::RegisterRegionRequest& request) const;
  absl::StatusOr<v1::RenewRegionResponse> RenewRegion(const v1::RenewRegionRequest& request) const;
  absl::StatusOr<v1::UnregisterRegionResponse> UnregisterRegion(
      const v1::UnregisterRegionRequest& request) const;
  absl::StatusOr<v1::ListRegionsResponse> ListRegions() const;

  // What every call goes over and carries.
  const Connection& connection() const { return connection_; }

 private:
  explicit Client(Connection connection);

  Connection connection_;
};

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_CLIENT_H_
