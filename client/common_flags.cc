#include "client/common_flags.h"

#include <google/protobuf/util/json_util.h>

#include <string>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

ABSL_FLAG(
    std::string, server, "127.0.0.1:50051",
    "Where the server listens: host:port or unix:/path/to/socket. Several servers, which take "
    "calls by turns: ipv4:host:port,host:port, or a name with several addresses, as "
    "dns:///name:port.");
ABSL_FLAG(absl::Duration, timeout, absl::Seconds(10),
          "What a call may take, such as 500ms or 1m. Positive and finite.");
ABSL_FLAG(std::string, tls_ca_file, "",
          "Speak TLS to a server whose certificate is from one of the authorities in this file "
          "(PEM). Unset speaks plainly. Not for Unix sockets.");
ABSL_FLAG(std::string, tls_cert_file, "",
          "The certificate (PEM) to show to a server that asks for one. With --tls_key_file and "
          "--tls_ca_file.");
ABSL_FLAG(std::string, tls_key_file, "",
          "The private key (PEM, without passphrase) of --tls_cert_file.");
ABSL_FLAG(std::string, tls_server_name, "",
          "The name that the server's certificate must have. Unset takes the host of --server; a "
          "list of addresses has none. With --tls_ca_file.");
ABSL_FLAG(std::string, token_file, "",
          "Send the bearer token that is the first line of this file, comments (#) aside. Over a "
          "network it needs --tls_ca_file. Unset sends none.");
ABSL_FLAG(std::string, format, "table", "How to print: table, for people, or json.");

ABSL_FLAG(std::string, html, "",
          "Write what is shown to this file too, as a page for a browser: one file that loads "
          "nothing. Unset writes none.");

namespace boltzmann::client {

std::vector<std::string_view> ConnectionFlags() {
  return {"server",       "timeout",         "tls_ca_file", "tls_cert_file",
          "tls_key_file", "tls_server_name", "token_file"};
}

std::string HtmlFileFromFlags() { return absl::GetFlag(FLAGS_html); }

std::vector<std::string_view> FormatFlags() { return {"format"}; }

std::vector<std::string_view> Joined(const std::vector<std::vector<std::string_view>>& lists) {
  std::vector<std::string_view> joined;
  for (const auto& list : lists) joined.insert(joined.end(), list.begin(), list.end());
  return joined;
}

ClientOptions ClientOptionsFromFlags() {
  ClientOptions options;
  options.target = absl::GetFlag(FLAGS_server);
  options.timeout = absl::GetFlag(FLAGS_timeout);
  options.tls_ca_file = absl::GetFlag(FLAGS_tls_ca_file);
  options.tls_cert_file = absl::GetFlag(FLAGS_tls_cert_file);
  options.tls_key_file = absl::GetFlag(FLAGS_tls_key_file);
  options.tls_server_name = absl::GetFlag(FLAGS_tls_server_name);
  options.token_file = absl::GetFlag(FLAGS_token_file);
  return options;
}

absl::StatusOr<Client> ClientFromFlags() {
  absl::StatusOr<Client> client = Client::Create(ClientOptionsFromFlags());
  if (!absl::IsInvalidArgument(client.status())) return client;
  return Misuse(std::string(client.status().message()));
}

absl::Status CallError(const absl::Status& status) {
  return absl::Status(
      status.code(), absl::StrCat("the call to ", absl::GetFlag(FLAGS_server), " failed: ",
                                  absl::StatusCodeToString(status.code()), ": ", status.message()));
}

absl::StatusOr<bool> JsonFromFlags() {
  const std::string format = absl::GetFlag(FLAGS_format);
  if (format == "json") return true;
  if (format == "table") return false;
  return Misuse("--format: '" + format + "' is not allowed: give table or json");
}

void PrintJson(const google::protobuf::Message& message, std::ostream& out) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  options.always_print_primitive_fields = true;
  options.preserve_proto_field_names = true;
  std::string json;
  // Fails only for messages with an Any or a Timestamp, which ours do not have.
  const auto status = google::protobuf::util::MessageToJsonString(message, &json, options);
  out << (status.ok() ? json : status.ToString() + "\n");
}

}  // namespace boltzmann::client
