// What a caller says of itself, from its metadata to the log and back.
#include <signal.h>

#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "tests/conformance/door.h"
#include "tests/conformance/requests.h"
#include "tests/process.h"
#include "tests/server/heavy.h"

namespace boltzmann::test {
namespace {

using nlohmann::json;

constexpr char kTraceId[] = "4bf92f3577b34da6a3ce929d0e0e4736";
constexpr char kSpanId[] = "00f067aa0ba902b7";

// A server that logs every call as JSON.
class TraceTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(server_.ReadUntil("serving")) << server_.text(); }

  // Samples a row with this metadata. What came back after the answer.
  std::multimap<std::string, std::string> Sample(
      const std::vector<std::pair<std::string, std::string>>& metadata, float top_p) {
    const auto stub = v1::SamplerService::NewStub(
        grpc::CreateChannel(address_, grpc::InsecureChannelCredentials()));
    v1::SampleRequest request = RequestOf({{1, 2}});
    request.add_params()->set_top_p(top_p);
    grpc::ClientContext context;
    for (const auto& [key, value] : metadata) context.AddMetadata(key, value);
    v1::SampleResponse response;
    stub->Sample(&context, request, &response);
    std::multimap<std::string, std::string> trailing;
    for (const auto& [key, value] : context.GetServerTrailingMetadata())
      trailing.emplace(std::string(key.data(), key.size()), std::string(value.data(), value.size()));
    return trailing;
  }

  // The lines of the log about calls, once the server has ended.
  std::vector<json> Lines() {
    server_.Kill(SIGTERM);
    EXPECT_EQ(server_.Wait(), 0);
    std::istringstream text(server_.text());
    std::vector<json> lines;
    for (std::string line; std::getline(text, line);) {
      const json parsed = json::parse(line, nullptr, false);
      EXPECT_FALSE(parsed.is_discarded()) << line;
      if (parsed.value("message", "") == "Sample") lines.push_back(parsed);
    }
    return lines;
  }

  const std::string address_ = NewUnixAddress();
  Process server_{BOLTZMANN_SERVER,
                  {"--listen=" + address_, "--log_format=json", "--log_level=debug"}};
};

TEST_F(TraceTest, RequestIdAndTraceparentAreLoggedAndTheIdComesBack) {
  const auto trailing =
      Sample({{"x-request-id", "r\"1\""},
              {"traceparent", std::string("00-") + kTraceId + "-" + kSpanId + "-01"}},
             .9f);
  EXPECT_EQ(trailing.count("x-request-id"), 1);
  EXPECT_EQ(trailing.find("x-request-id")->second, "r\"1\"");
  Sample({}, 2);
  const std::vector<json> lines = Lines();
  ASSERT_EQ(lines.size(), 2);
  EXPECT_EQ(lines[0]["level"], "debug");
  EXPECT_EQ(lines[0]["status"], "OK");
  EXPECT_EQ(lines[0]["rows"], 1);
  EXPECT_EQ(lines[0]["request_id"], "r\"1\"");
  EXPECT_EQ(lines[0]["trace_id"], kTraceId);
  EXPECT_EQ(lines[0]["span_id"], kSpanId);
  EXPECT_EQ(lines[1]["status"], "INVALID_ARGUMENT");
  EXPECT_EQ(lines[1]["error"], "params[0].top_p: 2 is outside (0, 1]");
  EXPECT_FALSE(lines[1].contains("request_id"));
}

TEST_F(TraceTest, WhatIsNoTraceparentIsPassedOver) {
  for (const std::string& parent :
       {std::string("nonsense"), std::string("00-") + kTraceId, std::string("00-") + kTraceId + "--",
        std::string("00-00000000000000000000000000000000-") + kSpanId + "-01",
        std::string("00-") + kTraceId + "-00F067AA0BA902B7-01"}) {
    Sample({{"traceparent", parent}}, .9f);
  }
  const std::vector<json> lines = Lines();
  ASSERT_EQ(lines.size(), 5);
  for (const json& line : lines) EXPECT_FALSE(line.contains("trace_id")) << line;
}

}  // namespace
}  // namespace boltzmann::test
