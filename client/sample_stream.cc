#include "client/sample_stream.h"

#include <grpcpp/support/status.h>

#include <algorithm>
#include <string>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/call_error.h"
#include "client/request_bytes.h"

namespace boltzmann::client {
namespace {

// A single request's error, as the call would have ended with it.
absl::Status ErrorOf(const rpc::v1::Status& error) {
  if (error.code() == grpc::OK) return absl::InternalError("the server answered without an answer");
  return ToAbslStatus(grpc::Status(static_cast<grpc::StatusCode>(error.code()), error.message(),
                                   error.SerializeAsString()));
}

// What a caller is told that did not end the stream itself.
absl::Status WhyBroken(const absl::Status& end) {
  return end.ok() ? absl::UnavailableError("the server has ended the stream") : end;
}

}  // namespace

absl::StatusOr<std::unique_ptr<SampleStream>> SampleStream::Open(const Client& client) {
  auto stream = absl::WrapUnique(new SampleStream(client.connection()));
  if (stream->call_.Start(absl::Now() + stream->timeout_)) return stream;
  return WhyBroken(stream->End());
}

SampleStream::SampleStream(const Connection& connection)
    : timeout_(connection.timeout), call_(connection) {}

SampleStream::~SampleStream() = default;

absl::Status SampleStream::Send(const v1::SampleRequest& request) {
  return SendBytes(request, RequestBytes(request, Envelope::kStreamSampleRequest));
}

absl::Status SampleStream::Send(const v1::SampleRequest& request, Payload inline_data) {
  return SendBytes(request, RequestBytes(request, request.logits(), std::move(inline_data),
                                         Envelope::kStreamSampleRequest));
}

absl::Status SampleStream::SendBytes(const v1::SampleRequest& request,
                                     const absl::StatusOr<grpc::ByteBuffer>& bytes) {
  if (!bytes.ok()) return bytes.status();
  const absl::Time now = absl::Now();
  {
    MutexLock lock(mutex_);
    in_flight_.push_back({request.logits().row_count(), now});
  }
  if (!broken_ && call_.Write(*bytes, now + timeout_)) return absl::OkStatus();
  broken_ = true;
  return absl::UnavailableError("the stream has ended: Receive() and Close() tell why");
}

absl::StatusOr<v1::SampleResponse> SampleStream::Receive() {
  const absl::Time called = absl::Now();
  absl::Time deadline = called + timeout_;
  while (!broken_) {
    const StreamCall::ReadOutcome outcome = call_.Read(deadline);
    if (outcome == StreamCall::ReadOutcome::kEnded) break;
    if (outcome == StreamCall::ReadOutcome::kReply) return Accept(call_.reply());
    const std::optional<absl::Time> sent = OldestSent();
    if (!sent) return absl::DeadlineExceededError("no request is in flight");
    deadline = std::max(called, *sent) + timeout_;
    if (deadline <= absl::Now()) {
      return Break(absl::DeadlineExceededError("no reply came within the timeout"));
    }
  }
  return WhyBroken(End());
}

absl::StatusOr<v1::SampleResponse> SampleStream::Accept(v1::StreamSampleResponse& reply) {
  std::optional<InFlight> request;
  {
    MutexLock lock(mutex_);
    if (!in_flight_.empty()) {
      request = in_flight_.front();
      in_flight_.pop_front();
    }
  }
  if (!request) return Break(absl::InternalError("the server answered what was not asked"));
  if (!reply.has_response()) return ErrorOf(reply.error());
  const int found = reply.response().results_size();
  if (static_cast<uint32_t>(found) == request->row_count) {
    return std::move(*reply.mutable_response());
  }
  return absl::InternalError(absl::StrCat("the server answered with ", found, " results for ",
                                          request->row_count, " rows"));
}

std::optional<absl::Time> SampleStream::OldestSent() {
  MutexLock lock(mutex_);
  if (in_flight_.empty()) return std::nullopt;
  return in_flight_.front().sent;
}

absl::Status SampleStream::Close() {
  if (!broken_) call_.WritesDone(absl::Now() + timeout_);
  return End();
}

absl::Status SampleStream::Break(const absl::Status& why) {
  call_.Cancel(why);
  return End();
}

absl::Status SampleStream::End() {
  if (end_) return *end_;
  const absl::Time deadline = absl::Now() + timeout_;
  StreamCall::ReadOutcome outcome;
  do outcome = call_.Read(deadline);
  while (outcome == StreamCall::ReadOutcome::kReply);
  if (outcome == StreamCall::ReadOutcome::kNoneYet) {
    call_.Cancel(absl::DeadlineExceededError("the stream did not end within the timeout"));
  }
  end_ = call_.Finish(deadline);
  broken_ = true;
  return *end_;
}

}  // namespace boltzmann::client
