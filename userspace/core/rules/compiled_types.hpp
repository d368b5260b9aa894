// SPDX-License-Identifier: Apache-2.0
// What a rule set is made of after compilation; compiled.hpp puts it together.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "core/rules/pattern_db.hpp"
#include "core/rules/rule_set.hpp"
#include "core/rules/words.hpp"

namespace probewall::rules {

/// What a pattern set is matched against. Order is that of kSubjectWords.
enum class Subject : std::uint8_t {
  kPath,    ///< path, percent-decoded, without doubled or trailing slashes
  kTarget,  ///< path and query, percent-decoded
  kUserAgent,
  kPrompt,  ///< last user text, white space collapsed, apostrophes removed
  kSpeech,  ///< the prompt without its quoted parts: what the sender says, not what he quotes
  kSystem,  ///< system text, as kPrompt
  kModel,
  kField,  ///< string values of body fields and query parameters, one by one
  kRpcMethod,
  kClient,  ///< MCP clientInfo.name
  kBody,    ///< body prefix as sent
  kAnswer,  ///< first bytes of the answer, head and body
  kHeader,  ///< values of headers with a brace in them, one by one
  kCount
};
inline constexpr std::size_t kSubjects = static_cast<std::size_t>(Subject::kCount);
const std::vector<std::string>& subject_words();
/// Patterns of these subjects must cover the whole text; in the others they may stand anywhere.
bool matches_whole(Subject subject);

/// One label of one set. `set:label` in the language; a set without labels has one, "".
struct LabelInfo {
  std::string name;
  std::uint16_t set = 0;
};

struct SetInfo {
  std::string id;
  Subject subject = Subject::kPath;
  std::uint32_t first_label = 0;
  std::uint32_t label_count = 0;
};

/// A pattern's label, and for field sets the field names it looks at (empty: every field).
struct PatternInfo {
  std::uint32_t label = 0;
  std::vector<std::string> names;  ///< lower case
  int line = 0;
  std::uint32_t file = 0;
};

struct SubjectPatterns {
  PatternDatabase db;
  /// kField only: finds at least what `db` finds in any of several values, one a line.
  PatternDatabase joined;
  std::vector<PatternInfo> patterns;
};

enum class Test : std::uint8_t {
  kAll,
  kAny,
  kNot,
  kLabels,  ///< a label in [a, a + b) matched
  kMethod,
  kApi,
  kProduct,
  kAuth,
  kFlag,  ///< `mask` has the bit of the value
  kHeadersPresent,
  kHeadersAbsent,
  kHeadersAnyPresent,  ///< over `mask` of header slots
  kHeadersOnly,        ///< no header outside `mask`
  kHeaderOrder,        ///< header slots `list` appear in that order
  kHeaderValue,        ///< header slot `a` is `text`, lower case
  kHeaderCount,
  kHttpVersion,  ///< ten times the major number, and the minor one
  kPort,
  kAddress,  ///< the client lies in one of `prefixes`
  kBodySize,
  kBodyJson,
  kBodyMalformed,
  kBodyEmpty,
  kFieldNumber,
  kFieldText,
  kFieldPresent,  ///< field `text`
  kModelHosted,   ///< `mask` has the bit of Hosted
  kModelPresent,
  kPromptLength,
  kMaxTokens,
  kTokensAsked,
  kMessages,
  kTools,
  kStatus,  ///< `list`: pairs low, high
  kAnswerProduct,
  kModelNotFound,
};

/// What most tests look at comes first, in one line of the processor's cache.
struct alignas(64) Condition {
  Test test = Test::kAll;
  std::uint32_t a = 0;
  std::uint32_t b = 0;
  std::uint64_t mask = 0;
  std::vector<Condition> children;  ///< kAll, kAny: any number; kNot: one
  Range range;
  std::string text;
  std::vector<std::uint32_t> list;
  std::vector<IpPrefix> prefixes;
};

enum class SourceTest : std::uint8_t {
  kDistinct,  ///< values of `fact` seen within `within`; `ratio`: at least so many per request
  kFirstSeenWithin,
  kFirstSeenBefore,
  kRequests,      ///< requests so far
  kFailureRatio,  ///< failed / answered, at least `ratio`, with `range` answers
  kKeySources,    ///< sources that used the request's key within `within_ds`
};

struct SourceCondition {
  SourceTest test = SourceTest::kDistinct;
  std::uint16_t fact = 0;
  Range range;
  std::uint32_t within_ds = 0;  ///< tenths of a second
  double ratio = 0;
};

enum class FactValue : std::uint8_t {
  kRequest,
  kServer,
  kPort,
  kEndpoint,
  kPath,
  kTarget,
  kKey,
  kAuthStyle,
  kModel,
  kUserAgent,
  kPrompt,
  kRpcMethod,
  kBody,
  kHeaderShape,
  kUrlHost,
  kStatus,
  kLabel,
  kCount
};

/// Something worth remembering about a source: distinct values, each with the time last seen.
struct Fact {
  FactValue value = FactValue::kRequest;
  bool on_answer = false;
  std::uint16_t set = 0;       ///< kLabel
  std::uint32_t capacity = 2;  ///< values kept per source: what the largest condition needs
  std::uint32_t keep_ds = 0;   ///< the longest window that looks at it
  std::string id;
  Condition when;
  Condition answer;
};

struct Rule {
  double max_points = 0;  ///< ceiling of this rule's points on one source
  std::uint32_t cooldown_ds = 0;
  bool once = false;
  bool on_request = true;          ///< false: has an `answer` part
  bool on_answer = false;          ///< has one, or looks at a fact that answers fill
  Action action = Action::kBlock;  ///< kBlock or kRateLimit
  std::vector<SourceCondition> source;
  RuleInfo info;
  Condition when;
  Condition answer;
};

/// How a request shows who it is, with what is known of its key. Bits of Test::kAuth. A key is
/// accepted once a server that was seen refusing strangers has let it in: any other may be made up.
enum class Auth : std::uint8_t { kNone, kBearer, kOther, kNewBearer, kNewOther, kCount };

/// Bits of FactValue and Test::kModelHosted.
enum class Hosted : std::uint8_t { kUnknown, kYes, kNo };
/// Bits of Test::kFlag, in the order of flag_words().
enum class Flag : std::uint8_t {
  kDecoy,
  kTimedOut,
  kTruncated,
  kOdd,
  kCutHead,
  kExpectContinue,
  kChunked,
  kUpgrade,
  kTransferConflict,
  kOverLimit,     ///< the body announced is larger than limits.body_bytes
  kWellKnownKey,  ///< the key stands in manuals
  kPreflight,     ///< a browser asks whether a page may ask (CORS)
  kCount
};

inline constexpr std::size_t kMaxHeaders = 64;   ///< header names one rule set may mention
const std::vector<std::string>& method_words();  ///< the last one, "other", stands for the rest

}  // namespace probewall::rules
