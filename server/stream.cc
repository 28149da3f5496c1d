#include "server/stream.h"

#include <deque>
#include <memory>
#include <string>
#include <utility>

#include "core/mutex.h"
#include "server/call_context.h"
#include "server/call_record.h"
#include "server/status.h"
#include "server/work.h"

namespace boltzmann::server {
namespace {

using SampleWork = WorkOf<v1::StreamSampleRequest, v1::StreamSampleResponse>;

grpc::ByteBuffer ErrorReply(const absl::Status& status) {
  v1::StreamSampleResponse response;
  *response.mutable_error() = ToProto(status);
  return Serialize(response);
}

// A caller who may not enter is told so before anything is read.
absl::Status Enter(const grpc::CallbackServerContext& context, const Backend& backend) {
  if (absl::Status status = backend.access.Check(context); !status.ok()) return status;
  return backend.admission.EnterStream();
}

// A stream from its first byte to its last. At any time at most one read and one write are on
// their way; requests are begun as they come and answered in their order.
class SampleStream final : public grpc::ServerGenericBidiReactor {
 public:
  SampleStream(grpc::GenericCallbackServerContext& context, const Backend& backend)
      : context_(context),
        backend_(backend),
        meter_(backend.metrics, Method::kStreamSample),
        caller_(CallerOf(context)),
        entered_(Enter(context, backend)) {
    EchoRequestId(context);
    if (entered_.ok()) {
      StartRead(&body_);
    } else {
      End(CallRecord("StreamSample", context, backend).End(entered_, nullptr));
    }
  }

  void OnReadDone(bool ok) override {
    if (!ok) {
      core::MutexLock lock(mutex_);
      ended_ = true;  // by the caller, or the stream is broken
      return FinishIfIdle();
    }
    meter_.Received(body_.Length());
    Step* step;
    bool cancelled;
    {
      core::MutexLock lock(mutex_);
      steps_.push_back(std::make_unique<Step>(*this, std::move(body_)));
      step = steps_.back().get();
      reading_ = false;
      queueing_ = true;
      cancelled = cancelled_;
    }
    if (cancelled) step->work.Cancel();
    backend_.admission.Request(step->turn, caller_);
  }

  void OnWriteDone(bool ok) override {
    std::unique_ptr<Step> answered;
    {
      core::MutexLock lock(mutex_);
      answered = std::move(steps_.front());
      steps_.pop_front();
      writing_ = false;
      broken_ |= !ok;
      WriteIfReady();
      ReadIfRoom();
    }
    backend_.admission.End(answered->turn);
    core::MutexLock lock(mutex_);
    FinishIfIdle();
  }

  void OnCancel() override {
    Step* withdrawn = nullptr;
    {
      core::MutexLock lock(mutex_);
      cancelled_ = true;
      for (const auto& step : steps_) step->work.Cancel();
      if (queueing_ && backend_.admission.Withdraw(steps_.back()->turn)) {
        withdrawn = steps_.back().get();
      }
    }
    if (withdrawn != nullptr) Begin(*withdrawn, absl::CancelledError("the caller cancelled"));
  }

  void OnDone() override {
    if (entered_.ok()) backend_.admission.LeaveStream();
    meter_.End(code_);
    delete this;
  }

 private:
  // One request.
  struct Step {
    Step(SampleStream& stream, grpc::ByteBuffer read)
        : body(std::move(read)),
          record("StreamSample", stream.context_, stream.backend_),
          turn([this, &stream](const absl::Status& status) { stream.Begin(*this, status); },
               [&stream] { stream.context_.TryCancel(); }) {}

    grpc::ByteBuffer body;
    CallRecord record;
    SampleWork work;
    Admission::Turn turn;
    grpc::ByteBuffer reply;
    bool answered = false;
  };

  // The step's turn has come, or never will, as `status` says.
  void Begin(Step& step, const absl::Status& status) {
    {
      core::MutexLock lock(mutex_);
      queueing_ = false;
      ReadIfRoom();
    }
    if (!status.ok()) return Answer(step, status, nullptr);
    backend_.admission.SetIdle(step.turn, false);
    step.record.TurnCame();
    step.record.Received();
    step.work.Begin(std::move(step.body), backend_, step.record.deadline(),
                    [this, &step](const absl::Status& s) { Answer(step, s, &step.work); });
  }

  void Answer(Step& step, const absl::Status& status, const Work* worked) {
    const absl::Status ended = step.record.End(status, worked);
    step.reply = ended.ok() ? step.work.TakeReply() : ErrorReply(ended);
    backend_.admission.SetIdle(step.turn, true);
    core::MutexLock lock(mutex_);
    step.answered = true;
    WriteIfReady();
  }

  void ReadIfRoom() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (reading_ || queueing_ || ended_ || steps_.size() >= kMaxStreamRequests) return;
    reading_ = true;
    StartRead(&body_);
  }

  void WriteIfReady() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (writing_ || steps_.empty() || !steps_.front()->answered) return;
    writing_ = true;
    meter_.Sent(steps_.front()->reply.Length());
    StartWrite(&steps_.front()->reply);
  }

  void FinishIfIdle() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (finished_ || !ended_ || !steps_.empty()) return;
    finished_ = true;
    End(cancelled_ || broken_ ? absl::CancelledError("the caller cancelled") : absl::OkStatus());
  }

  void End(const absl::Status& status) {
    code_ = static_cast<int>(status.code());
    Finish(ToGrpc(status, context_));
  }

  grpc::GenericCallbackServerContext& context_;
  const Backend& backend_;
  CallMeter meter_;  // by the reading and the writing callback, which meter different things
  const std::string caller_;
  const absl::Status entered_;
  grpc::ByteBuffer body_;  // what is being read
  int code_ = 0;           // that it ended with
  core::Mutex mutex_;
  std::deque<std::unique_ptr<Step>> steps_ ABSL_GUARDED_BY(mutex_);  // not yet answered
  bool reading_ ABSL_GUARDED_BY(mutex_) = entered_.ok();
  bool queueing_ ABSL_GUARDED_BY(mutex_) = false;  // the last of steps_ waits for its turn
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;  // nothing more will be read
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  bool broken_ ABSL_GUARDED_BY(mutex_) = false;  // a reply could not be written
  bool finished_ ABSL_GUARDED_BY(mutex_) = !entered_.ok();
};

}  // namespace

grpc::ServerGenericBidiReactor* NewSampleStream(grpc::GenericCallbackServerContext& context,
                                                const Backend& backend) {
  return new SampleStream(context, backend);
}

}  // namespace boltzmann::server
