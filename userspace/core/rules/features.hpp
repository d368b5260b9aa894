// SPDX-License-Identifier: Apache-2.0
// One request as rules see it: computed once, then asked by every condition.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/events.hpp"
#include "core/rules/body_fields.hpp"
#include "core/rules/compiled.hpp"

namespace probewall::rules {

/// Labels that matched, one bit each.
class LabelBits {
 public:
  void reset(std::size_t labels) { words_.assign((labels + 63) / 64, 0); }
  void set(std::uint32_t label) { words_[label / 64] |= std::uint64_t{1} << label % 64; }
  bool test(std::uint32_t label) const { return words_[label / 64] >> label % 64 & 1; }
  bool any(std::uint32_t first, std::uint32_t count) const {
    for (std::uint32_t i = first; i < first + count; ++i) {
      if (test(i)) return true;
    }
    return false;
  }

 private:
  std::vector<std::uint64_t> words_;
};

struct Features {
  const Request* request = nullptr;
  LabelBits labels;
  std::string path;    ///< percent-decoded, no doubled or trailing slash, no query
  std::string model;   ///< from the body, else from a Gemini path; lower case, without ":latest"
  std::string prompt;  ///< normalised
  std::string user_agent;
  std::vector<BodyField> fields;
  Hosted hosted = Hosted::kUnknown;
  std::uint32_t flags = 0;  ///< bits of Flag
  std::uint64_t header_bits = 0;
  std::uint32_t other_headers = 0;  ///< headers no rule mentions
  std::array<std::uint8_t, kMaxHeaders> header_position{};
  std::array<std::string_view, kMaxHeaders> header_value{};  ///< views into *request

  std::uint64_t body_size() const;
};

/// Fills everything but `hosted`. Buffers of `out` are reused. `matched`: scratch space.
void extract_features(const RuleSet::Compiled& rules, const Request& request, hs_scratch* scratch,
                      std::vector<std::uint32_t>& matched, Features& out);

/// Scans an answer's first bytes; labels of answer sets are set in `labels`.
void scan_answer(const RuleSet::Compiled& rules, std::string_view answer, hs_scratch* scratch,
                 std::vector<std::uint32_t>& matched, LabelBits& labels);

/// White space collapsed to single blanks, apostrophes removed, ends trimmed.
std::string normalise_prompt(std::string_view text);
/// `text` without what stands in quotation marks, backticks or block quotes.
std::string without_quotes(std::string_view text);
/// "Llama3.2:latest" and "llama3.2" are the same model.
std::string normalise_model(std::string_view model);

/// The authentication header used ("authorization", "x-api-key", ... or "query"), "" for none.
std::string_view auth_style(const Request& request);

}  // namespace probewall::rules
