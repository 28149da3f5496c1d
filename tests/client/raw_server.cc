#include "tests/client/raw_server.h"

#include <grpcpp/server_builder.h>

#include <atomic>
#include <chrono>

namespace boltzmann::test {

class RawServer::Reactor : public grpc::ServerGenericBidiReactor {
 public:
  explicit Reactor(RawServer& server) : server_(server) {
    if (server_.reading_ == Reading::kAlways) StartRead(&message_);
  }

  void OnReadDone(bool ok) override {
    if (!ok) return FinishOnce(grpc::Status::OK);
    {
      std::lock_guard<std::mutex> lock(server_.mutex_);
      server_.messages_.push_back(message_);
    }
    StartWrite(&reply_);
  }

  void OnWriteDone(bool ok) override {
    if (!ok) return FinishOnce(grpc::Status::CANCELLED);
    StartRead(&message_);
  }

  void OnCancel() override { FinishOnce(grpc::Status::CANCELLED); }
  void OnDone() override { delete this; }

 private:
  void FinishOnce(const grpc::Status& status) {
    if (!finished_.exchange(true)) Finish(status);
  }

  RawServer& server_;
  grpc::ByteBuffer message_;
  const grpc::Slice nothing_;
  const grpc::ByteBuffer reply_{&nothing_, 1};
  std::atomic<bool> finished_ = false;
};

RawServer::RawServer(Reading reading) : reading_(reading) {
  grpc::ServerBuilder builder;
  builder.SetMaxReceiveMessageSize(-1);
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
  builder.RegisterCallbackGenericService(this);
  server_ = builder.BuildAndStart();
}

grpc::ServerGenericBidiReactor* RawServer::CreateReactor(grpc::GenericCallbackServerContext*) {
  return new Reactor(*this);
}

std::vector<grpc::ByteBuffer> RawServer::messages() {
  std::lock_guard<std::mutex> lock(mutex_);
  return messages_;
}

std::string BytesOf(const grpc::ByteBuffer& message) {
  std::vector<grpc::Slice> slices;
  message.Dump(&slices);
  std::string bytes;
  for (const grpc::Slice& slice : slices) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return bytes;
}

}  // namespace boltzmann::test
