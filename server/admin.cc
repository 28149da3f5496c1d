#include "server/admin.h"

#include <google/protobuf/util/json_util.h>
#include <sys/socket.h>

#include <chrono>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "boltzmann/rpc/v1/error.pb.h"
#include "boltzmann/v1/sampler.grpc.pb.h"
#include "grpcpp/grpcpp.h"
#include "server/address.h"
#include "server/explorer_page.h"
#include "server/http_server.h"
#include "server/log.h"

namespace boltzmann::server {
namespace {

constexpr HttpLimits kLimits;

// Of a call.
constexpr std::chrono::seconds kTimeout(10);

constexpr char kJson[] = "application/json";
constexpr char kText[] = "text/plain; charset=utf-8";
constexpr char kMetricsType[] = "text/plain; version=0.0.4; charset=utf-8";

constexpr char kMetrics[] = "/metrics";
constexpr char kAlive[] = "/healthz";
constexpr char kReady[] = "/readyz";
constexpr char kLogLevel[] = "/log_level";

// The page may run its own script and call where it came from; nothing else.
constexpr char kPolicy[] =
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

// Whether other hosts may have it.
bool IsForAll(const std::string& path) {
  return path == kMetrics || path == kAlive || path == kReady;
}

void Say(bool good, const char* yes, const char* no, httplib::Response& response) {
  response.status = good ? 200 : 503;
  response.set_content(absl::StrCat(good ? yes : no, "\n"), kText);
}

// HOST of a Host header.
std::string HostOf(const std::string& header) {
  const size_t colon = header.rfind(':');
  const bool has_port = colon != std::string::npos && header.find(']', colon) == std::string::npos;
  return has_port ? header.substr(0, colon) : header;
}

template <typename Message>
std::string ToJson(const Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.always_print_primitive_fields = true;
  options.preserve_proto_field_names = true;
  std::string json;
  // Fails only for messages with an Any or a Timestamp, which ours do not have.
  (void)google::protobuf::util::MessageToJsonString(message, &json, options);
  return json;
}

void Fail(httplib::Response& response, int http, absl::StatusCode code,
          const std::string& message) {
  rpc::v1::Status error;
  error.set_code(static_cast<int>(code));
  error.set_message(message);
  response.status = http;
  response.set_content(ToJson(error), kJson);
}

void Fail(httplib::Response& response, const grpc::Status& status) {
  const auto code = static_cast<absl::StatusCode>(status.error_code());
  const bool may_help = code == absl::StatusCode::kUnavailable ||
                        code == absl::StatusCode::kResourceExhausted ||
                        code == absl::StatusCode::kDeadlineExceeded;
  Fail(response, may_help ? 503 : 400, code, status.error_message());
}

// One method of the service, spoken to in JSON.
template <typename Request, typename Response>
void Call(v1::SamplerService::Stub& stub,
          grpc::Status (v1::SamplerService::Stub::*method)(grpc::ClientContext*, const Request&,
                                                           Response*),
          const std::string& json, httplib::Response& http) {
  Request request;
  if (const auto parsed = google::protobuf::util::JsonStringToMessage(json, &request);
      !parsed.ok()) {
    return Fail(http, 400, absl::StatusCode::kInvalidArgument,
                absl::StrCat("the body is no ", Request::descriptor()->name(), ": ",
                             std::string(parsed.message())));
  }
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kTimeout);
  Response response;
  const grpc::Status status = (stub.*method)(&context, request, &response);
  if (!status.ok()) return Fail(http, status);
  http.set_content(ToJson(response), kJson);
}

}  // namespace

class Admin::Running {
 public:
  Running(Address address, AdminSources sources)
      : address_(std::move(address)),
        sources_(std::move(sources)),
        stub_(v1::SamplerService::NewStub(sources_.channel)) {
    Configure();
    AddFigures();
    AddExplorer();
    AddLogLevel();
  }

  ~Running() {
    http_.Stop();
    if (thread_.joinable()) thread_.join();
  }

  absl::Status Listen(const std::string& listen) {
    if (address_.port == 0) {
      address_.port = http_.bind_to_any_port(address_.host.c_str());
    } else if (!http_.bind_to_port(address_.host.c_str(), address_.port)) {
      address_.port = -1;
    }
    if (address_.port <= 0) {
      return absl::UnavailableError(
          absl::StrCat("admin_listen: cannot listen on ", listen, ": name another port"));
    }
    name_ = Join(address_.host, address_.port);
    thread_ = std::thread([this] { http_.listen_after_bind(); });
    while (!http_.is_running()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return absl::OkStatus();
  }

  const std::string& name() const { return name_; }

 private:
  void Configure() {
    // The library's own would let a second server share the port.
    http_.set_socket_options([](socket_t socket) {
      const int yes = 1;
      setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    });
    http_.set_default_headers({{"Content-Security-Policy", kPolicy},
                               {"X-Content-Type-Options", "nosniff"},
                               {"Referrer-Policy", "no-referrer"},
                               {"Cache-Control", "no-store"}});
    http_.set_pre_routing_handler(
        [this](const httplib::Request& request, httplib::Response& response) {
          return Check(request, response);
        });
    http_.set_error_handler([](const httplib::Request&, httplib::Response& response) {
      if (!response.body.empty()) return;
      if (response.status == 413) {
        return Fail(response, 413, absl::StatusCode::kResourceExhausted,
                    absl::StrCat("a request may have ", kLimits.max_request_bytes,
                                 " bytes: call over gRPC"));
      }
      Fail(response, response.status, absl::StatusCode::kNotFound,
           "there is /metrics, /healthz and /readyz; and to this host /, /api/info, /api/sample, "
           "/api/describe and /log_level");
    });
  }

  // Keeps from other hosts what is not theirs, and out what a browser sends for another site.
  httplib::Server::HandlerResponse Check(const httplib::Request& request,
                                         httplib::Response& response) const {
    using Outcome = httplib::Server::HandlerResponse;
    if (IsForAll(request.path)) return Outcome::Unhandled;
    const std::string host = HostOf(request.get_header_value("Host"));
    if (!IsLoopback(request.remote_addr)) {
      Fail(response, 403, absl::StatusCode::kPermissionDenied,
           "only /metrics, /healthz and /readyz are for other hosts: come from this one, through "
           "an SSH tunnel or kubectl port-forward");
      return Outcome::Handled;
    }
    if (host != "localhost" && host != "127.0.0.1" && host != "[::1]" && host != HostOf(name_)) {
      Fail(response, 403, absl::StatusCode::kPermissionDenied,
           absl::StrCat("Host: come by the name ", name_, " or localhost"));
      return Outcome::Handled;
    }
    if (request.method == "POST" &&
        !absl::StartsWith(request.get_header_value("Content-Type"), kJson)) {
      Fail(response, 415, absl::StatusCode::kInvalidArgument,
           "Content-Type: send application/json");
      return Outcome::Handled;
    }
    return Outcome::Unhandled;
  }

  void AddFigures() {
    http_.Get(kMetrics, [this](const httplib::Request&, httplib::Response& response) {
      response.set_content(sources_.metrics(), kMetricsType);
    });
    http_.Get(kAlive, [this](const httplib::Request&, httplib::Response& response) {
      Say(sources_.is_alive(), "alive", "stuck", response);
    });
    http_.Get(kReady, [this](const httplib::Request&, httplib::Response& response) {
      Say(sources_.is_ready(), "ready", "draining", response);
    });
  }

  void AddExplorer() {
    http_.Get("/", [](const httplib::Request&, httplib::Response& response) {
      response.set_content(kExplorerPage, "text/html; charset=utf-8");
    });
    http_.Get("/api/info", [this](const httplib::Request&, httplib::Response& response) {
      Call(*stub_, &v1::SamplerService::Stub::GetServerInfo, "{}", response);
    });
    http_.Post("/api/sample", [this](const httplib::Request& request, httplib::Response& response) {
      Call(*stub_, &v1::SamplerService::Stub::Sample, request.body, response);
    });
    http_.Post("/api/describe",
               [this](const httplib::Request& request, httplib::Response& response) {
                 Call(*stub_, &v1::SamplerService::Stub::Describe, request.body, response);
               });
  }

  void AddLogLevel() {
    http_.Get(kLogLevel, [](const httplib::Request&, httplib::Response& response) {
      response.set_content(CurrentLogLevel() + "\n", kText);
    });
    // A browser asks before it sends a PUT for another site, and is not answered.
    http_.Put(kLogLevel, [](const httplib::Request& request, httplib::Response& response) {
      const std::string level(absl::StripAsciiWhitespace(request.body));
      const absl::Status status = SetLogLevel(level);
      if (!status.ok())
        return Fail(response, 400, status.code(), std::string(status.message()));
      Log(LogLevel::warn, "the log level was set", {{"log_level", level}});
      response.set_content(level + "\n", kText);
    });
  }

  Address address_;
  const AdminSources sources_;
  std::string name_;
  const std::unique_ptr<v1::SamplerService::Stub> stub_;
  HttpServer http_{kLimits};
  std::thread thread_;
};

absl::StatusOr<std::unique_ptr<Admin>> Admin::Start(
    const std::string& listen, AdminSources sources) {
  absl::StatusOr<Address> address = ParseHostAndPort("admin_listen", listen);
  if (!address.ok()) return address.status();
  auto running = std::make_unique<Running>(*std::move(address), std::move(sources));
  if (absl::Status status = running->Listen(listen); !status.ok()) return status;
  return std::unique_ptr<Admin>(new Admin(std::move(running)));
}

Admin::Admin(std::unique_ptr<Running> running) : running_(std::move(running)) {}

Admin::~Admin() = default;

const std::string& Admin::address() const { return running_->name(); }

}  // namespace boltzmann::server
