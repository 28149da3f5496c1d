#include "server/gauges.h"

#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <utility>

#include "core/instruction_set.h"
#include "grpcpp/grpcpp.h"
#include "server/tls.h"

namespace boltzmann::server {
namespace {

using prometheus::MetricFamily;
using prometheus::MetricType;
using Seconds = std::chrono::duration<double>;

MetricFamily Family(MetricType type, const char* name, const char* help, double value,
                    std::vector<prometheus::ClientMetric::Label> labels = {}) {
  prometheus::ClientMetric metric;
  metric.label = std::move(labels);
  (type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
  return {name, help, type, {std::move(metric)}};
}

MetricFamily Gauge(const char* name, const char* help, double value,
                   std::vector<prometheus::ClientMetric::Label> labels = {}) {
  return Family(MetricType::Gauge, name, help, value, std::move(labels));
}

MetricFamily Counter(const char* name, const char* help, double value) {
  return Family(MetricType::Counter, name, help, value);
}

// When the process began, in seconds since 1970; what /proc says is in ticks since the boot.
double StartTime() {
  static const double start = [] {
    std::ifstream file("/proc/self/stat");
    std::string text((std::istreambuf_iterator<char>(file)), {});
    const size_t name_end = text.rfind(')');  // of the second field, which may hold anything
    if (name_end == std::string::npos) return 0.;
    std::istringstream fields(text.substr(name_end + 1));
    constexpr int kStartTicks = 22;
    std::string field;
    for (int i = 3; i <= kStartTicks; ++i) fields >> field;
    timespec boot = {}, now = {};
    clock_gettime(CLOCK_BOOTTIME, &boot);
    clock_gettime(CLOCK_REALTIME, &now);
    const double ticks = std::strtod(field.c_str(), nullptr);
    return static_cast<double>(now.tv_sec - boot.tv_sec) + ticks / sysconf(_SC_CLK_TCK);
  }();
  return start;
}

double CpuSeconds() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) { return time.tv_sec + time.tv_usec * 1e-6; };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

int OpenDescriptors() {
  std::error_code error;
  int count = 0;
  for (auto entry = std::filesystem::directory_iterator("/proc/self/fd", error);
       !error && entry != std::filesystem::directory_iterator(); entry.increment(error))
    ++count;
  return count - 1;  // the directory itself
}

// By the names that Prometheus' own clients give them.
void AddProcess(std::vector<MetricFamily>& all) {
  double virtual_pages = 0, resident_pages = 0;
  std::ifstream("/proc/self/statm") >> virtual_pages >> resident_pages;
  const auto page = static_cast<double>(sysconf(_SC_PAGESIZE));
  rlimit descriptors = {};
  getrlimit(RLIMIT_NOFILE, &descriptors);
  all.push_back(Counter("process_cpu_seconds_total", "User and system time.", CpuSeconds()));
  all.push_back(
      Gauge("process_resident_memory_bytes", "Resident memory.", resident_pages * page));
  all.push_back(Gauge("process_virtual_memory_bytes", "Virtual memory.", virtual_pages * page));
  all.push_back(Gauge("process_open_fds", "Open file descriptors.", OpenDescriptors()));
  all.push_back(Gauge("process_max_fds", "The most file descriptors.",
                      static_cast<double>(descriptors.rlim_cur)));
  all.push_back(
      Gauge("process_start_time_seconds", "When the process began, since 1970.", StartTime()));
}

void AddWork(const Backend& backend, std::vector<MetricFamily>& all) {
  const Admission::Counts counts = backend.admission.Count();
  all.push_back(Gauge("boltzmann_queue_depth", "Requests that wait for their turn.",
                      counts.waiting));
  all.push_back(Gauge("boltzmann_requests_in_flight", "Requests that have a turn.",
                      counts.in_flight));
  all.push_back(Gauge("boltzmann_max_requests_in_flight", "The most that may have one.",
                      backend.limits.max_calls_in_flight));
  all.push_back(Gauge("boltzmann_streams", "Streams that are open.", counts.streams));
  all.push_back(Gauge("boltzmann_draining", "1 once the server drains.", counts.closed));
  all.push_back(Gauge("boltzmann_workers", "Threads that compute.",
                      backend.engine.worker_count()));
  all.push_back(Counter("boltzmann_worker_busy_seconds_total",
                        "How long workers were at work, added up.",
                        Seconds(backend.engine.busy_time()).count()));
}

void AddRegions(const Regions* regions, std::vector<MetricFamily>& all) {
  const Regions::Counts counts = regions == nullptr ? Regions::Counts() : regions->Count();
  all.push_back(Gauge("boltzmann_shared_memory_regions", "Regions of shared memory.",
                      static_cast<double>(counts.regions)));
  all.push_back(Gauge("boltzmann_shared_memory_bytes", "Their size.",
                      static_cast<double>(counts.bytes)));
}

}  // namespace

std::vector<MetricFamily> Gauges::Collect() const {
  std::vector<MetricFamily> all;
  all.push_back(Gauge(
      "boltzmann_build_info", "What runs. Always 1.", 1,
      {{"version", BOLTZMANN_VERSION},
       {"instruction_set", std::string(core::NameOf(backend_.engine.instruction_set()))},
       {"grpc_version", grpc::Version()}}));
  AddWork(backend_, all);
  AddRegions(backend_.regions, all);
  all.push_back(Counter("boltzmann_refused_connections_total",
                        "Connections closed as they came: there were too many.",
                        static_cast<double>(listener_.refused_count())));
  if (const auto expiry = ExpiryOf(cert_file_)) {
    all.push_back(Gauge("boltzmann_tls_certificate_expiry_timestamp_seconds",
                        "When the server's certificate ends, since 1970.",
                        Seconds(expiry->time_since_epoch()).count()));
  }
  AddProcess(all);
  return all;
}

}  // namespace boltzmann::server
