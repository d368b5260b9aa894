// SPDX-License-Identifier: Apache-2.0
// The JSON names that mean something to us.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace probewall {

enum class FieldName : std::uint8_t {
  kOther,
  kModel,
  kName,
  kMessages,
  kPrompt,
  kInput,
  kText,
  kSystem,
  kSystemInstruction,
  kContents,
  kMaxTokens,
  kChoices,  ///< how many answers at once
  kOptions,
  kStream,
  kInsecure,
  kTools,
  kMethod,
  kParams,
  kClientInfo,
  kRole,
  kContent,
  kParts,
  kQuery,
  kUrl,   ///< a value that is an URL when it means anything
  kPath,  ///< a value that may be an URL or a file
  /// Calls that a model made earlier and what tools said to them, in the history that a client
  /// sends along: not the client's words.
  kCallHistory,
};

/// Compares without case.
FieldName field_name(std::string_view key);

/// Whether what opens under `key`, inside `depth` other objects and arrays, holds such calls: also
/// the "input" object of a block in a message (Anthropic's "tool_use"), which no request has nearer
/// to its root.
constexpr bool is_call_history(FieldName key, bool array, std::size_t depth) {
  constexpr std::size_t kBlock = 5;  // root, messages, message, content, block
  return key == FieldName::kCallHistory || (key == FieldName::kInput && !array && depth >= kBlock);
}

}  // namespace probewall
