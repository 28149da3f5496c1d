#include "tests/bench/transport/service.h"

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>

#include "absl/time/time.h"

namespace boltzmann::bench {
namespace {

constexpr absl::Duration kTimeout = absl::Seconds(60);

std::string ThisProgram() { return std::filesystem::read_symlink("/proc/self/exe"); }

[[noreturn]] void GiveUp(const absl::Status& status) {
  std::cerr << status << "\n";
  std::exit(1);
}

}  // namespace

std::string ServerProgram() {
  return std::filesystem::path(ThisProgram()).replace_filename("boltzmann-server");
}

std::unique_ptr<Service> Service::StartSampler() {
  std::unique_ptr<Service> service(new Service);
  service->process_ = std::make_unique<test::Process>(
      ServerProgram(), std::vector<std::string>{"--listen=" + service->tcp_ + "," + service->unix_,
                                                "--shared_memory_dir=" + service->directory_.path(),
                                                "--max_streams=1000", "--log_level=warning"});
  return service;
}

std::unique_ptr<Service> Service::StartSink() {
  std::unique_ptr<Service> service(new Service);
  service->process_ = std::make_unique<test::Process>(
      ThisProgram(), std::vector<std::string>{"--sink=" + service->tcp_ + "," + service->unix_});
  return service;
}

client::Client Service::Connect(const std::string& socket, const std::string& caller) const {
  auto client = client::Client::Create({.target = socket == "tcp" ? tcp_ : unix_,
                                        .timeout = kTimeout,
                                        .max_attempts = 5,
                                        .caller = caller});
  if (!client.ok()) GiveUp(client.status());
  // A request without rows is refused by the sampler, and answered by the sink: either is there.
  for (const absl::Time end = absl::Now() + kTimeout; absl::Now() < end;) {
    const absl::Status status = client->Sample(v1::SampleRequest()).status();
    if (!absl::IsUnavailable(status)) return *std::move(client);
    absl::SleepFor(absl::Milliseconds(20));
  }
  GiveUp(absl::UnavailableError("a server did not start"));
}

std::unique_ptr<client::SharedRegion> Service::Share(const Workload& workload) const {
  auto region = client::SharedRegion::Create(
      Connect("unix"), {.directory = directory_.path(), .size_bytes = workload.bytes()});
  if (!region.ok()) GiveUp(region.status());
  std::memcpy((*region)->bytes().data(), workload.dense().data, workload.bytes());
  return *std::move(region);
}

Message MessageOf(const Workload& workload, const client::SharedRegion* region) {
  Message message{workload.request(), workload.dense()};
  if (region == nullptr) return message;
  message.inline_data = {};
  *message.request.mutable_logits()->mutable_shared_rows() = region->At(0);
  return message;
}

}  // namespace boltzmann::bench
