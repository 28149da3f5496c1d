// The largest requests that a server takes, and how many.
#ifndef BOLTZMANN_SERVER_LIMITS_H_
#define BOLTZMANN_SERVER_LIMITS_H_

#include <chrono>
#include <cstdint>

namespace boltzmann::server {

// Calls that exceed one of these are answered with RESOURCE_EXHAUSTED. Requests take no more memory
// than (max_calls_in_flight + 2 * max_streams) * max_message_bytes, and 64 KB for each that waits.
struct Limits {
  int32_t max_message_bytes = 256 << 20;  // of one request
  uint32_t max_row_count = 1024;          // rows of one call
  uint32_t max_vocab_size = 1 << 20;      // logits of one row
  uint64_t max_listed_tokens = 4 << 20;   // tokens that the tables of one reply may list

  // Calls that are received and computed at a time. Enough to keep the workers busy while others
  // are on their way. 0 means 16, or 4 for each worker if that is more.
  uint32_t max_calls_in_flight = 0;

  // Calls that wait to be received. What they have sent stays in the connection.
  uint32_t max_calls_waiting = 1024;

  // Streams of StreamSample that are open.
  uint32_t max_streams = 64;

  // Connections, of which those that come beyond it are closed at once.
  uint32_t max_connections = 1024;

  // How long a connection may live, so that callers find servers that have come since, and
  // certificates that have. Its calls end as they would; new ones go over another connection.
  std::chrono::milliseconds max_connection_age{3600000};

  // How long a call in flight may keep the server waiting, for the rest of its request or for its
  // reply to be taken, while others wait for its place.
  std::chrono::milliseconds max_idle_time{10000};
};

}  // namespace boltzmann::server

#endif  // BOLTZMANN_SERVER_LIMITS_H_
