// What Prometheus is told, and whether what is made for it knows the same names.
#include <httplib.h>

#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "grpcpp/generic/generic_stub.h"
#include "gtest/gtest.h"
#include "tests/conformance/requests.h"
#include "tests/server/heavy.h"

namespace boltzmann::test {
namespace {

using Series = std::map<std::string, double>;

// name{labels} and value of each line.
Series Parse(const std::string& text) {
  Series series;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line[0] == '#') continue;
    const size_t space = line.rfind(' ');
    series[line.substr(0, space)] = std::stod(line.substr(space + 1));
  }
  return series;
}

class MetricsTest : public testing::Test {
 protected:
  static server::ServerOptions Options() {
    server::ServerOptions options;
    options.admin_listen = "127.0.0.1:0";
    return options;
  }

  std::string Text() {
    const auto reply = http_.Get("/metrics");
    EXPECT_TRUE(reply);
    EXPECT_EQ(reply->get_header_value("Content-Type"),
              "text/plain; version=0.0.4; charset=utf-8");
    return reply ? reply->body : "";
  }

  Series Read() { return Parse(Text()); }

  // Reads until the series is not 0 any more, for a minute at most.
  Series ReadUntil(const std::string& name) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    Series series = Read();
    while (series[name] == 0 && std::chrono::steady_clock::now() < end) series = Read();
    EXPECT_GT(series[name], 0) << name;
    return series;
  }

  grpc::Status Sample(const v1::SampleRequest& request) {
    grpc::ClientContext context;
    v1::SampleResponse response;
    return stub_->Sample(&context, request, &response);
  }

  const std::unique_ptr<server::Server> server_ = StartServer(Options());
  const std::unique_ptr<v1::SamplerService::Stub> stub_ = Connect(*server_);
  httplib::Client http_{"http://" + server_->admin_address()};
};

const std::string kSample = "{grpc_method=\"boltzmann.v1.SamplerService/Sample\"";

TEST_F(MetricsTest, CountsCallsByMethodAndStatus) {
  EXPECT_TRUE(Sample(RequestOf({{1, 2}, {3, 4}})).ok());
  v1::SampleRequest bad = RequestOf({{1, 2}});
  bad.add_params()->set_top_p(2);
  EXPECT_FALSE(Sample(bad).ok());
  Series series = Read();
  EXPECT_EQ(series["grpc_server_call_started_total" + kSample + "}"], 2);
  const std::string seconds = "grpc_server_call_duration_seconds_count" + kSample;
  EXPECT_EQ(series[seconds + ",grpc_status=\"OK\"}"], 1);
  EXPECT_EQ(series[seconds + ",grpc_status=\"INVALID_ARGUMENT\"}"], 1);
  const std::string received =
      "grpc_server_call_rcvd_total_compressed_message_size_bytes_sum" + kSample;
  EXPECT_EQ(series[received + ",grpc_status=\"OK\"}"], RequestOf({{1, 2}, {3, 4}}).ByteSizeLong());
  EXPECT_GT(series["grpc_server_call_sent_total_compressed_message_size_bytes_sum" + kSample +
                   ",grpc_status=\"OK\"}"],
            0);
  EXPECT_EQ(series["boltzmann_rejected_requests_total{reason=\"invalid_argument\"}"], 1);
}

TEST_F(MetricsTest, CountsRowsByWhereTheyLieTheirTypeAndWhatIsWrongWithThem) {
  const float nan = std::nanf(""), infinity = std::numeric_limits<float>::infinity();
  EXPECT_TRUE(Sample(RequestOf({{1, 2}, {1, nan}, {infinity, 0}, {-infinity, -infinity}})).ok());
  EXPECT_TRUE(Sample(SparseRequestOf({{1, 2}})).ok());
  Series series = Read();
  EXPECT_EQ(series["boltzmann_rows_total{data_type=\"float32\",source=\"inline\"}"], 4);
  EXPECT_EQ(series["boltzmann_rows_total{data_type=\"float32\",source=\"sparse\"}"], 1);
  EXPECT_EQ(series["boltzmann_bad_rows_total{status=\"nan_logit\"}"], 1);
  EXPECT_EQ(series["boltzmann_bad_rows_total{status=\"positive_infinity\"}"], 1);
  EXPECT_EQ(series["boltzmann_bad_rows_total{status=\"no_allowed_token\"}"], 1);
  EXPECT_EQ(series["boltzmann_batch_rows_sum"], 5);
  EXPECT_EQ(series["boltzmann_batch_rows_count"], 2);
}

TEST_F(MetricsTest, ACallOfAStreamIsOneCallAndItsStepsAreRequests) {
  grpc::ClientContext context;
  const auto stream = stub_->StreamSample(&context);
  v1::StreamSampleRequest request;
  *request.mutable_request() = RequestOf({{1, 2}});
  v1::StreamSampleResponse response;
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(stream->Write(request));
    ASSERT_TRUE(stream->Read(&response));
  }
  EXPECT_EQ(Read()["boltzmann_streams"], 1);
  stream->WritesDone();
  EXPECT_TRUE(stream->Finish().ok());
  const std::string method = "{grpc_method=\"boltzmann.v1.SamplerService/StreamSample\"";
  const std::string ended =
      "grpc_server_call_duration_seconds_count" + method + ",grpc_status=\"OK\"}";
  Series series = ReadUntil(ended);  // told after its caller
  EXPECT_EQ(series["grpc_server_call_started_total" + method + "}"], 1);
  EXPECT_EQ(series["boltzmann_batch_rows_count"], 3);
  EXPECT_EQ(series["boltzmann_streams"], 0);
}

TEST_F(MetricsTest, WhatIsDroppedIsCountedByHowFarItHadCome) {
  RunningCall call = StartCall(*stub_, HeavyRequest(16));
  Series series = ReadUntil("boltzmann_worker_busy_seconds_total");
  call.context->TryCancel();
  call.status.wait();
  const std::string cancelled = "boltzmann_dropped_requests_total{reason=\"cancelled\",stage=";
  series = ReadUntil(cancelled + "\"computing\"}");
  EXPECT_EQ(series[cancelled + "\"waiting\"}"], 0);
}

TEST_F(MetricsTest, AnUnknownMethodIsOther) {
  grpc::GenericStub stub(grpc::CreateChannel(server_->addresses().front(),
                                             grpc::InsecureChannelCredentials()));
  for (const char* method : {"/a.B/C", "/boltzmann.v1.SamplerService/Guess"}) {
    grpc::ClientContext context;
    grpc::ByteBuffer request(nullptr, 0), response;
    std::promise<grpc::StatusCode> code;
    stub.UnaryCall(&context, method, {}, &request, &response,
                   [&](const grpc::Status& status) { code.set_value(status.error_code()); });
    EXPECT_EQ(code.get_future().get(), grpc::UNIMPLEMENTED);
  }
  EXPECT_EQ(Read()["grpc_server_call_started_total{grpc_method=\"other\"}"], 2);
}

TEST_F(MetricsTest, WhatTheServerAsksItselfIsNoCall) {
  std::this_thread::sleep_for(std::chrono::seconds(1));  // four beats of its heart
  EXPECT_EQ(Read()["grpc_server_call_started_total{grpc_method=\"boltzmann.v1.SamplerService/"
                   "GetServerInfo\"}"],
            0);
}

TEST_F(MetricsTest, TellsOfTheBuildAndTheProcess) {
  const Series series = Read();
  const auto has = [&](const std::string& name) { return series.count(name) == 1; };
  EXPECT_THAT(Text(), testing::HasSubstr("boltzmann_build_info{version=\""));
  for (const char* name :
       {"process_cpu_seconds_total", "process_resident_memory_bytes",
        "process_virtual_memory_bytes", "process_open_fds", "process_max_fds",
        "process_start_time_seconds", "boltzmann_workers", "boltzmann_queue_depth"})
    EXPECT_TRUE(has(name)) << name;
  EXPECT_NEAR(series.at("process_start_time_seconds"), static_cast<double>(time(nullptr)), 600);
}

TEST_F(MetricsTest, HealthIsTold) {
  EXPECT_EQ(http_.Get("/healthz")->status, 200);
  EXPECT_EQ(http_.Get("/readyz")->body, "ready\n");
}

// The names of metrics in a text, without what histograms add to theirs.
std::set<std::string> NamesIn(const std::string& text) {
  std::set<std::string> names;
  for (const std::string prefix : {"boltzmann_", "grpc_server_call_", "process_"}) {
    for (size_t at = text.find(prefix); at != std::string::npos; at = text.find(prefix, at + 1)) {
      const bool inside = at > 0 && (std::isalnum(text[at - 1]) || text[at - 1] == '_');
      size_t end = at;
      while (end < text.size() && (std::isalnum(text[end]) || text[end] == '_')) ++end;
      std::string name = text.substr(at, end - at);
      for (const std::string suffix : {"_bucket", "_sum", "_count"}) {
        if (name.size() > suffix.size() && name.ends_with(suffix))
          name.resize(name.size() - suffix.size());
      }
      if (!inside) names.insert(name);
    }
  }
  return names;
}

std::string ContentOf(const std::filesystem::path& file) {
  std::ifstream in(file);
  EXPECT_TRUE(in) << file;
  return std::string((std::istreambuf_iterator<char>(in)), {});
}

TEST_F(MetricsTest, TheDashboardTheAlertsAndTheDocumentationKnowTheNamesThatThereAre) {
  EXPECT_TRUE(Sample(RequestOf({{1, 2}})).ok());  // histograms of calls come with the first
  const std::filesystem::path root = BOLTZMANN_SOURCE_DIR;
  std::set<std::string> exported = NamesIn(Text());
  exported.insert("boltzmann_tls_certificate_expiry_timestamp_seconds");  // with TLS
  const std::set<std::string> documented = NamesIn(ContentOf(root / "server/README.md"));
  for (const std::string& name : exported) EXPECT_TRUE(documented.count(name)) << name;
  for (const char* file : {"deploy/monitoring/dashboard.json", "deploy/monitoring/alerts.yaml"}) {
    const std::set<std::string> names = NamesIn(ContentOf(root / file));
    EXPECT_GT(names.size(), 5) << file;
    for (const std::string& name : names) EXPECT_TRUE(exported.count(name)) << file << ": " << name;
  }
}

}  // namespace
}  // namespace boltzmann::test
