// SPDX-License-Identifier: Apache-2.0
// The JSON names that mean something to us.
#pragma once

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
  /// Calls that a model made earlier, in the history a client sends along: not the client's words.
  kCallHistory,
};

/// Compares without case.
FieldName field_name(std::string_view key);

}  // namespace probewall
