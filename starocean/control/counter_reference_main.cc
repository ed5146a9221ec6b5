// Prints the counter reference for docs/operations.md.
#include <cstdio>

#include "starocean/control/counter_reference.h"

int main() {
  std::fputs(starocean::control::counter_reference_markdown().c_str(), stdout);
  return 0;
}
