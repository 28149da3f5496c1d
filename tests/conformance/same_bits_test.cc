// One seed gives the same tokens and the same bits, however the row travels.
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/conformance/door.h"
#include "tests/conformance/requests.h"

namespace boltzmann::test {
namespace {

std::string Answer(const Door& door, const v1::SampleRequest& request) {
  const auto response = door.sample(request);
  EXPECT_TRUE(response.ok()) << response.status();
  std::string bits;
  if (response.ok()) response->SerializeToString(&bits);
  return bits;
}

std::vector<v1::SampleRequest> Requests() {
  return {MixedRequest(64, 1000, v1::DATA_TYPE_FLOAT32, 1),
          MixedRequest(64, 257, v1::DATA_TYPE_FLOAT16, 2),
          MixedRequest(3, 50257, v1::DATA_TYPE_BFLOAT16, 3),
          MixedRequest(1, 128256, v1::DATA_TYPE_FLOAT32, 4)};
}

TEST(SameBits, AtEveryDoorWithOneAndFourWorkersAndAfterARestart) {
  for (const v1::SampleRequest& request : Requests()) {
    const std::string expected = Answer(AllDoors().front().open(1), request);
    for (const NamedDoor& door : AllDoors()) {
      for (int workers : {1, 4}) {
        EXPECT_EQ(Answer(door.open(workers), request), expected) << door.name << " " << workers;
      }
    }
  }
}

class SameBitsAtDoor : public Conformance {};

TEST_P(SameBitsAtDoor, ARowAloneAnswersAsInABatchOf64) {
  const v1::SampleRequest request = MixedRequest(64, 1000, v1::DATA_TYPE_FLOAT32, 6);
  const auto together = Sample(request);
  ASSERT_TRUE(together.ok()) << together.status();
  for (int i = 0; i < 64; ++i) {
    EXPECT_EQ(SampleOne(OnlyRow(request, i)).SerializeAsString(),
              together->results(i).SerializeAsString())
        << "row " << i;
  }
}

TEST_P(SameBitsAtDoor, ARowAnswersTheSameAtEveryIndexOfABatch) {
  const v1::SampleRequest crowd = MixedRequest(64, 500, v1::DATA_TYPE_FLOAT32, 7);
  const v1::SampleRequest guest = MixedRequest(1, 500, v1::DATA_TYPE_FLOAT32, 8);
  const std::string expected = SampleOne(guest).SerializeAsString();
  const size_t row_bytes = 500 * sizeof(float);
  for (int i = 0; i < 64; ++i) {
    v1::SampleRequest request = crowd;
    request.mutable_logits()->mutable_inline_data()->replace(i * row_bytes, row_bytes,
                                                             guest.logits().inline_data());
    *request.mutable_params(i) = guest.params(0);
    *request.mutable_outputs(i) = guest.outputs(0);
    *request.mutable_rows(i) = guest.rows(0);
    const auto response = Sample(request);
    ASSERT_TRUE(response.ok()) << response.status();
    EXPECT_EQ(response->results(i).SerializeAsString(), expected) << "index " << i;
  }
}

BOLTZMANN_AT_EVERY_DOOR(SameBitsAtDoor);

}  // namespace
}  // namespace boltzmann::test
