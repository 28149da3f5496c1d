// A file that is there as long as its object is.
#ifndef BOLTZMANN_TESTS_CLIENT_TEMPORARY_FILE_H_
#define BOLTZMANN_TESTS_CLIENT_TEMPORARY_FILE_H_

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace boltzmann::test {

// Its name begins with `name`, is free of spaces, and is no other test's.
class TemporaryFile {
 public:
  TemporaryFile(const std::string& name, const std::string& content)
      : path_(testing::TempDir() + "boltzmann_" + name + "_" + std::to_string(getpid()) + "_" +
              std::to_string(++count_)) {
    std::ofstream(path_, std::ios::binary) << content;
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() { std::filesystem::remove(path_); }

  const std::string& path() const { return path_; }

 private:
  static inline int count_ = 0;
  const std::string path_;
};

}  // namespace boltzmann::test

#endif  // BOLTZMANN_TESTS_CLIENT_TEMPORARY_FILE_H_
