#include <iostream>

#include "starocean/cli/command_line.h"

int main(int argc, char** argv) {
  return starocean::cli::run_command_line(argc, argv, std::cout, std::cerr);
}
