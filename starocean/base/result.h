// Errors of set-up and control code.
//
// A function that can fail returns Result<T>. The error reads as one sentence: what failed and where,
// the cause, and what to do about it:
//
//   cannot attach to interface 'lan1': an XDP program of another process is attached (id 17);
//   detach it with `ip link set dev lan1 xdp off`, or take another interface
//
// Nothing on the packet path returns a Result: a bad packet is a counted drop.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include <tl/expected.hpp>

namespace starocean {

class [[nodiscard]] Error {
 public:
  // `what` names the action and its object, `cause` the reason; `remedy` (may be empty) says what the
  // reader can do. All three are phrases without a final full stop.
  Error(std::string_view what, std::string_view cause, std::string_view remedy = {}, int code = 0);

  // The cause is the text of `errno_value`.
  static Error system(std::string_view what, int errno_value, std::string_view remedy = {});

  const std::string& message() const { return message_; }
  // The errno behind the failure; 0 when there is none.
  int code() const { return code_; }
  // The same error, seen from a caller who knows more: "`context`: message".
  Error in(std::string_view context) const;

 private:
  std::string message_;
  int code_ = 0;
};

template <class T>
using Result = tl::expected<T, Error>;
using Status = Result<void>;

// `return fail("cannot open 'x'", "no such file", "check the path");`
inline tl::unexpected<Error> fail(std::string_view what, std::string_view cause,
                                  std::string_view remedy = {}, int code = 0) {
  return tl::unexpected<Error>(Error(what, cause, remedy, code));
}
inline tl::unexpected<Error> fail_system(std::string_view what, int errno_value,
                                         std::string_view remedy = {}) {
  return tl::unexpected<Error>(Error::system(what, errno_value, remedy));
}
inline tl::unexpected<Error> fail(Error error) {
  return tl::unexpected<Error>(std::move(error));
}

}  // namespace starocean
