// What is read of the server and its process whenever somebody asks for metrics.
#ifndef BOLTZMANN_SERVER_GAUGES_H_
#define BOLTZMANN_SERVER_GAUGES_H_

#include <vector>

#include "prometheus/collectable.h"
#include "server/backend.h"
#include "server/listener.h"
#include "server/tls.h"

namespace boltzmann::server {

// Workers, queue, regions, connections, the certificate, the build, and the figures of the process
// that Prometheus' own clients report. Thread-safe.
class Gauges final : public prometheus::Collectable {
 public:
  // `tls`: nullptr if there is none. All of it must outlive this.
  Gauges(const Backend& backend, const Listener& listener, const Tls* tls)
      : backend_(backend), listener_(listener), tls_(tls) {}

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  const Backend& backend_;
  const Listener& listener_;
  const Tls* const tls_;
};

}  // namespace boltzmann::server

#endif  // BOLTZMANN_SERVER_GAUGES_H_
