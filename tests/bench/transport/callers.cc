#include "tests/bench/transport/callers.h"

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <utility>

namespace boltzmann::bench {
namespace {

using std::chrono::steady_clock;

double UsSince(steady_clock::time_point start) {
  return std::chrono::duration<double, std::micro>(steady_clock::now() - start).count();
}

class InProcess final : public Caller {
 public:
  InProcess(core::Engine& engine, Workload& workload) : engine_(engine), workload_(workload) {}

  absl::Status Run(int count, std::vector<double>& us) override {
    for (int i = 0; i < count; ++i) {
      const auto start = steady_clock::now();
      if (absl::Status status = engine_.Sample(workload_.batch()); !status.ok()) return status;
      us.push_back(UsSince(start));
    }
    return absl::OkStatus();
  }

  const v1::SampleResponse& response() const override {
    return v1::SampleResponse::default_instance();
  }

 private:
  core::Engine& engine_;
  Workload& workload_;
};

class Unary final : public Caller {
 public:
  Unary(const client::Client& client, Message message)
      : client_(client), message_(std::move(message)) {}

  absl::Status Run(int count, std::vector<double>& us) override {
    for (int i = 0; i < count; ++i) {
      const auto start = steady_clock::now();
      absl::StatusOr<v1::SampleResponse> response =
          message_.inline_data.data == nullptr
              ? client_.Sample(message_.request)
              : client_.Sample(message_.request, message_.inline_data);
      if (!response.ok()) return response.status();
      us.push_back(UsSince(start));
      response_ = *std::move(response);
    }
    return absl::OkStatus();
  }

  const v1::SampleResponse& response() const override { return response_; }

 private:
  const client::Client client_;
  const Message message_;
  v1::SampleResponse response_;
};

class OnStream final : public Caller {
 public:
  OnStream(std::unique_ptr<client::SampleStream> stream, Message message, int in_flight)
      : stream_(std::move(stream)), message_(std::move(message)), in_flight_(in_flight) {}

  absl::Status Run(int count, std::vector<double>& us) override {
    int sent = 0;
    for (int received = 0; received < count; ++received) {
      for (; sent < count && sent - received < in_flight_; ++sent) {
        starts_.push_back(steady_clock::now());
        if (absl::Status status = Send(); !status.ok()) return status;
      }
      absl::StatusOr<v1::SampleResponse> response = stream_->Receive();
      if (!response.ok()) return response.status();
      us.push_back(UsSince(starts_.front()));
      starts_.pop_front();
      response_ = *std::move(response);
    }
    return absl::OkStatus();
  }

  const v1::SampleResponse& response() const override { return response_; }

 private:
  absl::Status Send() {
    if (message_.inline_data.data == nullptr) return stream_->Send(message_.request);
    return stream_->Send(message_.request, message_.inline_data);
  }

  const std::unique_ptr<client::SampleStream> stream_;
  const Message message_;
  const int in_flight_;
  std::deque<steady_clock::time_point> starts_;
  v1::SampleResponse response_;
};

}  // namespace

std::unique_ptr<Caller> CallInProcess(core::Engine& engine, Workload& workload) {
  return std::make_unique<InProcess>(engine, workload);
}

std::unique_ptr<Caller> CallUnary(const client::Client& client, Message message) {
  return std::make_unique<Unary>(client, std::move(message));
}

std::unique_ptr<Caller> CallOnStream(const client::Client& client, Message message, int in_flight) {
  auto stream = client::SampleStream::Open(client);
  if (!stream.ok()) {
    std::cerr << "cannot open a stream: " << stream.status() << "\n";
    std::exit(1);
  }
  return std::make_unique<OnStream>(*std::move(stream), std::move(message), in_flight);
}

}  // namespace boltzmann::bench
