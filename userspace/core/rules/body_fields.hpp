// SPDX-License-Identifier: Apache-2.0
// Scalar fields of a JSON body that may stop anywhere, and query parameters, for rules that look at
// the structure of fields (URLs, file paths, numbers) wherever they are nested.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace probewall::rules {

struct BodyField {
  std::string name;   ///< lower case, at most 64 bytes
  std::string value;  ///< unescaped, at most kMaxValue bytes; numbers and words as written
  bool is_string = false;
  bool from_query = false;
  std::optional<double> number() const;
};

inline constexpr std::size_t kMaxFields = 64;
inline constexpr std::size_t kMaxValue = 512;

/// Appends the scalars of `body` in order; strings in arrays carry the name of the array. A cut
/// last string is given as far as it goes. Anything that is not JSON yields what looks like it.
/// Linear in body.size(); stops after kMaxFields.
void read_body_fields(std::string_view body, std::vector<BodyField>& out);
/// Appends the parameters of "?a=b&c=d" in `target`, percent-decoded.
void read_query_fields(std::string_view target, std::vector<BodyField>& out);
/// %XX decoded; broken escapes stay as they are.
std::string percent_decode(std::string_view text);

}  // namespace probewall::rules
