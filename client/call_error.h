// Where a gRPC error becomes an absl::Status.
#ifndef BOLTZMANN_CLIENT_CALL_ERROR_H_
#define BOLTZMANN_CLIENT_CALL_ERROR_H_

#include "absl/status/status.h"

namespace grpc {
class Status;
}

namespace boltzmann::client {

// The same code and message. If the error carries a google.rpc.BadRequest, each of its violations
// follows on a line of its own, as `field: description`; a message that only repeats them is left
// out. A google.rpc.RetryInfo is a line such as `(retry after 20 ms)`. Details that cannot be read
// are said to be there, never dropped in silence. Any thread.
absl::Status ToAbslStatus(const grpc::Status& status);

}  // namespace boltzmann::client

#endif  // BOLTZMANN_CLIENT_CALL_ERROR_H_
