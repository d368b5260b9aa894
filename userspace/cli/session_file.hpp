// SPDX-License-Identifier: Apache-2.0
// Files with requests to try rules on: raw HTTP as a client sends it, or sessions, one JSON object
// a line.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "probewall/result.hpp"

namespace probewall::cli {

struct SessionRequest {
  double at_s = 0;  ///< since the session began; negative: an earlier day
  std::string server = "server-1";
  std::uint16_t port = 8000;
  std::string bytes;   ///< as sent; may hold several requests of one connection
  std::string answer;  ///< as sent; empty: none is known
};

struct Session {
  std::string id;
  std::string label;                    ///< "probe", "benign" or empty
  std::vector<SessionRequest> earlier;  ///< ordinary use by a source that is not new
  std::vector<SessionRequest> requests;
  std::vector<std::string> notes;  ///< what was made up or left out
};

inline constexpr std::uint16_t kRawPort = 8000;

/// `name` stands for the file in errors, which say file, line, what is wrong and the nearest known
/// word (ExitStatus::kFailed). `port`: where raw requests go.
Result<std::vector<Session>> read_session_file(std::string_view text, const std::string& name,
                                               std::uint16_t port = kRawPort);

}  // namespace probewall::cli
