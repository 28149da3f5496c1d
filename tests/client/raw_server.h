// A server that takes every call and looks at its bytes.
#ifndef BOLTZMANN_TESTS_CLIENT_RAW_SERVER_H_
#define BOLTZMANN_TESTS_CLIENT_RAW_SERVER_H_

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/server.h>
#include <grpcpp/support/byte_buffer.h>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace boltzmann::test {

// Keeps every message as it came, and answers each with an empty one.
class RawServer : private grpc::CallbackGenericService {
 public:
  enum class Reading { kAlways, kNever };

  // With kNever nothing is read of any call, and none ends until its caller gives up.
  explicit RawServer(Reading reading = Reading::kAlways);
  ~RawServer() override { server_->Shutdown(std::chrono::system_clock::now()); }

  // On the loopback interface.
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  std::shared_ptr<grpc::Channel> InProcessChannel() { return server_->InProcessChannel({}); }

  std::vector<grpc::ByteBuffer> messages();

 private:
  class Reactor;

  grpc::ServerGenericBidiReactor* CreateReactor(grpc::GenericCallbackServerContext*) override;

  const Reading reading_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
  std::mutex mutex_;
  std::vector<grpc::ByteBuffer> messages_;
};

// All bytes of a message.
std::string BytesOf(const grpc::ByteBuffer& message);

}  // namespace boltzmann::test

#endif  // BOLTZMANN_TESTS_CLIENT_RAW_SERVER_H_
