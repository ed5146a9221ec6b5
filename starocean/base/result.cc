#include "starocean/base/result.h"

#include <system_error>

namespace starocean {

Error::Error(std::string_view what, std::string_view cause, std::string_view remedy, int code)
    : code_(code) {
  message_.reserve(what.size() + cause.size() + remedy.size() + 4);
  message_.append(what).append(": ").append(cause);
  if (!remedy.empty()) message_.append("; ").append(remedy);
}

Error Error::system(std::string_view what, int errno_value, std::string_view remedy) {
  return {what, std::generic_category().message(errno_value), remedy, errno_value};
}

Error Error::in(std::string_view context) const {
  Error outer = *this;
  outer.message_ = std::string(context).append(": ").append(message_);
  return outer;
}

}  // namespace starocean
