// What is read of the server and its process whenever somebody asks for metrics.
#ifndef BOLTZMANN_SERVER_GAUGES_H_
#define BOLTZMANN_SERVER_GAUGES_H_

#include <string>
#include <vector>

#include "prometheus/collectable.h"
#include "server/backend.h"
#include "server/listener.h"

namespace boltzmann::server {

// Workers, queue, regions, connections, the certificate, the build, and the figures of the process
// that Prometheus' own clients report. Thread-safe.
class Gauges final : public prometheus::Collectable {
 public:
  // `cert_file`: empty if there is none. The others must outlive it.
  Gauges(const Backend& backend, const Listener& listener, std::string cert_file)
      : backend_(backend), listener_(listener), cert_file_(std::move(cert_file)) {}

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  const Backend& backend_;
  const Listener& listener_;
  const std::string cert_file_;
};

}  // namespace boltzmann::server

#endif  // BOLTZMANN_SERVER_GAUGES_H_
