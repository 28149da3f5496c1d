// The ways in: the same request through any of them must give the same answer.
#ifndef BOLTZMANN_TESTS_CONFORMANCE_DOOR_H_
#define BOLTZMANN_TESTS_CONFORMANCE_DOOR_H_

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "boltzmann/v1/sampler.pb.h"
#include "gtest/gtest.h"

namespace boltzmann::test {

template <typename Request, typename Response>
using Method = std::function<absl::StatusOr<Response>(const Request&)>;

struct Door {
  Method<v1::SampleRequest, v1::SampleResponse> sample;
  Method<v1::ScoreRequest, v1::ScoreResponse> score;
  Method<v1::VerifyRequest, v1::VerifyResponse> verify;
  Method<v1::DescribeRequest, v1::DescribeResponse> describe;
};

// A door and whatever stands behind it.
struct NamedDoor {
  std::string name;
  std::function<Door(int worker_count)> open;

  friend void PrintTo(const NamedDoor& door, std::ostream* out) { *out << door.name; }
};

// The core without gRPC; an in-process channel; TCP, one call or one stream step at a time, and
// with the logits in shared memory; and a Unix socket.
const std::vector<NamedDoor>& AllDoors();

// A fresh name for a Unix socket, as an address to listen on.
std::string NewUnixAddress();

// Runs each test once per door, on two workers.
class Conformance : public testing::TestWithParam<NamedDoor> {
 protected:
  absl::StatusOr<v1::SampleResponse> Sample(const v1::SampleRequest& request) {
    return door_.sample(request);
  }
  absl::StatusOr<v1::ScoreResponse> Score(const v1::ScoreRequest& request) {
    return door_.score(request);
  }
  absl::StatusOr<v1::VerifyResponse> Verify(const v1::VerifyRequest& request) {
    return door_.verify(request);
  }
  absl::StatusOr<v1::DescribeResponse> Describe(const v1::DescribeRequest& request) {
    return door_.describe(request);
  }

  // The result of a request of one row that must be answered.
  v1::RowResult SampleOne(const v1::SampleRequest& request) {
    const auto response = Sample(request);
    EXPECT_TRUE(response.ok()) << response.status();
    if (!response.ok() || response->results_size() != 1) return {};
    return response->results(0);
  }

 private:
  Door door_ = GetParam().open(2);
};

std::string DoorName(const testing::TestParamInfo<NamedDoor>& info);

#define BOLTZMANN_AT_EVERY_DOOR(suite) \
  INSTANTIATE_TEST_SUITE_P(, suite, testing::ValuesIn(AllDoors()), DoorName)

}  // namespace boltzmann::test

#endif  // BOLTZMANN_TESTS_CONFORMANCE_DOOR_H_
