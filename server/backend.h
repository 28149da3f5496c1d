// What calls are served with.
#ifndef BOLTZMANN_SERVER_BACKEND_H_
#define BOLTZMANN_SERVER_BACKEND_H_

#include "core/engine.h"
#include "server/access.h"
#include "server/admission.h"
#include "server/counters.h"
#include "server/limits.h"
#include "server/metrics.h"
#include "server/regions.h"

namespace boltzmann::server {

// One a server. All that it refers to is thread-safe and outlives every call.
struct Backend {
  const Limits& limits;
  const Access& access;
  core::Engine& engine;
  Admission& admission;
  Counters& counters;
  Metrics& metrics;
  Regions* regions;  // nullptr if the server takes no shared memory
};

}  // namespace boltzmann::server

#endif  // BOLTZMANN_SERVER_BACKEND_H_
