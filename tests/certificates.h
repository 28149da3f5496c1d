// Certificates for tests, made when they run, by the openssl command.
#ifndef BOLTZMANN_TESTS_CERTIFICATES_H_
#define BOLTZMANN_TESTS_CERTIFICATES_H_

#include <string>

#include "tests/temporary_directory.h"

namespace boltzmann::test {

// A certificate and its private key, as files in PEM.
struct Identity {
  std::string cert_file;
  std::string key_file;
};

// Issues certificates that are good for a day. Its files are gone when it is.
class Authority {
 public:
  Authority();

  // Its own certificate.
  const std::string& cert_file() const { return own_.cert_file; }

  // A certificate for `common_name` with these further names, such as "DNS:localhost,IP:127.0.0.1".
  // The files are named after `common_name`: the same again replaces them, each in one step.
  Identity Issue(const std::string& common_name, const std::string& names);

 private:
  const TemporaryDirectory directory_;
  Identity own_;
};

// The content of a file; empty if there is none.
std::string ContentOf(const std::string& path);

}  // namespace boltzmann::test

#endif  // BOLTZMANN_TESTS_CERTIFICATES_H_
