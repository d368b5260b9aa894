// SPDX-License-Identifier: Apache-2.0
// Core's values as the JSON Lines of DESIGN.md section 5. The same code serves the live worker and
// replay, so that both print the same.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "config/config.hpp"
#include "core/events.hpp"
#include "events/json_append.hpp"
#include "events/line_buffer.hpp"

namespace probewall {

struct EventOptions {
  PromptPrivacy prompt = PromptPrivacy::kText;
  /// Unix time minus record clock, in nanoseconds. 0 in replay, whose records carry Unix time.
  std::int64_t wall_offset_ns = 0;
  std::array<std::uint8_t, 16> hash_secret{};  ///< keys prompt_hash, with PromptPrivacy::kHash
};

/// What became of a decision outside the core; unknown in replay.
struct DecisionOutcome {
  std::optional<double> reaction_us;  ///< kernel timestamp of the deciding packet -> table written
  std::optional<std::uint32_t> connections_ended;  ///< unset: they were not, or nobody knows
};

/// Last line of a replay.
struct ReplaySummary {
  std::uint64_t packets = 0, flows = 0, requests = 0, detections = 0, decisions = 0;
  double elapsed_s = 0;  ///< wall time the replay took
};

/// Each function returns one line with its newline, valid until the next call. No line holds a key,
/// a control character or invalid UTF-8. Not thread-safe.
class EventFormatter {
 public:
  explicit EventFormatter(const EventOptions& options = {});
  void set_prompt(PromptPrivacy prompt) { options_.prompt = prompt; }
  void set_wall_offset(std::int64_t ns) { options_.wall_offset_ns = ns; }

  std::string_view request(const Request& request);
  std::string_view response(const Response& response);
  std::string_view detection(const Detection& detection, const Request& request);
  std::string_view decision(const Decision& decision, const DecisionOutcome& outcome = {});
  /// The same of somebody's word instead of a score. `origin`: "operator"; `note`: why, or empty.
  std::string_view ordered(const Decision& decision, std::string_view origin,
                           std::string_view note);
  /// `why`: "expired", "operator" or "flushed".
  std::string_view unblock(Timestamp time, const IpPrefix& source, std::string_view why);
  std::string_view exposure(const Exposure& exposure);
  /// `what`: to_string(Loss), or a name of the caller's for losses outside the core.
  std::string_view loss(Timestamp time, std::string_view what, std::uint64_t count);
  std::string_view summary(const ReplaySummary& summary);

 private:
  void begin(Timestamp time, std::string_view type, const IpPrefix* source);
  std::string_view end();
  /// `,"name":`, put together by the compiler.
  struct Key {
    char text[32] = {};
    std::size_t size = 0;
    consteval Key(const char* name) {  // NOLINT(google-explicit-constructor): names are literals
      text[size++] = ',';
      text[size++] = '"';
      while (*name != 0) text[size++] = *name++;
      text[size++] = '"';
      text[size++] = ':';
    }
  };
  void key(const Key& name) { line_.append({name.text, name.size}); }
  /// `put` writes at most `bound` bytes at the pointer it is given and returns their end.
  template <typename Put>
  void write(std::size_t bound, Put put) {
    line_.written(put(line_.room(bound)));
  }
  void json_string(std::string_view value, std::size_t limit);
  void json_number(double value);
  void decimal(const Key& name, double value);
  void address(const Key& name, const IpAddress& value);
  void text(const Key& name, std::string_view value, std::size_t limit);
  /// Text from the wire, its keys cut.
  void shown(const Key& name, std::string_view value, std::size_t limit);
  void word(const Key& name, std::string_view value);  ///< a constant of ours: not escaped
  void number(const Key& name, std::uint64_t value);
  void flag(const Key& name, bool value);
  void null(const Key& name);
  void aims(std::span<const Aim> aims);
  void prompt(const LlmFields& llm);
  void decided(const Decision& decision, const DecisionOutcome& outcome);
  std::int64_t unix_ns(Timestamp time) const;

  EventOptions options_;
  TimeAppender time_, until_;
  LineBuffer line_;
  std::string scratch_;
};

/// "endpoint-discovery", "fingerprinting"... (DESIGN.md, section 1).
const char* aim_name(Aim aim);

}  // namespace probewall
