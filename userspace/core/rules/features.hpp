// SPDX-License-Identifier: Apache-2.0
// One request as rules see it: what is cheap first, what nobody asks for not at all.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/events.hpp"
#include "core/rules/body_fields.hpp"
#include "core/rules/compiled.hpp"
#include "core/rules/prompt_text.hpp"

namespace probewall::rules {

/// Labels that matched, one bit each, and as a list.
class LabelBits {
 public:
  void reset(std::size_t labels) {
    words_.assign((labels + 63) / 64, 0);
    list_.clear();
  }
  void set(std::uint32_t label) {
    std::uint64_t& word = words_[label / 64];
    const std::uint64_t bit = std::uint64_t{1} << label % 64;
    if ((word & bit) != 0) return;
    word |= bit;
    list_.push_back(label);
  }
  bool test(std::uint32_t label) const { return words_[label / 64] >> label % 64 & 1; }
  bool any(std::uint32_t first, std::uint32_t count) const {
    if (list_.empty()) return false;
    if (count == 1) return test(first);
    for (const std::uint32_t label : list_) {
      if (label >= first && label - first < count) return true;
    }
    return false;
  }
  const std::vector<std::uint32_t>& list() const { return list_; }

 private:
  std::vector<std::uint64_t> words_;
  std::vector<std::uint32_t> list_;
};

struct Features {
  const Request* request = nullptr;
  LabelBits labels;
  WatcherBits candidates;  ///< rules and facts that may hold; the others cannot
  std::string path;        ///< percent-decoded, no doubled or trailing slash, no query
  std::string model;   ///< from the body, else from a Gemini path; lower case, without ":latest"
  std::string prompt;  ///< normalised; only when a candidate asks for it
  std::string_view user_agent;
  FieldList fields;  ///< only when a candidate asks for them
  Hosted hosted = Hosted::kUnknown;
  Auth auth = Auth::kNone;
  std::size_t method = 0;   ///< index into method_words()
  std::uint32_t flags = 0;  ///< bits of Flag
  std::uint64_t header_bits = 0;
  std::uint32_t other_headers = 0;  ///< headers no rule mentions
  std::array<std::uint8_t, kMaxHeaders> header_position{};
  std::array<std::string_view, kMaxHeaders> header_value{};  ///< views into *request

  std::uint64_t body_size() const;

  // Scratch space of FeatureReader, kept for its capacity.
  std::string text, joined;
};

/// What is known of a request's sender before it is looked at.
struct SenderFacts {
  bool key_accepted = false;   ///< a server that refuses strangers has let the request's key in
  std::uint32_t requests = 0;  ///< that the source has sent, with this one; 0: not known
};

/// Fills Features from requests, and scans answers. One for each thread.
class FeatureReader {
 public:
  /// `rules` must outlive this or the next use().
  void use(const RuleSet::Compiled& rules);
  /// Fills everything but `hosted`. Buffers of `out` are reused.
  void read(const Request& request, const SenderFacts& sender, Features& out);
  /// Labels of answer sets that match an answer's first bytes.
  void scan_answer(std::string_view answer, LabelBits& labels);

 private:
  bool wanted(Subject subject, const Features& f) const;
  void narrow(Subject subject, std::size_t labels_before, Features& f);
  void scan(Subject subject, std::string_view text, Features& f);
  void scan_fields(Features& f);
  void scan_field(const BodyField& field, Features& f);
  void scan_headers(const RequestHead& head, Features& f);
  void read_headers(const RequestHead& head, Features& out) const;
  void narrow_by_kind(std::uint32_t requests, Features& f) const;
  void narrow_by_needs(const Needs& needs, std::uint64_t present, Features& f);
  void read_prompt(const Request& request, Features& f);

  /// A short text and the labels of what matched it, so that it is scanned once.
  struct Remembered {
    std::uint64_t hash = 0;
    Subject subject = Subject::kPath;
    std::string text;
    std::vector<std::uint32_t> labels;
  };
  static constexpr std::size_t kRemembered = 1024;
  static constexpr std::size_t kMaxRemembered = 256;  ///< bytes: bounds the memory
  template <typename Scan>
  const std::vector<std::uint32_t>& remembered(Subject subject, std::string_view text, Scan scan);
  const std::vector<std::uint32_t>& labels_in(Subject subject, std::string_view text);
  bool any_field(std::string_view joined);

  std::vector<Remembered> remembered_;
  std::vector<std::uint32_t> unremembered_;  ///< labels of a text too long for that
  bool keep_prose_ = true;                   ///< some rule names such a field
  const RuleSet::Compiled* rules_ = nullptr;
  HsScratch scratch_;
  std::vector<std::uint32_t> matched_;
  WatcherBits row_;
};

/// Bits of Flag.
std::uint32_t request_flags(const Request& request);
/// The header that holds the key ("authorization", "x-api-key"...), or "query"; empty without a key
/// of the sender's own.
std::string auth_style(const Request& request);
/// "Llama3.2:latest" and "llama3.2" are the same model. Replaces `out`.
void normalise_model(std::string_view model, std::string& out);

}  // namespace probewall::rules
