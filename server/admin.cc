#include "server/admin.h"

#include <google/protobuf/util/json_util.h>
#include <sys/socket.h>

#include <chrono>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "boltzmann/rpc/v1/error.pb.h"
#include "boltzmann/v1/sampler.grpc.pb.h"
#include "grpcpp/grpcpp.h"
#include "server/explorer_page.h"
#include "server/http_server.h"

namespace boltzmann::server {
namespace {

constexpr HttpLimits kLimits;

// Of a call.
constexpr std::chrono::seconds kTimeout(10);

constexpr char kJson[] = "application/json";

// The page may run its own script and call where it came from; nothing else.
constexpr char kPolicy[] =
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

struct Address {
  std::string host;
  int port = 0;
};

absl::StatusOr<Address> Split(const std::string& listen) {
  const size_t colon = listen.rfind(':');
  Address address;
  if (colon == std::string::npos || colon == 0 ||
      !absl::SimpleAtoi(listen.substr(colon + 1), &address.port) || address.port < 0 ||
      address.port > 65535) {
    return absl::InvalidArgumentError(
        absl::StrCat("admin_listen: ", listen, " is not HOST:PORT, such as 127.0.0.1:8080"));
  }
  address.host = listen.substr(0, colon);
  if (address.host.front() == '[' && address.host.back() == ']') {
    address.host = address.host.substr(1, address.host.size() - 2);
  }
  return address;
}

bool IsLoopback(const std::string& host) {
  return absl::StartsWith(host, "127.") || host == "localhost" || host == "::1";
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
  Running(Address address, std::shared_ptr<grpc::ChannelInterface> channel)
      : address_(std::move(address)), stub_(v1::SamplerService::NewStub(channel)) {
    Configure();
    AddPages();
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
    const bool is_ipv6 = address_.host.find(':') != std::string::npos;
    name_ = absl::StrCat(is_ipv6 ? "[" : "", address_.host, is_ipv6 ? "]" : "", ":", address_.port);
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
           "there is /, and /api/info, /api/sample and /api/describe");
    });
  }

  // Keeps out what a browser sends for another site.
  httplib::Server::HandlerResponse Check(const httplib::Request& request,
                                         httplib::Response& response) const {
    using Outcome = httplib::Server::HandlerResponse;
    const std::string host = HostOf(request.get_header_value("Host"));
    const bool is_own = host == "localhost" || host == HostOf(name_);
    if (IsLoopback(address_.host) && !is_own) {
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

  void AddPages() {
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

  Address address_;
  std::string name_;
  const std::unique_ptr<v1::SamplerService::Stub> stub_;
  HttpServer http_{kLimits};
  std::thread thread_;
};

absl::StatusOr<std::unique_ptr<Admin>> Admin::Start(
    const std::string& listen, std::shared_ptr<grpc::ChannelInterface> channel) {
  absl::StatusOr<Address> address = Split(listen);
  if (!address.ok()) return address.status();
  auto running = std::make_unique<Running>(*std::move(address), std::move(channel));
  if (absl::Status status = running->Listen(listen); !status.ok()) return status;
  return std::unique_ptr<Admin>(new Admin(std::move(running)));
}

Admin::Admin(std::unique_ptr<Running> running) : running_(std::move(running)) {}

Admin::~Admin() = default;

const std::string& Admin::address() const { return running_->name(); }

}  // namespace boltzmann::server
