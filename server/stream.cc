#include "server/stream.h"

#include <deque>
#include <memory>
#include <string>

#include "core/mutex.h"
#include "server/status.h"
#include "server/work.h"

namespace boltzmann::server {
namespace {

using SampleWork = Work<v1::StreamSampleRequest, v1::StreamSampleResponse>;

// A stream from its first byte to its last. At any time at most one read and one write are on
// their way; requests are begun as they come and answered in their order.
class SampleStream final : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  SampleStream(std::string peer, std::chrono::steady_clock::time_point deadline,
               const Limits& limits, core::Engine& engine, Admission& admission)
      : peer_(std::move(peer)),
        deadline_(deadline),
        limits_(limits),
        engine_(engine),
        admission_(admission) {
    StartRead(&body_);
  }

  void OnReadDone(bool ok) override {
    if (!ok) {
      core::MutexLock lock(mutex_);
      ended_ = true;  // by the caller, or the stream is broken
      return FinishIfIdle();
    }
    Step* step;
    bool cancelled;
    {
      core::MutexLock lock(mutex_);
      steps_.push_back(std::make_unique<Step>(peer_, admission_));
      step = steps_.back().get();
      cancelled = cancelled_;
    }
    if (cancelled) step->work.Cancel();
    step->work.Begin(std::move(body_), limits_, engine_, deadline_,
                     [this, step](const absl::Status& status) { Answer(*step, status); });
    core::MutexLock lock(mutex_);
    reading_ = false;
    ReadIfRoom();
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
      FinishIfIdle();
    }
    if (answered->work.HasEntered()) admission_.Leave();
  }

  void OnCancel() override {
    core::MutexLock lock(mutex_);
    cancelled_ = true;
    for (const auto& step : steps_) step->work.Cancel();
  }

  void OnDone() override { delete this; }

 private:
  // One request.
  struct Step {
    Step(const std::string& peer, Admission& admission) : work("StreamSample", peer, admission) {}
    SampleWork work;
    grpc::ByteBuffer reply;
    bool answered = false;
  };

  void Answer(Step& step, const absl::Status& status) {
    if (status.ok()) {
      (void)Serialize(step.work.MakeReply(), step.reply);
    } else {
      v1::StreamSampleResponse response;
      *response.mutable_error() = ToProto(status);
      (void)Serialize(response, step.reply);
    }
    core::MutexLock lock(mutex_);
    step.answered = true;
    WriteIfReady();
  }

  void ReadIfRoom() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (reading_ || ended_ || steps_.size() >= kMaxStreamRequests) return;
    reading_ = true;
    StartRead(&body_);
  }

  void WriteIfReady() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (writing_ || steps_.empty() || !steps_.front()->answered) return;
    writing_ = true;
    StartWrite(&steps_.front()->reply);
  }

  void FinishIfIdle() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (finished_ || !ended_ || !steps_.empty()) return;
    finished_ = true;
    Finish(cancelled_ || broken_ ? grpc::Status(grpc::CANCELLED, "the caller cancelled")
                                 : grpc::Status::OK);
  }

  const std::string peer_;
  const std::chrono::steady_clock::time_point deadline_;
  const Limits& limits_;
  core::Engine& engine_;
  Admission& admission_;
  grpc::ByteBuffer body_;  // what is being read
  core::Mutex mutex_;
  std::deque<std::unique_ptr<Step>> steps_ ABSL_GUARDED_BY(mutex_);  // not yet answered
  bool reading_ ABSL_GUARDED_BY(mutex_) = true;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;  // nothing more will be read
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  bool broken_ ABSL_GUARDED_BY(mutex_) = false;  // a reply could not be written
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* NewSampleStream(
    const grpc::CallbackServerContext& context, std::chrono::steady_clock::time_point deadline,
    const Limits& limits, core::Engine& engine, Admission& admission) {
  return new SampleStream(context.peer(), deadline, limits, engine, admission);
}

}  // namespace boltzmann::server
