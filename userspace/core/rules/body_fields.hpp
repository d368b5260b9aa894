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

/// A list whose entries keep their memory when it is cleared.
class FieldList {
 public:
  void clear() { size_ = 0; }
  std::size_t size() const { return size_; }
  bool full() const { return size_ == kMaxFields; }
  const BodyField* begin() const { return slots_.data(); }
  const BodyField* end() const { return slots_.data() + size_; }
  /// A slot to fill; its strings hold what an earlier field left. Not when full().
  BodyField& add(bool is_string, bool from_query) {
    if (size_ == slots_.size()) slots_.emplace_back();
    BodyField& field = slots_[size_++];
    field.is_string = is_string;
    field.from_query = from_query;
    return field;
  }

 private:
  std::vector<BodyField> slots_;
  std::size_t size_ = 0;
};

/// Names whose values are prose or bulk, not structure.
bool is_prose(std::string_view name);

/// Appends the scalars of `body` in order; strings in arrays carry the name of the array. A cut
/// last string is given as far as it goes. Anything that is not JSON yields what looks like it.
/// Without `keep_prose`, prose is passed over: its values are empty. Linear in body.size(); stops
/// when `out` is full.
void read_body_fields(std::string_view body, FieldList& out, bool keep_prose = true);
/// Appends the parameters of "?a=b&c=d" in `target`, percent-decoded.
void read_query_fields(std::string_view target, FieldList& out);
/// %XX decoded; broken escapes stay as they are. Replaces `out`.
void percent_decode(std::string_view text, std::string& out);

}  // namespace probewall::rules
