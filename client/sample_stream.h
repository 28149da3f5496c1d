// One long-lived stream of Sample: decode step after decode step, without a new call for each.
#ifndef BOLTZMANN_CLIENT_SAMPLE_STREAM_H_
#define BOLTZMANN_CLIENT_SAMPLE_STREAM_H_

#include <grpcpp/support/byte_buffer.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "boltzmann/v1/sampler.pb.h"
#include "client/client.h"
#include "client/mutex.h"
#include "client/payload.h"
#include "client/stream_call.h"

namespace boltzmann::client {

// Many requests may be in flight; replies come in the order of the requests.
//
// Two kinds of error: one of a single request, after which the stream goes on, and one of the
// stream, after which it is broken(): nothing more is sent or received, what was in flight is lost,
// and the caller opens another.
//
// A stream stays with one server. If that is killed, drains or is lost on the way, the stream
// breaks with UNAVAILABLE (CANCELLED, if the server has cut it off), and nothing is sent again:
// with several servers Open() gives one on another, to which the caller sends what has no reply
// yet. With the same seeds and positions the answers are the same bits.
//
// Waiting: no method waits for longer than the client's timeout. What passes it breaks the stream.
// Threads: one thread may Send() while another calls Receive(). Open, Close and the destructor:
// nothing else at the same time.
// Cost: a small step takes a fifth to a quarter less than a call; it starts no thread.
class SampleStream {
 public:
  // Opens a stream over the client's connection. Whatever gRPC says if there is no server, or if it
  // has Limits.max_streams of them already. After UNAVAILABLE and RESOURCE_EXHAUSTED a stream is
  // tried again by itself, until its first reply.
  static absl::StatusOr<std::unique_ptr<SampleStream>> Open(const Client& client);

  // Cancels what is in flight. Waits for no server.
  ~SampleStream();

  SampleStream(const SampleStream&) = delete;
  SampleStream& operator=(const SampleStream&) = delete;

  // Sends one request; waits while flow control holds it up. The errors of Client::Sample that are
  // found before anything is sent leave the stream as it is. UNAVAILABLE if the stream is broken:
  // Receive() and Close() tell why.
  absl::Status Send(const v1::SampleRequest& request);
  // The same with the logits' bytes from where they lie, as in Client::Sample. A broken stream may
  // hold payloads until it is destroyed.
  absl::Status Send(const v1::SampleRequest& request, Payload inline_data);

  // The reply to the oldest request that has none yet, or its error, with the code and message that
  // Client::Sample would have failed with. Each request's timeout begins when it was sent or when
  // this is called, whichever is later. With no request in flight it waits for one; if none comes
  // it is DEADLINE_EXCEEDED, and the stream goes on. Once broken, how the stream ended.
  absl::StatusOr<v1::SampleResponse> Receive();

  // Whether the stream has ended. An error that was returned while it had not is one request's.
  bool broken() const { return broken_; }

  // Says that nothing more will be sent, discards the replies that are still to come, and returns
  // how the stream ended: OK, or why it broke.
  absl::Status Close();

 private:
  // A request that waits for its reply.
  struct InFlight {
    uint32_t row_count;
    absl::Time sent;
  };

  explicit SampleStream(const Connection& connection);

  absl::Status SendBytes(const v1::SampleRequest& request,
                         const absl::StatusOr<grpc::ByteBuffer>& bytes);
  // Takes a reply for that to the oldest request in flight.
  absl::StatusOr<v1::SampleResponse> Accept(v1::StreamSampleResponse& reply);
  // When the oldest request in flight was sent; nothing if there is none.
  std::optional<absl::Time> OldestSent();
  // Ends the stream with `why`, and returns how it ended.
  absl::Status Break(const absl::Status& why);
  // Discards what is still to come, and returns how the stream ended.
  absl::Status End();

  const absl::Duration timeout_;
  StreamCall call_;
  std::atomic<bool> broken_ = false;
  // How the stream ended, once it has been asked.
  std::optional<absl::Status> end_;
  Mutex mutex_;
  std::deque<InFlight> in_flight_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_SAMPLE_STREAM_H_
