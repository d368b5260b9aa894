// SPDX-License-Identifier: Apache-2.0
// A request or an answer of a session as HTTP/2 frames.
#pragma once

#include <string>
#include <string_view>

namespace probewall::cli {

/// What a client with prior knowledge sends on a connection of its own: preface, settings and
/// stream 1. `http1`: the same request as HTTP/1.1 text; its body is not chunked.
std::string http2_request(std::string_view http1);
/// What the server sends: settings and the answer on stream 1.
std::string http2_answer(std::string_view http1);

}  // namespace probewall::cli
