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
#include "spdlog/spdlog.h"

namespace {

using boltzmann::server::Flags;
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

int Serve(const Flags& flags) {
  const sigset_t signals = StopSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);  // a log that nobody reads must not end the server

  absl::StatusOr<std::unique_ptr<Server>> server = Server::Start(flags.server);
  if (!server.ok()) {
    spdlog::error("{}", std::string(server.status().message()));
    return kFailed;
  }
  for (const std::string& address : (*server)->addresses())
    spdlog::info("listening on {}", address);
  const std::string admin = (*server)->admin_address();
  if (!admin.empty()) spdlog::info("explorer at http://{}/", admin);
  spdlog::info("serving with {} workers on {}", (*server)->worker_count(),
               boltzmann::core::NameOf((*server)->instruction_set()));

  int received = 0;
  sigwait(&signals, &received);
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);  // a second signal ends it at once
  spdlog::info("{}: draining for up to {} ms", strsignal(received), flags.drain_timeout.count());
  const absl::Status drained = (*server)->Drain(flags.drain_timeout);
  if (!drained.ok()) spdlog::error("{}", std::string(drained.message()));
  spdlog::info("stopped");
  return drained.ok() ? 0 : kFailed;
}

}  // namespace

int main(int argc, char** argv) {
  boltzmann::server::KeepMemory();
  const absl::StatusOr<Flags> flags = boltzmann::server::ReadFlags(argc, argv);
  absl::Status status = flags.status();
  if (status.ok()) status = boltzmann::server::StartLog(flags->log_level);
  if (!status.ok()) {
    std::cerr << "boltzmann-server: " << status.message() << "\n";
    return kBadFlags;
  }
  return Serve(*flags);
}
