#include "client/stream_call.h"

#include <grpcpp/channel.h>
#include <grpcpp/generic/generic_stub.h>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace boltzmann::client {
namespace {

constexpr char kMethod[] = "/boltzmann.v1.SamplerService/StreamSample";

}  // namespace

StreamCall::StreamCall(const Connection& connection) : connection_(connection) {
  Prepare(connection_, context_);
  stream_ =
      grpc::TemplatedGenericStub<grpc::ByteBuffer, v1::StreamSampleResponse>(connection_.channel)
          .PrepareCall(&context_, kMethod, &operations_.completions());
}

StreamCall::~StreamCall() {
  if (!started_ || finished_) return;
  Cancel(absl::CancelledError("the stream was destroyed"));
  Finish(absl::Now()).IgnoreError();
}

bool StreamCall::Start(absl::Time deadline) {
  started_ = true;
  stream_->StartCall(operations_.Begin(start_));
  return Complete(start_, deadline, "no stream was opened");
}

bool StreamCall::Write(const grpc::ByteBuffer& bytes, absl::Time deadline) {
  MutexLock lock(writing_);
  stream_->Write(bytes, operations_.Begin(write_));
  return Complete(write_, deadline, "a request could not be sent");
}

bool StreamCall::WritesDone(absl::Time deadline) {
  MutexLock lock(writing_);
  stream_->WritesDone(operations_.Begin(write_));
  return Complete(write_, deadline, "the end of the stream could not be sent");
}

StreamCall::ReadOutcome StreamCall::Read(absl::Time deadline) {
  if (!reading_) stream_->Read(&reply_, operations_.Begin(read_));
  reading_ = !operations_.Wait(read_, deadline);
  if (reading_) return ReadOutcome::kNoneYet;
  return operations_.Succeeded(read_) ? ReadOutcome::kReply : ReadOutcome::kEnded;
}

void StreamCall::Cancel(const absl::Status& why) {
  MutexLock lock(mutex_);
  if (!cancelled_.ok()) return;
  cancelled_ = why;
  context_.TryCancel();
}

absl::Status StreamCall::Finish(absl::Time deadline) {
  MutexLock no_writer(writing_);
  operations_.Wait(read_, absl::InfiniteFuture());
  stream_->Finish(&grpc_status_, operations_.Begin(finish_));
  Complete(finish_, deadline, "the stream did not end");
  finished_ = true;
  MutexLock lock(mutex_);
  return cancelled_.ok() ? StatusOf(connection_, grpc_status_) : cancelled_;
}

bool StreamCall::Complete(Operation& operation, absl::Time deadline, const char* what) {
  if (!operations_.Wait(operation, deadline)) {
    Cancel(absl::DeadlineExceededError(absl::StrCat(what, " within the timeout")));
    operations_.Wait(operation, absl::InfiniteFuture());
  }
  return operations_.Succeeded(operation);
}

}  // namespace boltzmann::client
