// SPDX-License-Identifier: Apache-2.0
// What a request would get from a server, by method and path, and how its answer shows it.
#pragma once

#include <string_view>

#include "core/events.hpp"
#include "core/servers/exposure.hpp"

namespace probewall {

struct Asked {
  Access access = Access::kNone;
  Impl impl = Impl::kUnknown;  ///< whose path it is, when one product's only
  /// An empty answer or plain text is one, too: it says that something was done.
  bool done_by_any = false;
  bool proven = false;   ///< the answer holds what only such a product writes
  bool foreign = false;  ///< the path is a product's, but the answer may be any application's
};

/// What `request` asks for: the first row of its method and path, else what its API stands for.
Asked asked_for(const Request& request);

/// What it was given with `body`, the beginning of an answer with 2xx, by a server whose answers
/// showed that it is `shown` (kUnknown: nothing yet). kNone: an ordinary web application may have
/// answered.
Asked given_to(const Request& request, std::string_view body, Impl shown);

}  // namespace probewall
