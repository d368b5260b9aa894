// SPDX-License-Identifier: Apache-2.0
// Reading the API's JSON without caring whether a field is there: a missing one is empty, 0 or
// false.
#pragma once

#include <boost/json/value.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "probewall/result.hpp"

namespace probewall::cli {

using Json = boost::json::value;

/// Error: not JSON (an answer of another program).
Result<Json> parse_json(std::string_view text);

const Json& at(const Json& object, std::string_view key);  ///< null when absent
bool has(const Json& object, std::string_view key);        ///< there and not null
/// Sanitised for a terminal.
std::string text(const Json& object, std::string_view key, std::size_t max_bytes = 400);
std::string raw_text(const Json& object, std::string_view key);
double number(const Json& object, std::string_view key);
std::uint64_t count(const Json& object, std::string_view key);
bool flag(const Json& object, std::string_view key);
const boost::json::array& list(const Json& object, std::string_view key);
std::string compact(const Json& value);

}  // namespace probewall::cli
