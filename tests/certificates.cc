#include "tests/certificates.h"

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <vector>

#include "tests/process.h"

namespace boltzmann::test {
namespace {

void RunOpenssl(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                                       "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1"});
  Process openssl("/usr/bin/env", arguments);
  EXPECT_EQ(openssl.Wait(), 0) << "openssl (deploy/install-packages.sh test): " << openssl.text();
}

}  // namespace

Authority::Authority() : own_{directory_.Of("authority.crt"), directory_.Of("authority.key")} {
  RunOpenssl({"-subj", "/CN=authority", "-keyout", own_.key_file, "-out", own_.cert_file});
}

Identity Authority::Issue(const std::string& common_name, const std::string& names) {
  const Identity issued = {directory_.Of(common_name + ".crt"),
                           directory_.Of(common_name + ".key")};
  RunOpenssl({"-CA", own_.cert_file, "-CAkey", own_.key_file, "-subj", "/CN=" + common_name,
              "-addext", "basicConstraints=critical,CA:FALSE", "-addext", "subjectAltName=" + names,
              "-keyout", issued.key_file + ".new", "-out", issued.cert_file + ".new"});
  std::filesystem::rename(issued.key_file + ".new", issued.key_file);
  std::filesystem::rename(issued.cert_file + ".new", issued.cert_file);
  return issued;
}

std::string ContentOf(const std::string& path) {
  std::ostringstream content;
  content << std::ifstream(path, std::ios::binary).rdbuf();
  return content.str();
}

}  // namespace boltzmann::test
