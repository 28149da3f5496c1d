// A payload that tells when it is let go of.
#ifndef BOLTZMANN_TESTS_CLIENT_TRACKED_H_
#define BOLTZMANN_TESTS_CLIENT_TRACKED_H_

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include "client/payload.h"

namespace boltzmann::test {

// Waits until `condition` holds; false if it does not within a time that is long for any machine.
template <typename Condition>
bool HoldsEventually(const Condition& condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

// Bytes, and how often their owner was released.
class Tracked {
 public:
  explicit Tracked(std::string bytes) : bytes_(std::move(bytes)) {}

  // The bytes, with a new owner.
  client::Payload Lend() {
    return {bytes_.data(), bytes_.size(),
            std::shared_ptr<const void>(bytes_.data(), [this](const void*) { ++releases_; })};
  }

  const std::string& bytes() const { return bytes_; }
  int releases() const { return releases_; }
  bool IsReleasedEventually() const {
    return HoldsEventually([this] { return releases_ > 0; });
  }

 private:
  const std::string bytes_;
  std::atomic<int> releases_ = 0;
};

}  // namespace boltzmann::test

#endif  // BOLTZMANN_TESTS_CLIENT_TRACKED_H_
