// The largest requests that a server takes.
#ifndef BOLTZMANN_SERVER_LIMITS_H_
#define BOLTZMANN_SERVER_LIMITS_H_

#include <cstdint>

namespace boltzmann::server {

// What exceeds one of these is answered with RESOURCE_EXHAUSTED. Raise them for larger
// batches or vocabularies; each bounds memory that one caller can take.
struct Limits {
  int32_t max_message_bytes = 256 << 20;  // of one request
  uint32_t max_row_count = 1024;          // rows of one call
  uint32_t max_vocab_size = 1 << 20;      // logits of one row
  uint32_t max_rows_in_flight = 4096;     // rows of all calls that wait or are computed
  uint64_t max_listed_tokens = 4 << 20;   // tokens that the tables of one reply may list
};

}  // namespace boltzmann::server

#endif  // BOLTZMANN_SERVER_LIMITS_H_
