// boltzmann-server: flags, start, wait for the signal, drain.
#include <pthread.h>
#include <signal.h>
#include <string.h>

#include <iostream>
#include <memory>
#include <string>

#include "server/flags.h"
#include "server/log.h"
#include "server/server.h"
#include "server/tuning.h"

namespace {

using boltzmann::server::Flags;
using boltzmann::server::Log;
using boltzmann::server::LogLevel;
using boltzmann::server::Server;

// Exit statuses.
constexpr int kBadFlags = 2;
constexpr int kFailed = 1;

// The signals that ask the server to stop. Blocked in every thread, to be waited for.
sigset_t StopSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  return signals;
}

void LogStart(const Server& server) {
  for (const std::string& address : server.addresses())
    Log(LogLevel::info, "listening on " + address);
  if (!server.health_address().empty())
    Log(LogLevel::info, "health at " + server.health_address());
  if (!server.admin_address().empty())
    Log(LogLevel::info, "metrics, health and explorer at http://" + server.admin_address() + "/");
  Log(LogLevel::info, "serving",
      {{"workers", server.worker_count()},
       {"instruction_set", std::string(boltzmann::core::NameOf(server.instruction_set()))}});
}

int Serve(const Flags& flags) {
  const sigset_t signals = StopSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);  // a log that nobody reads must not end the server

  absl::StatusOr<std::unique_ptr<Server>> server = Server::Start(flags.server);
  if (!server.ok()) {
    Log(LogLevel::err, std::string(server.status().message()));
    return kFailed;
  }
  LogStart(**server);

  int received = 0;
  sigwait(&signals, &received);
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);  // a second signal ends it at once
  Log(LogLevel::info, "draining",
      {{"signal", strsignal(received)}, {"up_to_ms", flags.drain_timeout.count()}});
  const absl::Status drained = (*server)->Drain(flags.drain_timeout);
  if (!drained.ok()) Log(LogLevel::err, std::string(drained.message()));
  Log(LogLevel::info, "stopped");
  return drained.ok() ? 0 : kFailed;
}

}  // namespace

int main(int argc, char** argv) {
  boltzmann::server::KeepMemory();
  const absl::StatusOr<Flags> flags = boltzmann::server::ReadFlags(argc, argv);
  absl::Status status = flags.status();
  if (status.ok()) status = boltzmann::server::StartLog(flags->log_level, flags->log_format);
  if (!status.ok()) {
    std::cerr << "boltzmann-server: " << status.message() << "\n";
    return kBadFlags;
  }
  return Serve(*flags);
}
