#include "starocean/control/version.h"

namespace starocean::control {

std::string_view version_text() {
  return STAROCEAN_VERSION;
}

}  // namespace starocean::control
