// A program that runs beside this one.
#ifndef BOLTZMANN_TESTS_PROCESS_H_
#define BOLTZMANN_TESTS_PROCESS_H_

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <vector>

namespace boltzmann::test {

// A child process, with what it writes to standard output and error. It is killed when the thread
// that started it ends. Not thread-safe.
class Process {
 public:
  // `environment` is added to this program's own. A program that cannot be run ends with status
  // 127.
  Process(const std::string& program, std::vector<std::string> arguments,
          std::vector<std::string> environment = {});

  // Kills it, if it was not waited for.
  ~Process();

  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  // -1 once it was waited for.
  pid_t pid() const { return pid_; }

  void Kill(int signal);

  // Reads on until `text` has been written, or the process has closed its output.
  bool ReadUntil(const std::string& text);

  // Reads all that it still writes. Its exit status: -1 if a signal ended it.
  int Wait();

  // What was read.
  const std::string& text() const { return text_; }

 private:
  pid_t pid_ = -1;
  int output_ = -1;
  std::string text_;
};

// Resident memory of a process, in bytes; 0 if there is none.
size_t ResidentBytes(pid_t pid);

// A port of 127.0.0.1 on which nobody listens, as HOST:PORT.
std::string FreeAddress();

}  // namespace boltzmann::test

#endif  // BOLTZMANN_TESTS_PROCESS_H_
