#include "tests/process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>

namespace boltzmann::test {
namespace {

std::vector<char*> Pointers(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (std::string& string : strings) pointers.push_back(string.data());
  pointers.push_back(nullptr);
  return pointers;
}

void MustBeZero(int status, const char* what) {
  if (status == 0) return;
  std::perror(what);
  std::abort();
}

}  // namespace

Process::Process(const std::string& program, std::vector<std::string> arguments,
                 std::vector<std::string> environment) {
  arguments.insert(arguments.begin(), program);
  for (char** variable = environ; *variable != nullptr; ++variable) {
    environment.push_back(*variable);  // sanitizers read theirs
  }
  int ends[2];
  MustBeZero(pipe2(ends, O_CLOEXEC), "pipe2");
  output_ = ends[0];
  const std::vector<char*> argv = Pointers(arguments);
  const std::vector<char*> envp = Pointers(environment);
  pid_ = fork();
  MustBeZero(pid_ < 0, "fork");
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(ends[1], STDOUT_FILENO);
    dup2(ends[1], STDERR_FILENO);
    execve(program.c_str(), argv.data(), envp.data());
    _exit(127);
  }
  close(ends[1]);
}

Process::~Process() {
  if (pid_ > 0) Kill(SIGKILL), Wait();
  close(output_);
}

void Process::Kill(int signal) { kill(pid_, signal); }

bool Process::ReadUntil(const std::string& text) {
  char buffer[4096];
  while (text_.find(text) == std::string::npos) {
    const ssize_t count = read(output_, buffer, sizeof(buffer));
    if (count <= 0) return false;
    text_.append(buffer, count);
  }
  return true;
}

int Process::Wait() {
  ReadUntil(std::string(1, '\0'));
  int status = 0;
  waitpid(pid_, &status, 0);
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

size_t ResidentBytes(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("VmRSS:", 0) == 0) return std::stoull(line.substr(6)) << 10;
  }
  return 0;
}

std::string FreeAddress() {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* any = reinterpret_cast<sockaddr*>(&address);
  MustBeZero(bind(listener, any, size), "bind");
  MustBeZero(getsockname(listener, any, &size), "getsockname");
  close(listener);
  return "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
}

}  // namespace boltzmann::test
