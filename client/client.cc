#include "client/client.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/generic_stub.h>

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "boltzmann/v1/sampler.grpc.pb.h"
#include "client/request_bytes.h"
#include "client/retry.h"

namespace boltzmann::client {
namespace {

// One attempt at a call, which waits for its answer. The queue is the call's own and is asked by
// the thread that waits: nothing else runs for it.
template <typename Response>
grpc::Status CallOnce(const Connection& connection, const std::string& method,
                      const grpc::ByteBuffer& request, absl::Time deadline,
                      grpc::ClientContext& context, Response& response) {
  Prepare(connection, context);
  context.set_deadline(absl::ToChronoTime(deadline));
  grpc::CompletionQueue queue;
  grpc::TemplatedGenericStub<grpc::ByteBuffer, Response> stub(connection.channel);
  const auto call = stub.PrepareUnaryCall(&context, method, request, &queue);
  call->StartCall();
  grpc::Status status;
  call->Finish(&response, &status, nullptr);
  void* tag;
  bool ok;
  queue.Next(&tag, &ok);
  return status;
}

// A call of `method`, tried again where that helps and the deadline allows it.
template <typename Response>
absl::StatusOr<Response> Call(const Connection& connection, const std::string& method,
                              const absl::StatusOr<grpc::ByteBuffer>& request) {
  if (!request.ok()) return request.status();
  const absl::Time deadline = absl::Now() + connection.timeout;
  for (int attempt = 1;; ++attempt) {
    grpc::ClientContext context;
    Response response;
    const grpc::Status status = CallOnce(connection, method, *request, deadline, context, response);
    if (status.ok()) return response;
    if (attempt == connection.max_attempts) return StatusOf(connection, status);
    const std::optional<absl::Duration> pause = PauseBeforeRetry(attempt, status, context);
    if (!pause || absl::Now() + *pause >= deadline) return StatusOf(connection, status);
    absl::SleepFor(*pause);
  }
}

std::string SamplerMethod(const char* name) {
  return absl::StrCat("/", v1::SamplerService::service_full_name(), "/", name);
}

std::string RegionMethod(const char* name) {
  return absl::StrCat("/", v1::RegionService::service_full_name(), "/", name);
}

// What must come back for a request: `count` entries, one for each of `of`.
struct Expected {
  const char* entries;
  int64_t count;
  const char* of;
};

Expected ResultsOf(const v1::Logits& logits) { return {"results", logits.row_count(), "rows"}; }

// The reply, or INTERNAL if it has more or fewer entries than expected.
template <typename Response>
absl::StatusOr<Response> Checked(absl::StatusOr<Response> response,
                                 int (Response::*entry_count)() const, const Expected& expected) {
  if (!response.ok()) return response;
  const int found = ((*response).*entry_count)();
  if (found == expected.count) return response;
  return absl::InternalError(absl::StrCat("the server answered with ", found, " ", expected.entries,
                                          " for ", expected.count, " ", expected.of));
}

absl::StatusOr<v1::SampleResponse> CallSample(const Connection& connection,
                                              const v1::SampleRequest& request,
                                              absl::StatusOr<grpc::ByteBuffer> bytes) {
  return Checked(Call<v1::SampleResponse>(connection, SamplerMethod("Sample"), std::move(bytes)),
                 &v1::SampleResponse::results_size, ResultsOf(request.logits()));
}

absl::StatusOr<v1::ScoreResponse> CallScore(const Connection& connection,
                                            const v1::ScoreRequest& request,
                                            absl::StatusOr<grpc::ByteBuffer> bytes) {
  return Checked(Call<v1::ScoreResponse>(connection, SamplerMethod("Score"), std::move(bytes)),
                 &v1::ScoreResponse::results_size, ResultsOf(request.logits()));
}

absl::StatusOr<v1::VerifyResponse> CallVerify(const Connection& connection,
                                              const v1::VerifyRequest& request,
                                              absl::StatusOr<grpc::ByteBuffer> bytes) {
  return Checked(Call<v1::VerifyResponse>(connection, SamplerMethod("Verify"), std::move(bytes)),
                 &v1::VerifyResponse::results_size,
                 {"results", request.sequences_size(), "sequences"});
}

absl::StatusOr<v1::DescribeResponse> CallDescribe(const Connection& connection,
                                                  const v1::DescribeRequest& request,
                                                  absl::StatusOr<grpc::ByteBuffer> bytes) {
  return Checked(
      Call<v1::DescribeResponse>(connection, SamplerMethod("Describe"), std::move(bytes)),
      &v1::DescribeResponse::descriptions_size,
      {"descriptions", request.logits().row_count(), "rows"});
}

// The bytes of a request that takes its logits' bytes from `inline_data`.
template <typename Request>
absl::StatusOr<grpc::ByteBuffer> BytesWith(const Request& request, Payload inline_data) {
  return RequestBytes(request, request.logits(), std::move(inline_data));
}

}  // namespace

absl::StatusOr<Client> Client::Create(const ClientOptions& options) {
  absl::StatusOr<Connection> connection = Connect(options);
  if (!connection.ok()) return connection.status();
  return Client(*std::move(connection));
}

absl::StatusOr<Client> Client::Create(std::shared_ptr<grpc::ChannelInterface> channel,
                                      absl::Duration timeout, const std::string& caller) {
  absl::StatusOr<Connection> connection = ConnectOver(std::move(channel), timeout, caller);
  if (!connection.ok()) return connection.status();
  return Client(*std::move(connection));
}

Client::Client(Connection connection) : connection_(std::move(connection)) {}

absl::StatusOr<v1::SampleResponse> Client::Sample(const v1::SampleRequest& request) const {
  return CallSample(connection_, request, RequestBytes(request));
}

absl::StatusOr<v1::SampleResponse> Client::Sample(const v1::SampleRequest& request,
                                                  Payload inline_data) const {
  return CallSample(connection_, request, BytesWith(request, std::move(inline_data)));
}

absl::StatusOr<v1::ScoreResponse> Client::Score(const v1::ScoreRequest& request) const {
  return CallScore(connection_, request, RequestBytes(request));
}

absl::StatusOr<v1::ScoreResponse> Client::Score(const v1::ScoreRequest& request,
                                                Payload inline_data) const {
  return CallScore(connection_, request, BytesWith(request, std::move(inline_data)));
}

absl::StatusOr<v1::VerifyResponse> Client::Verify(const v1::VerifyRequest& request) const {
  return CallVerify(connection_, request, RequestBytes(request));
}

absl::StatusOr<v1::VerifyResponse> Client::Verify(const v1::VerifyRequest& request,
                                                  Payload inline_data) const {
  return CallVerify(connection_, request, BytesWith(request, std::move(inline_data)));
}

absl::StatusOr<v1::DescribeResponse> Client::Describe(const v1::DescribeRequest& request) const {
  return CallDescribe(connection_, request, RequestBytes(request));
}

absl::StatusOr<v1::DescribeResponse> Client::Describe(const v1::DescribeRequest& request,
                                                      Payload inline_data) const {
  return CallDescribe(connection_, request, BytesWith(request, std::move(inline_data)));
}

absl::StatusOr<v1::GetServerInfoResponse> Client::GetServerInfo() const {
  return Call<v1::GetServerInfoResponse>(connection_, SamplerMethod("GetServerInfo"),
                                         RequestBytes(v1::GetServerInfoRequest()));
}

absl::StatusOr<v1::RegisterRegionResponse> Client::RegisterRegion(
    const v1::RegisterRegionRequest& request) const {
  return Call<v1::RegisterRegionResponse>(connection_, RegionMethod("RegisterRegion"),
                                          RequestBytes(request));
}

absl::StatusOr<v1::RenewRegionResponse> Client::RenewRegion(
    const v1::RenewRegionRequest& request) const {
  return Call<v1::RenewRegionResponse>(connection_, RegionMethod("RenewRegion"),
                                       RequestBytes(request));
}

absl::StatusOr<v1::UnregisterRegionResponse> Client::UnregisterRegion(
    const v1::UnregisterRegionRequest& request) const {
  return Call<v1::UnregisterRegionResponse>(connection_, RegionMethod("UnregisterRegion"),
                                            RequestBytes(request));
}

absl::StatusOr<v1::ListRegionsResponse> Client::ListRegions() const {
  return Call<v1::ListRegionsResponse>(connection_, RegionMethod("ListRegions"),
                                       RequestBytes(v1::ListRegionsRequest()));
}

}  // namespace boltzmann::client
