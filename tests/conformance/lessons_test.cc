// The figures of the lessons on softmax and sampling that this product grew out of. A
// test is named for each.
#include <cmath>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/conformance/door.h"
#include "tests/conformance/requests.h"

namespace boltzmann::test {
namespace {

using testing::FloatNear;
using testing::Pointwise;

class Lessons : public Conformance {
 protected:
  // The probabilities of all tokens, by id, in the model's distribution.
  std::vector<float> Softmax(const std::vector<float>& logits) {
    return Exp(SampleOne(FullRequest(logits)).named().model_logprobs());
  }

  // The same in the distribution that is drawn from.
  std::vector<float> Sampled(const v1::SampleRequest& request) {
    return Exp(SampleOne(request).named().sampled_logprobs());
  }

  static v1::SampleRequest At(double temperature, const std::vector<float>& logits) {
    v1::SampleRequest request = FullRequest(logits);
    request.add_params()->set_temperature(temperature);
    return request;
  }

  static const std::vector<float> kEight;

 private:
  template <typename Logprobs>
  static std::vector<float> Exp(const Logprobs& logprobs) {
    std::vector<float> probabilities;
    for (float logprob : logprobs) probabilities.push_back(std::exp(logprob));
    return probabilities;
  }
};

const std::vector<float> Lessons::kEight = {3, 2.5, 2, 1.5, 1, .5, -.5, -1};

// The lessons print three decimals.
MATCHER(PrintsAs, "") { return std::abs(std::get<0>(arg) - std::get<1>(arg)) <= 5.01e-4f; }

TEST_P(Lessons, SoftmaxOf2And1AndTenth) {
  EXPECT_THAT(Softmax({2.0, 1.0, 0.1}), Pointwise(PrintsAs(), {.659f, .242f, .099f}));
}

TEST_P(Lessons, SoftmaxOf1000And1001And1002DoesNotOverflow) {
  EXPECT_THAT(Softmax({1000, 1001, 1002}), Pointwise(PrintsAs(), {.090f, .245f, .665f}));
}

TEST_P(Lessons, TemperatureHalfSharpensFiveTokens) {
  EXPECT_THAT(Sampled(At(.5, {2, 1, .5, 0, -.5})),
              Pointwise(PrintsAs(), {.826f, .112f, .041f, .015f, .006f}));
}

TEST_P(Lessons, EntropyOfFiveTokensIs1795MillibitsAtOneAnd903AtHalf) {
  const v1::RowResult result = SampleOne(At(.5, {2, 1, .5, 0, -.5}));
  EXPECT_THAT(result.model_entropy(), FloatNear(1.795f, 5e-4f));
  EXPECT_THAT(result.sampled_entropy(), FloatNear(.903f, 5e-4f));
}

TEST_P(Lessons, TopThreeOfEightRenormalised) {
  v1::SampleRequest request = FullRequest(kEight);
  request.add_params()->set_top_k(3);
  EXPECT_THAT(Sampled(request),
              Pointwise(PrintsAs(), {.506f, .307f, .186f, 0.f, 0.f, 0.f, 0.f, 0.f}));
}

TEST_P(Lessons, TopPNineTenthsKeepsFiveTwoAndSixOfEightAtOneThreeTenthsAndTwo) {
  const auto kept_at = [&](double temperature) {
    v1::SampleRequest request = At(temperature, kEight);
    request.mutable_params(0)->set_top_p(.9);
    return SampleOne(request).kept_count();
  };
  EXPECT_EQ(kept_at(1), 5);
  EXPECT_EQ(kept_at(.3), 2);
  EXPECT_EQ(kept_at(2), 6);
}

BOLTZMANN_AT_EVERY_DOOR(Lessons);

}  // namespace
}  // namespace boltzmann::test
