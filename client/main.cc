// The `boltzmann` command.
#include <iostream>

#include "client/command_line.h"

int main(int argc, char** argv) {
  std::ios::sync_with_stdio(false);
  boltzmann::client::Console console{std::cin, std::cout, std::cerr};
  return boltzmann::client::RunBoltzmann({argv + 1, argv + argc}, console);
}
