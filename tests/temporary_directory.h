// A directory that is gone when the test is over.
#ifndef BOLTZMANN_TESTS_TEMPORARY_DIRECTORY_H_
#define BOLTZMANN_TESTS_TEMPORARY_DIRECTORY_H_

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <iterator>
#include <string>

namespace boltzmann::test {

// On a tmpfs where there is one.
class TemporaryDirectory {
 public:
  TemporaryDirectory() : path_("/dev/shm/boltzmann_XXXXXX") {
    if (mkdtemp(path_.data()) != nullptr) return;
    path_ = testing::TempDir() + "boltzmann_XXXXXX";
    EXPECT_NE(mkdtemp(path_.data()), nullptr);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }

  const std::string& path() const { return path_; }
  // The path of what has this name in it.
  std::string Of(const std::string& name) const { return path_ + "/" + name; }

  // How many files it has.
  int file_count() const {
    return static_cast<int>(std::distance(std::filesystem::directory_iterator(path_), {}));
  }

 private:
  std::string path_;
};

}  // namespace boltzmann::test

#endif  // BOLTZMANN_TESTS_TEMPORARY_DIRECTORY_H_
