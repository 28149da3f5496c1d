#include "server/call.h"

#include <string>
#include <utility>

#include "server/call_record.h"

namespace boltzmann::server {
namespace {

// From its first byte to its last. Waits for its turn, reads its request, works, answers.
class Call final : public grpc::ServerGenericBidiReactor {
 public:
  Call(const char* method, std::unique_ptr<Work> work, grpc::GenericCallbackServerContext& context,
       const Backend& backend)
      : context_(context),
        backend_(backend),
        record_(method, context.peer(), SteadyDeadline(context), backend.counters),
        work_(std::move(work)),
        turn_([this](const absl::Status& status) { Begin(status); },
              [&context] { context.TryCancel(); }) {
    backend_.admission.Request(turn_, CallerOf(context));
  }

  void OnReadDone(bool ok) override {
    if (!ok) return End(absl::CancelledError("the request did not arrive"), nullptr);
    backend_.admission.SetIdle(turn_, false);
    record_.Received();
    work_->Begin(std::move(request_), backend_, record_.deadline(),
                 [this](const absl::Status& status) { End(status, work_.get()); });
  }

  void OnCancel() override {
    work_->Cancel();
    if (backend_.admission.Withdraw(turn_))
      End(absl::CancelledError("the caller cancelled"), nullptr);
  }

  void OnDone() override {
    backend_.admission.End(turn_);
    delete this;
  }

 private:
  void Begin(const absl::Status& status) {
    if (!status.ok()) return End(status, nullptr);
    record_.TurnCame();
    StartRead(&request_);
  }

  void End(const absl::Status& status, const Work* worked) {
    const absl::Status ended = record_.End(status, worked);
    if (!ended.ok()) return Finish(ToGrpc(ended, context_));
    backend_.admission.SetIdle(turn_, true);
    reply_ = work_->TakeReply();
    StartWriteAndFinish(&reply_, grpc::WriteOptions(), grpc::Status::OK);
  }

  grpc::GenericCallbackServerContext& context_;
  const Backend& backend_;
  CallRecord record_;
  std::unique_ptr<Work> work_;
  Admission::Turn turn_;
  grpc::ByteBuffer request_;
  grpc::ByteBuffer reply_;
};

}  // namespace

grpc::ServerGenericBidiReactor* NewCall(const char* method, std::unique_ptr<Work> work,
                                        grpc::GenericCallbackServerContext& context,
                                        const Backend& backend) {
  return new Call(method, std::move(work), context, backend);
}

}  // namespace boltzmann::server
