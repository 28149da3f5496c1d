#include "tests/client/breaking_server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string_view>

namespace boltzmann::test {
namespace {

using std::string_literals::operator""s;

// RFC 9113: what a client says first, and what is of interest here of its frames.
constexpr size_t kPrefaceBytes = 24;
constexpr size_t kFrameHeadBytes = 9;
enum FrameType : char { kData = 0, kHeaders = 1, kSettings = 4 };
enum Flags : char { kEndStream = 1, kEndHeaders = 4 };

std::string Frame(FrameType type, int flags, const std::string& stream,
                  const std::string& payload) {
  const std::string head = {'\0', '\0', static_cast<char>(payload.size()), type,
                            static_cast<char>(flags)};
  return head + stream + payload;
}

// RFC 7541: ":status: 200" from the static table, then content-type, the 31st name of that table.
std::string AnswerHead() { return "\x88\x0f\x10\x10"s + "application/grpc"; }
std::string AnswerEnd() { return "\0\x0b"s + "grpc-status" + "\x01" + "0"; }

bool Send(int connection, const std::string& bytes) {
  return send(connection, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
         static_cast<ssize_t>(bytes.size());
}

bool Receive(int connection, std::string& bytes) {
  return bytes.empty() || recv(connection, bytes.data(), bytes.size(), MSG_WAITALL) ==
                              static_cast<ssize_t>(bytes.size());
}

size_t PayloadBytes(const std::string& head) {
  const auto byte = [&](int i) { return static_cast<size_t>(static_cast<unsigned char>(head[i])); };
  return byte(0) << 16 | byte(1) << 8 | byte(2);
}

}  // namespace

BreakingServer::BreakingServer(int broken_calls) : broken_calls_(broken_calls) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  EXPECT_EQ(bind(listener_, any, size), 0);
  EXPECT_EQ(listen(listener_, 16), 0);
  EXPECT_EQ(getsockname(listener_, any, &size), 0);
  address_ = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  thread_ = std::thread([this] { Run(); });
}

BreakingServer::~BreakingServer() {
  stopping_ = true;
  shutdown(listener_, SHUT_RDWR);
  shutdown(connection_, SHUT_RDWR);
  thread_.join();
  close(listener_);
}

void BreakingServer::Run() {
  while (!stopping_) {
    const int connection = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection < 0) return;
    connection_ = connection;
    if (!stopping_) Serve(connection);
    connection_ = -1;
    close(connection);
  }
}

void BreakingServer::Serve(int connection) {
  const std::string no_stream(4, '\0');
  std::string preface(kPrefaceBytes, '\0');
  if (!Send(connection, Frame(kSettings, 0, no_stream, "")) || !Receive(connection, preface))
    return;
  std::string head(kFrameHeadBytes, '\0');
  while (Receive(connection, head)) {
    std::string payload(PayloadBytes(head), '\0');
    if (!Receive(connection, payload)) return;
    if (head[3] != kHeaders) continue;
    const std::string stream = head.substr(5);
    if (!Send(connection, Frame(kHeaders, kEndHeaders, stream, AnswerHead()))) return;
    if (++call_count_ <= broken_calls_) {
      shutdown(connection, SHUT_WR);  // what was sent arrives
      return;
    }
    const std::string empty_message(5, '\0');
    Send(connection, Frame(kData, 0, stream, empty_message) +
                         Frame(kHeaders, kEndHeaders | kEndStream, stream, AnswerEnd()));
  }
}

}  // namespace boltzmann::test
