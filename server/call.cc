#include "server/call.h"

#include <string>
#include <utility>

#include "server/call_record.h"

namespace boltzmann::server {
namespace {

// From its first byte to its last. Waits for its turn, reads its request, works, answers.
class Call final : public grpc::ServerGenericBidiReactor {
 public:
  Call(Method method, const char* name, std::unique_ptr<Work> work,
       grpc::GenericCallbackServerContext& context, const Backend& backend)
      : context_(context),
        backend_(backend),
        meter_(backend.metrics, method),
        record_(name, context, backend),
        work_(std::move(work)),
        turn_([this](const absl::Status& status) { Begin(status); },
              [&context] { context.TryCancel(); }) {
    EchoRequestId(context);
    if (absl::Status status = backend_.access.Check(context); status.ok()) {
      backend_.admission.Request(turn_, CallerOf(context));
    } else {
      End(status, nullptr);
    }
  }

  void OnReadDone(bool ok) override {
    if (!ok) return End(absl::CancelledError("the request did not arrive"), nullptr);
    backend_.admission.SetIdle(turn_, false);
    record_.Received();
    meter_.Received(request_.Length());
    work_->Begin(std::move(request_), backend_, record_.deadline(),
                 [this](const absl::Status& status) { End(status, work_.get()); });
  }

  void OnCancel() override {
    work_->Cancel();
    if (backend_.admission.Withdraw(turn_))
      End(absl::CancelledError("the caller cancelled"), nullptr);
  }

  void OnDone() override {
    meter_.End(code_);
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
    code_ = static_cast<int>(ended.code());
    if (!ended.ok()) return Finish(ToGrpc(ended, context_));
    backend_.admission.SetIdle(turn_, true);
    reply_ = work_->TakeReply();
    meter_.Sent(reply_.Length());
    StartWriteAndFinish(&reply_, grpc::WriteOptions(), grpc::Status::OK);
  }

  grpc::GenericCallbackServerContext& context_;
  const Backend& backend_;
  CallMeter meter_;
  CallRecord record_;
  std::unique_ptr<Work> work_;
  Admission::Turn turn_;
  grpc::ByteBuffer request_;
  grpc::ByteBuffer reply_;
  int code_ = 0;  // that it ended with
};

}  // namespace

grpc::ServerGenericBidiReactor* NewCall(Method method, const char* name,
                                        std::unique_ptr<Work> work,
                                        grpc::GenericCallbackServerContext& context,
                                        const Backend& backend) {
  return new Call(method, name, std::move(work), context, backend);
}

}  // namespace boltzmann::server
