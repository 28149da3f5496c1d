// The gRPC call under a SampleStream.
#ifndef BOLTZMANN_CLIENT_STREAM_CALL_H_
#define BOLTZMANN_CLIENT_STREAM_CALL_H_

#include <grpcpp/client_context.h>
#include <grpcpp/support/async_stream.h>
#include <grpcpp/support/byte_buffer.h>

#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "boltzmann/v1/sampler.grpc.pb.h"
#include "client/connection.h"
#include "client/mutex.h"
#include "client/operation_queue.h"

namespace boltzmann::client {

// StreamSample in the steps that gRPC knows, each with a deadline: what passes it cancels the call.
//
// Threads: Write() and WritesDone() any thread, one at a time. Read() and Finish() one thread,
// beside a writer. Cancel() any.
class StreamCall {
 public:
  explicit StreamCall(const Connection& connection);
  // Cancels the call if it has not ended, and waits until gRPC has let go of it, for no server.
  ~StreamCall();

  StreamCall(const StreamCall&) = delete;
  StreamCall& operator=(const StreamCall&) = delete;

  // Begins the call; to be called first. Of each step: false means that the call has ended, and
  // Finish() tells how.
  bool Start(absl::Time deadline);
  bool Write(const grpc::ByteBuffer& bytes, absl::Time deadline);
  bool WritesDone(absl::Time deadline);

  enum class ReadOutcome { kReply, kNoneYet, kEnded };

  // Waits for the next reply. With kNoneYet the deadline has passed, and the call goes on.
  ReadOutcome Read(absl::Time deadline);

  // What Read() got last, to be taken.
  v1::StreamSampleResponse& reply() { return reply_; }

  // Ends the call with `why`, unless it has ended.
  void Cancel(const absl::Status& why);

  // How the call ended; once a step has failed. Waits for a Write() to return, and then for the
  // server's status until the deadline.
  absl::Status Finish(absl::Time deadline);

 private:
  using Stream = grpc::ClientAsyncReaderWriter<grpc::ByteBuffer, v1::StreamSampleResponse>;

  // Waits until a step has completed, if need be by cancelling the call.
  bool Complete(Operation& operation, absl::Time deadline, const char* what);

  const Connection connection_;
  OperationQueue operations_;
  Operation start_, write_, read_, finish_;
  grpc::ClientContext context_;
  std::unique_ptr<Stream> stream_;
  v1::StreamSampleResponse reply_;
  Mutex writing_;
  bool started_ = false;
  // Whether a read was begun whose outcome Read() has not told yet.
  bool reading_ = false;
  bool finished_ = false;
  grpc::Status grpc_status_;
  Mutex mutex_;
  // Why the call was cancelled; OK if it was not.
  absl::Status cancelled_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_STREAM_CALL_H_
