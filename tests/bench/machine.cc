#include "tests/bench/machine.h"

#include <algorithm>
#include <fstream>
#include <thread>

namespace boltzmann::bench {
namespace {

// The value of a line of /proc/cpuinfo; empty if there is none.
std::string CpuInfo(const std::string& key) {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(key + "\t") && line.find(": ") != std::string::npos) {
      return line.substr(line.find(": ") + 2);
    }
  }
  return "";
}

}  // namespace

std::string ProcessorName() {
  const std::string name = CpuInfo("model name");
  if (name.empty()) return "unknown processor";
  return name + " (family " + CpuInfo("cpu family") + ", model " + CpuInfo("model") + ")";
}

int ProcessorCount() { return static_cast<int>(std::max(1u, std::thread::hardware_concurrency())); }

std::string CompilerName() {
#ifdef __clang__
  return "clang " __clang_version__;
#else
  return "g++ " __VERSION__;
#endif
}

std::string Revision() { return BOLTZMANN_REVISION; }

}  // namespace boltzmann::bench
