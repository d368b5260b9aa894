// SPDX-License-Identifier: Apache-2.0
// Whether an answer says that the server wants a key.
#pragma once

#include <string_view>

#include "core/events.hpp"

namespace probewall {

/// Whether a 403 to this request may have another cause, which anybody can bring about: a page from
/// elsewhere asks (Origin; gin-contrib/cors, which Ollama uses, then says 403), or the request
/// itself speaks of keys, and the error page repeats it.
bool provokes_forbidden(const Request& request);

/// Whether the answer asks for a key: 401, or 403 with WWW-Authenticate or a body that speaks of
/// keys, unless `provoked` (see above). Not a 401 that is about the server's own account elsewhere.
bool asks_for_key(int status, std::string_view head_and_body, bool provoked);

}  // namespace probewall
