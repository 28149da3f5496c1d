#include "server/heartbeat.h"

#include <chrono>
#include <utility>

namespace boltzmann::server {
namespace {

// A quarter of the second that gRPC's threads wait.
constexpr std::chrono::milliseconds kPeriod(250);

// Without a beat for so long, something is stuck for good.
constexpr std::chrono::seconds kDead(10);

// Bounds how long a beat can hold up the end.
constexpr std::chrono::seconds kTimeout(1);

}  // namespace

Heartbeat::Heartbeat(std::shared_ptr<grpc::ChannelInterface> channel, std::function<void()> chores)
    : stub_(v1::SamplerService::NewStub(channel)),
      chores_(std::move(chores)),
      thread_([this] { Run(); }) {}

Heartbeat::~Heartbeat() {
  {
    core::MutexLock lock(mutex_);
    stopping_ = true;
  }
  stop_.NotifyAll();
  thread_.join();
}

void Heartbeat::Run() {
  core::MutexLock lock(mutex_);
  while (!stopping_) {
    if (stop_.WaitUntil(mutex_, std::chrono::steady_clock::now() + kPeriod)) continue;
    mutex_.Unlock();
    Beat();
    chores_();
    mutex_.Lock();
  }
}

void Heartbeat::Beat() {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kTimeout);
  v1::GetServerInfoResponse response;
  if (stub_->GetServerInfo(&context, v1::GetServerInfoRequest(), &response).ok())
    last_beat_ = Now();
}

bool Heartbeat::IsAlive() const { return Now() - last_beat_.load() < kDead; }

std::chrono::milliseconds Heartbeat::Now() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now().time_since_epoch());
}

}  // namespace boltzmann::server
