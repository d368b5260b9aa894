// SPDX-License-Identifier: Apache-2.0
// Scalar fields of a JSON body that may stop anywhere, and query parameters, for rules that look at
// the structure of fields (URLs, file paths, numbers) wherever they are nested.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/llm/fields.hpp"

namespace probewall::rules {

inline constexpr std::size_t kMaxFields = LlmFields::kMaxScalars;
inline constexpr std::size_t kMaxFieldName = 64;
inline constexpr std::size_t kMaxValue = 512;

/// Views into the text it was read from or into its FieldList.
struct BodyField {
  std::string_view name;   ///< lower case, at most kMaxFieldName bytes
  std::string_view value;  ///< unescaped, at most kMaxValue bytes; numbers and words as written
  bool is_string = false;
  bool from_query = false;
  std::optional<double> number() const;
};

/// A bounded list, with memory for what does not stand in the text as it is meant.
class FieldList {
 public:
  FieldList() { kept_.reserve(kMaxFields * (kMaxFieldName + kMaxValue)); }
  FieldList(const FieldList&) = delete;  // its fields are views into kept_
  FieldList& operator=(const FieldList&) = delete;

  void clear() {
    size_ = 0;
    kept_.clear();
  }
  std::size_t size() const { return size_; }
  bool full() const { return size_ == kMaxFields; }
  const BodyField* begin() const { return slots_.data(); }
  const BodyField* end() const { return slots_.data() + size_; }
  /// Not when full().
  void add(const BodyField& field) { slots_[size_++] = field; }
  /// A copy of `text`, good until clear(). There is room for what a full list needs; names of
  /// objects without fields may use it up, and then the copy is empty.
  std::string_view keep(std::string_view text) {
    if (kept_.capacity() - kept_.size() < text.size()) return {};
    const std::size_t at = kept_.size();
    kept_.append(text);
    return std::string_view{kept_}.substr(at);
  }

 private:
  std::array<BodyField, kMaxFields> slots_;
  std::size_t size_ = 0;
  std::string kept_;
};

/// Names whose values are prose or bulk, not structure.
bool is_prose(std::string_view name);

/// Appends the scalars of `body` in order; strings in arrays carry the name of the array. A cut
/// last string is given as far as it goes. Anything that is not JSON yields what looks like it.
/// What stands in "tool_calls" and its like, a model's earlier calls (is_call_history), is left out.
/// Without `keep_prose`, prose is passed over: its values are empty. Linear in body.size(); stops
/// when `out` is full.
void read_body_fields(std::string_view body, FieldList& out, bool keep_prose = true);
/// The same of a body whose scalars are known: `places` as LlmFields has them.
void read_known_fields(std::string_view body, std::span<const ScalarPlace> places, FieldList& out,
                       bool keep_prose);
/// Appends the parameters of "?a=b&c=d" in `target`, percent-decoded.
void read_query_fields(std::string_view target, FieldList& out);

}  // namespace probewall::rules
