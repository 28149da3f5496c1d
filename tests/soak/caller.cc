#include "tests/soak/caller.h"

#include <signal.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <iostream>
#include <memory>
#include <optional>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "client/client.h"
#include "client/sample_stream.h"
#include "client/shared_ring.h"
#include "tests/conformance/door.h"
#include "tests/conformance/requests.h"

namespace boltzmann::test {
namespace {

constexpr absl::Duration kTimeout = absl::Seconds(30);
constexpr absl::Duration kLease = absl::Seconds(2);
constexpr int kCallsOfAConnection = 200;
constexpr size_t kSlots = 4;

volatile sig_atomic_t stop = 0;

// A request and its answer.
template <typename Request, typename Response>
struct Case {
  Request request;
  std::string expected;  // the answer's bytes
};

template <typename Request, typename Response>
Case<Request, Response> Ask(const Method<Request, Response>& method, Request request) {
  const absl::StatusOr<Response> response = method(request);
  if (!response.ok()) {
    std::cerr << "the engine in process: " << response.status() << "\n";
    std::exit(1);
  }
  return {std::move(request), response->SerializeAsString()};
}

using SampleCase = Case<v1::SampleRequest, v1::SampleResponse>;

// What is called for, with the answers as the engine in this process gives them.
struct Cases {
  explicit Cases(std::mt19937& random) {
    const Door core = AllDoors().front().open(1);
    const auto below = [&random](int n) { return static_cast<int>(random() % n); };
    for (const auto type : {v1::DATA_TYPE_FLOAT32, v1::DATA_TYPE_FLOAT16, v1::DATA_TYPE_BFLOAT16}) {
      for (int i = 0; i < 3; ++i) {
        dense.push_back(
            Ask(core.sample, MixedRequest(1 + below(8), 50 + below(20000), type, random())));
      }
      dense.push_back(Ask(core.sample, MixedRequest(1 + below(3), 128256, type, random())));
    }
    std::vector<float> row(300 + below(3000));
    for (float& logit : row) logit = static_cast<float>(below(1000)) / 100;
    v1::SampleRequest few = SparseRequestOf({row, row});
    for (int i = 0; i < 2; ++i) few.add_rows()->set_seed(random());
    sparse.push_back(Ask(core.sample, few));
    v1::ScoreRequest named = ScoreRequestOf({row, row, row}, {1, 7, 250});
    for (int i = 0; i < 3; ++i) named.add_rows()->set_seed(random());
    score.push_back(Ask(core.score, named));
    v1::VerifyRequest drafts = VerifyRequestOf(row, {{1, 2, 3}, {5}});
    for (auto& sequence : *drafts.mutable_sequences()) sequence.mutable_state()->set_seed(random());
    verify.push_back(Ask(core.verify, drafts));
    v1::DescribeRequest shown = DescribeRequestOf({row});
    shown.add_rows()->set_seed(random());
    describe.push_back(Ask(core.describe, shown));
  }

  std::vector<SampleCase> dense;  // logits inline
  std::vector<SampleCase> sparse;
  std::vector<Case<v1::ScoreRequest, v1::ScoreResponse>> score;
  std::vector<Case<v1::VerifyRequest, v1::VerifyResponse>> verify;
  std::vector<Case<v1::DescribeRequest, v1::DescribeResponse>> describe;
};

class Caller {
 public:
  explicit Caller(const CallerOptions& options)
      : options_(options), random_(options.seed), cases_(random_) {}

  int Run() {
    for (int call = 0; stop == 0; ++call) {
      if (call % kCallsOfAConnection == 0) Reconnect();
      Step();
    }
    return 0;
  }

 private:
  size_t Below(size_t n) { return random_() % n; }

  template <typename T>
  const T& OneOf(const std::vector<T>& choices) {
    return choices[Below(choices.size())];
  }

  [[noreturn]] void Fail(const std::string& what) {
    std::cerr << "caller " << options_.seed << ": " << what << std::endl;
    std::exit(1);
  }

  void MustBeOk(const absl::Status& status, const char* what) {
    if (!status.ok()) Fail(absl::StrCat(what, ": ", status.ToString()));
  }

  // An answer must be the right one; a server that is full may say so.
  template <typename Response>
  void Check(const absl::StatusOr<Response>& response, const std::string& expected,
             const char* what) {
    if (absl::IsResourceExhausted(response.status())) return;
    MustBeOk(response.status(), what);
    if (response->SerializeAsString() != expected) Fail(absl::StrCat(what, ": another answer"));
  }

  // Everything anew, over a connection that may be another.
  void Reconnect() {
    stream_.reset();
    ring_.reset();
    auto client = client::Client::Create({.target = OneOf(options_.targets), .timeout = kTimeout});
    MustBeOk(client.status(), "a client");
    client_.emplace(*std::move(client));
    size_t largest = 0;
    for (const SampleCase& each : cases_.dense) {
      largest = std::max(largest, each.request.logits().inline_data().size());
    }
    auto ring = client::SharedRing::Create(*client_, {.directory = options_.directory,
                                                      .lease = kLease,
                                                      .slot_count = kSlots,
                                                      .slot_bytes = largest});
    MustBeOk(ring.status(), "a ring");
    ring_ = *std::move(ring);
  }

  void Step() {
    switch (Below(10)) {
      case 0:
        return Unary(OneOf(cases_.sparse));
      case 1:
        return WithPayload(OneOf(cases_.dense));
      case 2:
      case 3:
        return Shared(OneOf(cases_.dense));
      case 4:
        return Stream();
      case 5:
        return Others();
      case 6:
        return BadRequest();
      case 7:
        return Hurried(OneOf(cases_.dense));
      default:
        return Unary(OneOf(cases_.dense));
    }
  }

  void Unary(const SampleCase& each) {
    Check(client_->Sample(each.request), each.expected, "Sample");
  }

  void WithPayload(const SampleCase& each) {
    v1::SampleRequest request = each.request;
    auto data =
        std::make_shared<std::string>(std::move(*request.mutable_logits()->mutable_inline_data()));
    request.mutable_logits()->clear_inline_data();
    Check(client_->Sample(request, {data->data(), data->size(), data}), each.expected,
          "Sample with a payload");
  }

  // The case's request with the logits in a slot.
  v1::SampleRequest Written(const SampleCase& each, const client::SharedRing::Slot& slot) {
    v1::SampleRequest request = each.request;
    const std::string& data = request.logits().inline_data();
    std::memcpy(slot.bytes().data(), data.data(), data.size());
    *request.mutable_logits()->mutable_shared_rows() = slot.Rows();
    return request;
  }

  void Shared(const SampleCase& each) {
    auto slot = ring_->Acquire(kTimeout);
    MustBeOk(slot.status(), "a slot");
    Check(client_->Sample(Written(each, *slot)), each.expected, "Sample from shared memory");
  }

  // Some steps at a time; now and then the stream is dropped in their midst.
  void Stream() {
    if (stream_ == nullptr) {
      auto stream = client::SampleStream::Open(*client_);
      if (absl::IsResourceExhausted(stream.status())) return;
      MustBeOk(stream.status(), "a stream");
      stream_ = *std::move(stream);
    }
    std::deque<const SampleCase*> sent;
    for (size_t i = 0; i < 1 + Below(4); ++i) {
      sent.push_back(&OneOf(cases_.dense));
      if (!stream_->Send(sent.back()->request).ok()) return EndStream();
    }
    if (Below(10) == 0) return stream_.reset();
    for (; !sent.empty(); sent.pop_front()) {
      const absl::StatusOr<v1::SampleResponse> response = stream_->Receive();
      if (stream_->broken()) return EndStream();
      Check(response, sent.front()->expected, "StreamSample");
    }
  }

  // A stream ends by itself only where there are too many of them.
  void EndStream() {
    const absl::Status status = stream_->Close();
    stream_.reset();
    if (!absl::IsResourceExhausted(status)) Fail(absl::StrCat("a stream: ", status.ToString()));
  }

  void Others() {
    const auto& score = OneOf(cases_.score);
    Check(client_->Score(score.request), score.expected, "Score");
    const auto& verify = OneOf(cases_.verify);
    Check(client_->Verify(verify.request), verify.expected, "Verify");
    const auto& describe = OneOf(cases_.describe);
    Check(client_->Describe(describe.request), describe.expected, "Describe");
  }

  void BadRequest() {
    v1::SampleRequest request = OneOf(cases_.dense).request;
    request.mutable_params(0)->set_top_p(2);
    const absl::Status status = client_->Sample(request).status();
    if (absl::IsResourceExhausted(status) || absl::IsInvalidArgument(status)) return;
    Fail(absl::StrCat("top_p 2: ", status.ToString()));
  }

  // With less time than it may take.
  void Hurried(const SampleCase& each) {
    const auto hurried = client::Client::Create(client_->connection().channel,
                                                absl::Microseconds(100 + Below(3000)));
    const auto response = hurried->Sample(each.request);
    if (!absl::IsDeadlineExceeded(response.status())) Check(response, each.expected, "Sample");
  }

  const CallerOptions options_;
  std::mt19937 random_;
  const Cases cases_;
  std::optional<client::Client> client_;
  std::unique_ptr<client::SharedRing> ring_;
  std::unique_ptr<client::SampleStream> stream_;
};

}  // namespace

int RunCaller(const CallerOptions& options) {
  signal(SIGTERM, [](int) { stop = 1; });
  return Caller(options).Run();
}

}  // namespace boltzmann::test
