// A server that breaks off in the middle of its answers.
#ifndef BOLTZMANN_TESTS_CLIENT_BREAKING_SERVER_H_
#define BOLTZMANN_TESTS_CLIENT_BREAKING_SERVER_H_

#include <atomic>
#include <string>
#include <thread>

namespace boltzmann::test {

// Closes the connection of the first calls once it has sent the head of their answers, as a server
// that is killed does; answers those after them with an empty message. It speaks as much HTTP/2 as
// that takes, with one connection at a time.
class BreakingServer {
 public:
  explicit BreakingServer(int broken_calls);
  ~BreakingServer();

  BreakingServer(const BreakingServer&) = delete;
  BreakingServer& operator=(const BreakingServer&) = delete;

  // On the loopback interface.
  const std::string& address() const { return address_; }

  // How many calls have come.
  int call_count() const { return call_count_; }

 private:
  void Run();
  // Answers calls until one is to be broken, or the connection ends.
  void Serve(int connection);

  const int broken_calls_;
  int listener_ = -1;
  std::string address_;
  std::atomic<int> connection_ = -1;
  std::atomic<int> call_count_ = 0;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

}  // namespace boltzmann::test

#endif  // BOLTZMANN_TESTS_CLIENT_BREAKING_SERVER_H_
