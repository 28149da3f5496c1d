// Writes the body of the call that `boltzmann load --transport shared_memory --send_as bfloat16
// --temperature .7 --top_p .9` makes, as HTTP/2 carries it for gRPC: for generators that know
// nothing of protobuf. The rows stay registered until standard input ends.
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>
#include <utility>

#include "client/client.h"
#include "client/load_workload.h"

int main(int argc, char** argv) {
  using namespace boltzmann::client;
  if (argc != 5) {
    std::cerr << "usage: boltzmann_print_load_request SERVER DIRECTORY ROWS FILE\n";
    return 2;
  }
  const auto client = Client::Create({.target = argv[1]});
  const LogitMatrix matrix =
      ConvertTo(MakeLogits(Shape::kPeaked, static_cast<uint32_t>(std::atoi(argv[3])), 128256),
                boltzmann::v1::DATA_TYPE_BFLOAT16);
  boltzmann::v1::SampleRequest request = RequestWithoutLogits(matrix, 1);
  request.add_outputs()->set_logprobs(boltzmann::v1::LOGPROB_MODE_BOTH);
  request.add_params()->set_temperature(.7);
  request.mutable_params(0)->set_top_p(.9);
  const auto workload = SharedWorkload(std::move(request), matrix, *client, argv[2]);
  if (!workload.ok()) {
    std::cerr << workload.status() << "\n";
    return 1;
  }
  const std::string body = workload->request.SerializeAsString();
  const auto size = static_cast<uint32_t>(body.size());
  std::ofstream(argv[4]) << '\0' << static_cast<char>(size >> 24) << static_cast<char>(size >> 16)
                         << static_cast<char>(size >> 8) << static_cast<char>(size) << body;
  std::cout << "ready" << std::endl;
  std::cin.ignore(1 << 30, EOF);
}
