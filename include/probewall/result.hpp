// SPDX-License-Identifier: Apache-2.0
// The environment failing is a Result; hostile input is an enum of its own; a bug of ours is
// assert.
#pragma once

#include <cstring>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace probewall {

/// Exit statuses of both programs (DESIGN.md, section 5).
enum class ExitStatus : int {
  kOk = 0,
  kFailed = 1,
  kUsage = 2,
  kUnreachable = 3,
  kPermission = 4,
  kConfigInvalid = 5,
  kRefused = 6,
  kNotBlocked = 10,
};

/// What went wrong, in one line that says what and how to mend it, and the exit status it maps to.
struct Error {
  std::string message;
  int errno_value = 0;  ///< 0 when no system call failed
  ExitStatus status = ExitStatus::kFailed;
};

template <typename T>
using Result = tl::expected<T, Error>;

/// `what`: the action that failed, e.g. "open /run/probewall/lock"; errno's text is appended.
inline tl::unexpected<Error> fail(int errno_value, std::string_view what) {
  std::string text{what};
  if (errno_value != 0) {
    text += ": ";
    text += std::strerror(errno_value);
  }
  return tl::unexpected(Error{std::move(text), errno_value, ExitStatus::kFailed});
}

inline tl::unexpected<Error> fail(ExitStatus status, std::string_view what) {
  return tl::unexpected(Error{std::string{what}, 0, status});
}

}  // namespace probewall
