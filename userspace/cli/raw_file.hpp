// SPDX-License-Identifier: Apache-2.0
// Requests as a client sends them, or as people type them in an editor.
#pragma once

#include <string_view>

#include "cli/session_file.hpp"

namespace probewall::cli {

/// "GET /v1/models HTTP/1.1": the first line of a request, without its line end.
bool is_request_line(std::string_view line);

/// One connection with the requests of `text`, one behind the other. A head whose lines end in LF
/// is sent with CRLF, and what stands behind a head that announces no length is sent as its body,
/// up to the next line that begins a request; `notes` say what was made up. Text that needs none of
/// this is sent byte by byte as it is.
Session raw_session(std::string_view text, std::uint16_t port);

}  // namespace probewall::cli
