// SPDX-License-Identifier: Apache-2.0
// Where a JSON value stands in a request, and what it is good for there.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/llm/field_names.hpp"

namespace probewall {

/// What a container is for.
enum class FieldPlace : std::uint8_t {
  kOther,
  kRoot,  ///< the request object; kRootArray: a JSON-RPC batch of them
  kRootArray,
  kMessages,  ///< array of messages or of texts
  kMessage,   ///< object with role and content
  kContent,   ///< array of parts
  kPart,      ///< object with text
  kSystem,    ///< array of system texts
  kSystemPart,
  kTexts,  ///< array of prompts
  kOptions,
  kTools,
  kParams,  ///< JSON-RPC params
  kClientInfo,
};

/// Where a string goes.
enum class FieldUse : std::uint8_t {
  kNothing,
  kModel,
  kName,
  kRole,
  kMessageText,
  kUser,
  kWeakUser,
  kSystem,
  kRpcMethod,
  kClientName
};

/// What a container opened under `key` inside `parent` is for.
FieldPlace child_place(FieldPlace parent, FieldName key, bool array);

/// What a string under `key` in `place` says.
FieldUse string_use(FieldPlace place, FieldName key);

/// Whether a value under `key` may name a place to fetch from, and whether this one looks like it.
bool may_be_url(FieldName key);
bool looks_like_url(FieldName key, std::string_view value);

}  // namespace probewall
